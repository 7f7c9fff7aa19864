/* The opening frames about files, and what they share. */
#ifndef GUEST_FILES_H
#define GUEST_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "../../wire/wire.h"
#include "identity.h"

void file_stat(uint32_t id, struct wire_reader *payload);
void file_list(uint32_t id, struct wire_reader *payload);
void file_mkdir(uint32_t id, struct wire_reader *payload);
void file_rename(uint32_t id, struct wire_reader *payload);
void file_remove(uint32_t id, struct wire_reader *payload);
void file_read(uint32_t id, struct wire_reader *payload);
void file_write(uint32_t id, struct wire_reader *payload);
void file_chmod(uint32_t id, struct wire_reader *payload);
void file_chown(uint32_t id, struct wire_reader *payload);
void file_symlink(uint32_t id, struct wire_reader *payload);
void file_xattrs(uint32_t id, struct wire_reader *payload);
void file_set_xattr(uint32_t id, struct wire_reader *payload);
void file_remove_xattr(uint32_t id, struct wire_reader *payload);

/* Reads the `user` and `path` that file requests begin with. False: answered with ERROR. */
bool file_request(uint32_t id, struct wire_reader *payload, struct user *user, char path[FILE_PATH_BYTES]);
/* Reads a user; false: answered with ERROR. */
bool file_request_user(uint32_t id, struct wire_reader *payload, struct user *user);
/* Reads a path; false: answered with ERROR. */
bool file_request_path(uint32_t id, struct wire_reader *payload, const struct user *user, char path[FILE_PATH_BYTES]);
/* DONE when error is 0, else ERROR for a negative errno. */
void file_answer(uint32_t id, int error, const char *action, const char *path);

/* Makes the directories above `path` that are missing (mode 0755), as the user that is entered. 0 or negative errno. */
int file_make_parents(const char *path);

/* The largest encoded entry. */
enum { ENTRY_BYTES = 10240 };
/* Writes an `entry` for a file in directory dir_fd (or AT_FDCWD), shown as `shown`. */
void file_write_entry(struct wire_writer *frame, struct accounts *accounts, int dir_fd, const char *name, const char *shown,
                      const struct stat *status);

#endif
