/*
 * IDENTIFY: a machine that was made before anybody asked for it (a pooled sandbox, a copy of another one) learns its name and
 * its default user. For that the guest is permitted CAP_SYS_ADMIN where its wall gives it (`--admin for-naming`). It is in
 * effect only for the one call that sets the name. Before the first command starts it is taken out of the bounding set for
 * good, so that no command can get it, whatever it executes; the guest keeps it, since a copy of this machine, made when
 * commands run, needs a name of its own.
 */
#ifndef GUEST_NAMING_H
#define GUEST_NAMING_H

#include <stdbool.h>
#include <stdint.h>

#include "../../wire/wire.h"

enum { HOSTNAME_MAX_BYTES = 64, DEFAULT_USER_MAX_BYTES = 65 /* user:group */ };

void naming_holds_admin(void);
void naming_identify(uint32_t id, struct wire_reader *payload);
/* Before anything of an agent's runs. 0 or a negative errno: then nothing may run. */
int naming_settle(void);

#endif
