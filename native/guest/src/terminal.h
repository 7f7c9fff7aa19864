/* Pseudo terminals. */
#ifndef GUEST_TERMINAL_H
#define GUEST_TERMINAL_H

#include <stdint.h>

#include "users.h"

/* Opens a terminal of the given size, whose slave belongs to the user. *master does not block. 0 or a negative errno. */
int terminal_open(const struct user *user, uint16_t rows, uint16_t columns, int *master, int *slave);

#endif
