/* Volumes of walls that run: a process enters the wall's mount namespace, attaches or detaches, and ends. */
#ifndef SPAWNER_ATTACH_H
#define SPAWNER_ATTACH_H

#include "request.h"
#include "wall.h"

/* EEXIST when something is mounted there already. */
int volume_attach(uint32_t slot, const struct request *request, struct fault *fault);
/* EBUSY when something inside uses it, unless forced; ENOENT when nothing is mounted there. */
int volume_detach(uint32_t slot, const struct request *request, struct fault *fault);

#endif
