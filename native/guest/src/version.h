/* The guest's own version, told in WELCOME and by --version. */
#ifndef GUEST_VERSION_H
#define GUEST_VERSION_H

#define GUEST_VERSION "0.1.0"

#endif
