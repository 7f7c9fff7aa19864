/* See stage.h. */
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "checkpoint.h"
#include "config.h"
#include "oci_config.h"

/* <sys/mount.h> and <linux/mount.h> do not go together in this libc. */
int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
int umount2(const char *target, int flags);
#define MNT_DETACH 2

static int make_dirs_inside(const struct child_plan *plan) {
    static const struct { const char *name; bool owned; } dirs[] = {
        {"usr", false}, {"etc", false}, {"proc", false}, {"sys", false}, {"sys/fs", false}, {"sys/fs/cgroup", false},
        {"dev", false}, {"rootfs", false}, {"template-sys", false}, {"volumes", false},
        {"checkpoint", false}, {"tmp", true}, {"bundle", true}, {"state", true}, {"socket", true}};
    char path[64];
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        snprintf(path, sizeof path, TREE_STAGE "/%s", dirs[i].name);
        if (mkdir(path, 0755) < 0 || (dirs[i].owned && (chown(path, plan->base, plan->base) < 0 || chmod(path, 0700) < 0)))
            return -errno;
    }
    static const char *const files[] = {TREE_STAGE STAGE_RUNTIME, TREE_STAGE STAGE_GUEST};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        int result = create_file_at(AT_FDCWD, files[i], 0555, "", 0);
        if (result < 0)
            return result;
    }
    return 0;
}

static int bind_read_only(const char *from, const char *to, unsigned long recursive, uint64_t more) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | more};
    if (mount(from, to, NULL, MS_BIND | recursive, NULL) < 0 ||
        syscall(SYS_mount_setattr, AT_FDCWD, to, 0, &attributes, sizeof attributes) < 0)
        return -errno;
    return 0;
}

/* /bin, /lib, … : as on the host, links into /usr or directories of their own. */
static int add_host_dirs(const struct child_plan *plan) {
    static const char *const names[] = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char from[64], to[64], target[PATH_BYTES];
        snprintf(from, sizeof from, TREE_SKELETON "/%s", names[i]);
        snprintf(to, sizeof to, TREE_STAGE "/%s", names[i]);
        ssize_t n = readlink(from, target, sizeof target - 1);
        if (n >= 0) {
            target[n] = 0;
            if (symlink(target, to) < 0)
                return -errno;
        }
    }
    for (uint32_t i = 0; i < plan->host_dirs->count; i++) {
        char from[64], to[64];
        snprintf(from, sizeof from, TREE_HOST_DIRS "/%s", plan->host_dirs->names[i]);
        snprintf(to, sizeof to, TREE_STAGE "/%s", plan->host_dirs->names[i]);
        int result = mkdir(to, 0755) < 0 ? -errno : bind_read_only(from, to, 0, MOUNT_ATTR_NODEV);
        if (result < 0)
            return result;
    }
    return 0;
}

static bool same_content(int a, int b) {
    static char left[65536], right[65536];
    for (;;) {
        ssize_t n = read(a, left, sizeof left), m = read(b, right, sizeof right);
        if (n <= 0 || n != m || memcmp(left, right, (size_t)n) != 0)
            return n == 0 && m == 0;
    }
}

/* The guest that is mapped in a checkpoint's memory must be the one that it was: where it is not this spawner's, a copy. */
static int add_guest(const struct child_plan *plan) {
    char path[PATH_BYTES];
    if (plan->checkpoint[0] == 0)
        return bind_read_only(TREE_GUEST, TREE_STAGE STAGE_GUEST, 0, MOUNT_ATTR_NODEV);
    snprintf(path, sizeof path, TREE_POOL "/c-%s/" CHECKPOINT_GUEST, plan->checkpoint);
    int saved = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), own = open(TREE_GUEST, O_RDONLY | O_CLOEXEC);
    int result = saved < 0 || own < 0 ? -errno : 0;
    bool same = result == 0 && same_content(saved, own);
    fd_close(&own);
    if (same)
        result = bind_read_only(TREE_GUEST, TREE_STAGE STAGE_GUEST, 0, MOUNT_ATTR_NODEV);
    else if (result == 0) {
        int copy = open(TREE_STAGE STAGE_GUEST, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
        result = copy < 0 || lseek(saved, 0, SEEK_SET) < 0 ? -errno : 0;
        if (result == 0)
            result = copy_rest(saved, copy);
        fd_close(&copy);
    }
    fd_close(&saved);
    return result;
}

