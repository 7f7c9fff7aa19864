/*
 * IDENTIFY: a machine that was made before anybody asked for it (a pooled sandbox, a snapshot) learns its name and its default
 * user. For that the guest holds CAP_SYS_ADMIN where its wall gives it (`--admin until-named`); it is dropped for good, also
 * from what commands can get, once the name is set or the first command starts, whichever comes first.
 */
#ifndef GUEST_NAMING_H
#define GUEST_NAMING_H

#include <stdbool.h>
#include <stdint.h>

#include "../../wire/wire.h"

enum { HOSTNAME_MAX_BYTES = 64, DEFAULT_USER_MAX_BYTES = 65 /* user:group */ };

void naming_drops_admin(void);
void naming_identify(uint32_t id, struct wire_reader *payload);
/* Before anything of an agent's runs. 0 or a negative errno: then nothing may run. */
int naming_settle(void);

#endif
