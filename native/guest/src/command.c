/* What an EXEC asks for: see command.h. */
#include "command.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"
#include "messages.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum { DEFAULT_VARIABLES = 6 };

/* Copies `name=value` or a plain word to *at. */
static char *place(char **at, const char *name, const char *value, size_t length) {
    char *start = *at;
    char *end = stpcpy(start, name);
    memcpy(end, value, length);
    end[length] = '\0';
    *at = end + length + 1;
    return start;
}

static const char *value_of(char *const *environment, size_t count, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < count; i++)
        if (strncmp(environment[i], name, length) == 0 && environment[i][length] == '=')
            return environment[i] + length + 1;
    return NULL;
}

/* Adds what the request's environment leaves open. */
static void add_defaults(struct command *command, size_t count, char **at) {
    const struct user *user = &command->user;
    const struct {
        const char *name;
        const char *assignment;
        const char *value;
    } defaults[DEFAULT_VARIABLES] = {
        {"HOME", "HOME=", user->home},         {"USER", "USER=", user->name},
        {"LOGNAME", "LOGNAME=", user->name},   {"SHELL", "SHELL=", user->shell},
        {"PATH", "PATH=", DEFAULT_PATH},       {"TERM", "TERM=", "xterm-256color"},
    };
    for (size_t i = 0; i < DEFAULT_VARIABLES; i++) {
        bool terminal_only = strcmp(defaults[i].name, "TERM") == 0;
        if (value_of(command->environment, count, defaults[i].name) != NULL ||
            (terminal_only && (command->flags & EXEC_PTY) == 0))
            continue;
        command->environment[count++] = place(at, defaults[i].assignment, defaults[i].value, strlen(defaults[i].value));
    }
    command->environment[count] = NULL;
    command->path = value_of(command->environment, count, "PATH");
}

/* Bytes that all strings need at most: what the payload holds, a NUL for each, and the defaults. */
static size_t storage_bytes(const struct command *command, size_t payload_bytes, size_t strings) {
    const struct user *user = &command->user;
    return payload_bytes + strings + sizeof DEFAULT_PATH + strlen(user->home) + 2 * strlen(user->name) +
           strlen(user->shell) + 128;
}

static int read_lists(struct wire_reader *payload, struct command *command, struct text *why) {
    struct wire_reader ahead = *payload;
    uint32_t argc = wire_read_count(&ahead);
    for (uint32_t i = 0; i < argc; i++)
        wire_read_str(&ahead);
    uint32_t envc = wire_read_count(&ahead);
    size_t bytes = storage_bytes(command, (size_t)(payload->end - payload->at), (size_t)argc + envc);
    command->argv = calloc((size_t)argc + 1, sizeof *command->argv);
    command->environment = calloc((size_t)envc + DEFAULT_VARIABLES + 1, sizeof *command->environment);
    command->storage = malloc(bytes);
    if (command->argv == NULL || command->environment == NULL || command->storage == NULL) {
        text_start(why, "no memory for the command");
        return -ENOMEM;
    }
    char *at = command->storage;
    wire_read_count(payload);
    for (uint32_t i = 0; i < argc; i++) {
        struct wire_str word = wire_read_str(payload);
        command->argv[i] = place(&at, "", word.bytes, word.length);
    }
    wire_read_count(payload);
    for (uint32_t i = 0; i < envc; i++) {
        struct wire_str word = wire_read_str(payload);
        if (word.length == 0 || word.bytes[0] == '=' || memchr(word.bytes, '=', word.length) == NULL) {
            text_start(why, "an environment entry is not NAME=value (entry ");
            text_add_number(why, i + 1);
            text_add(why, ")");
            return -EINVAL;
        }
        command->environment[i] = place(&at, "", word.bytes, word.length);
    }
    if (argc == 0) {
        text_start(why, "the command is empty: argv needs at least the program");
        return -EINVAL;
    }
    add_defaults(command, envc, &at);
    return 0;
}

static int read_user_and_directory(struct wire_reader *payload, struct command *command, struct text *why) {
    struct wire_str user = wire_read_str(payload);
    struct wire_str directory = wire_read_str(payload);
    int error = users_find(user, &command->user);
    if (error != 0) {
        text_start(why, "the Tiny VM has no user '");
        user = users_word(user);
        text_add_bytes(why, user.bytes, user.length);
        text_add(why, "' (see its /etc/passwd)");
        return error;
    }
    command->directory[0] = '\0';
    if (directory.length > 0)
        error = identity_path(&command->user, directory, command->directory);
    if (error != 0) {
        text_start(why, "the working directory's path is too long");
        return error;
    }
    return 0;
}

int command_read(struct wire_reader *payload, struct command *command, struct text *why) {
    command->argv = NULL;
    command->environment = NULL;
    command->storage = NULL;
    command->flags = wire_read_u32(payload);
    command->tag = wire_read_str(payload);
    if ((command->flags & ~(uint32_t)EXEC_FLAGS) != 0)
        return -EBADMSG;
    if (command->tag.length > LIMIT_TAG_BYTES) {
        text_start(why, "the tag is longer than 256 bytes");
        return -EINVAL;
    }
    int error = read_user_and_directory(payload, command, why);
    if (error == 0)
        error = read_lists(payload, command, why);
    command->rows = wire_read_u16(payload);
    command->columns = wire_read_u16(payload);
    return error;
}

void command_free(struct command *command) {
    free(command->argv);
    free(command->environment);
    free(command->storage);
}
