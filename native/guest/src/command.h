/* What an EXEC asks for, in the form that exec needs: terminated strings, complete environment, known user. */
#ifndef GUEST_COMMAND_H
#define GUEST_COMMAND_H

#include <stdint.h>

#include "identity.h"
#include "text.h"
#include "users.h"

struct command {
    uint32_t flags;
    struct wire_str tag; /* points into the payload */
    struct user user;
    char directory[FILE_PATH_BYTES]; /* absolute; "" when the request names none */
    char **argv;
    char **environment;
    const char *path; /* the value of PATH in environment */
    uint16_t rows;
    uint16_t columns;
    char *storage; /* of all the strings */
};

/* 0, or a negative errno with the reason in *why (-EBADMSG: an unknown flag). Call command_free in any case. */
int command_read(struct wire_reader *payload, struct command *command, struct text *why);
void command_free(struct command *command);

#endif
