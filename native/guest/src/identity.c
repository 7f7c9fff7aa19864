/* Acting on files as a user of the Tiny VM: see identity.h. */
#include "identity.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool entered;
static bool by_effective_id; /* instead of the file system ids */
static uid_t own_uid;
static gid_t own_gid;

void identity_init(void) {
    own_uid = geteuid();
    own_gid = getegid();
    errno = 0;
    by_effective_id = syscall(SYS_setfsuid, (uid_t)-1) < 0 && errno == ENOSYS;
    if (own_uid == 0)
        (void)setgroups(0, NULL); /* refused where setgroups is denied: then identity_enter reports it for other users */
}

/* gVisor has no ids for the file system alone. The group goes first on the way out of root, the user on the way back, since
 * only uid 0 may change groups. Signals and ptrace go by the real and the saved ids, which stay root's. */
static bool become_effectively(uid_t uid, gid_t gid) {
    if (uid == own_uid)
        return setresuid((uid_t)-1, uid, (uid_t)-1) == 0 && setresgid((gid_t)-1, gid, (gid_t)-1) == 0;
    return setresgid((gid_t)-1, gid, (gid_t)-1) == 0 && setresuid((uid_t)-1, uid, (uid_t)-1) == 0;
}

static bool become(uid_t uid, gid_t gid) {
    if (by_effective_id)
        return become_effectively(uid, gid);
    /* setfsuid(2) reports no error; asking with an impossible id tells what it is now. */
    setfsgid(gid);
    setfsuid(uid);
    return (uid_t)setfsuid((uid_t)-1) == uid && (gid_t)setfsgid((gid_t)-1) == gid;
}

int identity_enter(const struct user *user) {
    if (user->uid == own_uid && (own_uid != 0 || user->gid == own_gid))
        return 0;
    if (setgroups(user->group_count, user->groups) != 0)
        return -errno;
    entered = true;
    if (become(user->uid, user->gid))
        return 0;
    identity_leave();
    return -EPERM;
}

void identity_leave(void) {
    int saved = errno;
    if (!entered)
        return;
    /* The uid first: it brings the capabilities back that setgroups needs. Going on as somebody else must not happen. */
    if (!become(own_uid, own_gid) || setgroups(0, NULL) != 0)
        abort();
    entered = false;
    (void)prctl(PR_SET_DUMPABLE, 0); /* a change of fsuid sets it to fs.suid_dumpable (prctl(2)) */
    errno = saved;
}

int identity_path(const struct user *user, struct wire_str path, char absolute[FILE_PATH_BYTES]) {
    if (path.length == 0)
        return -ENOENT;
    size_t home = path.bytes[0] == '/' ? 0 : strlen(user->home);
    size_t slash = home > 0 && user->home[home - 1] != '/' ? 1 : 0;
    if (home + slash + path.length >= FILE_PATH_BYTES)
        return -ENAMETOOLONG;
    memcpy(absolute, user->home, home);
    if (slash > 0)
        absolute[home] = '/';
    memcpy(absolute + home + slash, path.bytes, path.length);
    absolute[home + slash + path.length] = '\0';
    return 0;
}