static int add_programs(const struct child_plan *plan) {
    char runtime[64];
    snprintf(runtime, sizeof runtime, TREE_RUNTIMES "/%s", runtime_name(plan->runtime));
    int result = bind_read_only(TREE_USR, TREE_STAGE "/usr", 0, MOUNT_ATTR_NODEV);
    if (result == 0)
        result = add_host_dirs(plan);
    if (result == 0)
        result = bind_read_only(TREE_SKELETON "/etc", TREE_STAGE "/etc", 0, MOUNT_ATTR_NODEV);
    if (result == 0)
        result = bind_read_only(runtime, TREE_STAGE STAGE_RUNTIME, 0, MOUNT_ATTR_NODEV);
    return result == 0 ? add_guest(plan) : result;
}

/*
 * crun and runc look at /sys/fs/cgroup even when they shall leave cgroups alone: a read-only cgroup2 seen from the wall's own
 * cgroup namespace satisfies them, on hybrid hosts too, where they refuse the real tree. Without cgroup2 it stays empty.
 */
static int add_kernel_trees(const struct child_plan *plan) {
    char range[32];
    if (mount("proc", TREE_STAGE "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return -errno;
    if (mount("cgroup", TREE_STAGE "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0) {
        struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
        if (syscall(SYS_mount_setattr, AT_FDCWD, TREE_STAGE "/sys/fs/cgroup", 0, &attributes, sizeof attributes) < 0)
            return -errno;
    }
    /* The network namespace belongs to the host's root: low ports and ping are opened to the Tiny VM here. */
    snprintf(range, sizeof range, "%u %u", plan->base, plan->base + 65534U);
    int result = write_file(TREE_STAGE "/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    if (result == 0)
        result = write_file(TREE_STAGE "/proc/sys/net/ipv4/ping_group_range", range);
    if (result == 0)
        result = bind_read_only(TREE_DEV, TREE_STAGE "/dev", 0, MOUNT_ATTR_NOEXEC);
    return result == 0 ? bind_read_only(TREE_SYS, TREE_STAGE STAGE_SYS, 0, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC) : result;
}

/* The guest binds its socket here: a file system of its own, so that nothing inside can fill anything outside. */
static int add_sockets(const struct child_plan *plan) {
    char options[96];
    snprintf(options, sizeof options, "size=64k,nr_inodes=%d,mode=0700,uid=%u,gid=%u", SOCKETS_INODES, plan->base, plan->base);
    return mount("sockets", TREE_STAGE STAGE_SOCKETS, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0 ? -errno : 0;
}

/* What the runtime restores from; the guest in it is suspended, and finds that it may come back. */
static int add_checkpoint(const struct child_plan *plan) {
    char image[PATH_BYTES];
    if (plan->checkpoint[0] == 0)
        return 0;
    snprintf(image, sizeof image, TREE_POOL "/c-%s/image", plan->checkpoint);
    int result = child_bind_mapped(image, RESOLVE_NO_SYMLINKS, plan->userns, TREE_STAGE STAGE_CHECKPOINT);
    return result == 0 ? create_file_at(AT_FDCWD, TREE_STAGE STAGE_SOCKETS_WAKE, 0444, "", 0) : result;
}

static int enter(void) {
    if (mount(TREE_ROOT, TREE_STAGE STAGE_ROOTFS, NULL, MS_BIND | MS_REC, NULL) < 0 || chdir(TREE_STAGE) < 0 ||
        syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return -errno;
    return 0;
}

int stage_build(const struct child_plan *plan, int *layer_mount, struct fault *fault) {
    int result = child_mount_root(plan, layer_mount, fault);
    if (result < 0)
        return result;
    if (mount("stage", TREE_STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=16m,nr_inodes=1024") < 0)
        return fault_set(fault, errno, "mount-stage", "cannot mount a tmpfs for the runtime");
    static const char *const steps[] = {"make its directories", "add the runtime's program", "add /proc, /sys and /dev",
                                        "add the sockets' directory", "add the checkpoint", "enter it"};
    size_t step = 0;
    if ((result = make_dirs_inside(plan)) == 0 && ++step && (result = add_programs(plan)) == 0 && ++step &&
        (result = add_kernel_trees(plan)) == 0 && ++step && (result = add_sockets(plan)) == 0 && ++step && (result = add_checkpoint(plan)) == 0 && ++step)
        result = enter();
    return result == 0 ? 0 : fault_set(fault, -result, "build-stage", "cannot build the runtime's root directory: %s", steps[step]);
}

/* A file that child_mount_root has made in the root file system; links of the image cannot lead out of it. */
static int fill_etc(int root, const char *path, const char *text) {
    int fd = sys_openat2(root, path, O_WRONLY | O_TRUNC | O_NOFOLLOW, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
    ssize_t n = fd < 0 ? 0 : write(fd, text, strlen(text));
    int result = fd < 0 ? fd : n != (ssize_t)strlen(text) ? -EIO : 0;
    fd_close(&fd);
    return result == -ENOENT || result == -ENOTDIR || result == -EISDIR || result == -ELOOP ? 0 : result;
}

int stage_name_host(const char *hostname, struct fault *fault) {
    char text[512];
    int root = open(STAGE_ROOTFS, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int result = root < 0 ? -errno : 0;
    snprintf(text, sizeof text, "%s\n", hostname);
    if (result == 0)
        result = fill_etc(root, "etc/hostname", text);
    snprintf(text, sizeof text, "127.0.0.1\tlocalhost\n127.0.1.1\t%s\n::1\tlocalhost ip6-localhost ip6-loopback\n", hostname);
    if (result == 0)
        result = fill_etc(root, "etc/hosts", text);
    fd_close(&root);
    return result == 0 ? 0 : fault_set(fault, -result, "write-etc", "cannot write /etc/hostname and /etc/hosts");
}

int stage_add_volume(int mount_fd, uint32_t index, struct fault *fault) {
    char path[32];
    snprintf(path, sizeof path, STAGE_VOLUMES "/%u", index);
    if (mkdir(path, 0755) < 0 || syscall(SYS_move_mount, mount_fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return fault_set(fault, errno, "mount-volume", "cannot attach volume %u", index);
    return 0;
}

int stage_write_config(const struct child_plan *plan, const struct activation *request, struct fault *fault) {
    static char text[OCI_CONFIG_BYTES];
    static struct oci_config config;
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return fault_set(fault, errno, "write-config", "cannot read the descriptor limit");
    config = (struct oci_config){.runtime = plan->runtime, .hostname = request->hostname, .user = request->user,
                                 .read_only_root = request->read_only_root, .mount_count = request->mount_count,
                                 .descriptors = files.rlim_max < 65536 ? files.rlim_max : 65536,
                                 .kept_capabilities = child_kept_capabilities(plan->runtime)};
    for (uint32_t i = 0; i < request->mount_count; i++)
        config.mounts[i] = (struct oci_mount){request->mounts[i].target, request->mounts[i].read_only};
    ssize_t length = oci_config_write(&config, text, sizeof text);
    if (length == -EINVAL)
        return fault_set(fault, EINVAL, "validate-mount", "an OCI runtime needs the targets of volumes in UTF-8");
    int result = length < 0 ? (int)length : create_file_at(AT_FDCWD, STAGE_BUNDLE "/config.json", 0444, text, (size_t)length);
    return result == 0 ? 0 : fault_set(fault, -result, "write-config", "cannot write the runtime's configuration");
}
