/* See tree.h. */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lower.h"
#include "userns.h"

bool tree_can_map(const char *path, uid_t base) {
    int userns = userns_for_slot(base);
    int tree = userns < 0 ? -1 : open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned long long)userns};
    bool can = tree >= 0 && mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0;
    fd_close(&tree);
    fd_close(&userns);
    return can;
}

static int private_path(const struct config *config, const char *name, char *out) {
    return format_path(out, PATH_BYTES, "%s/" PRIVATE_DIR "%s", config->run, name);
}

/* Whoever else could write there could lie to the spawner about its walls. */
static int check_private(const char *path) {
    struct stat info;
    if (lstat(path, &info) < 0)
        return -errno;
    return S_ISDIR(info.st_mode) && info.st_uid == 0 && (info.st_mode & 022) == 0 ? 0 : -EPERM;
}

int tree_make_dirs(const struct config *config, struct fault *fault) {
    static const char *const names[] = {"", "/root"};
    char path[PATH_BYTES];
    struct stat info;
    int result = make_dirs(config->run, 0755);
    for (size_t i = 0; result == 0 && i < sizeof names / sizeof *names; i++) {
        result = private_path(config, names[i], path);
        if (result == 0)
            result = make_dir_at(AT_FDCWD, path, 0700);
        if (result == 0)
            result = check_private(path);
    }
    /* The manager has to reach its sockets. */
    if (result == 0 && (stat(config->run, &info) < 0 || chmod(config->run, (info.st_mode & 07777) | 0111) < 0))
        result = -errno;
    return result == 0 ? 0 : fault_set(fault, -result, "make-run-directory", "cannot prepare %s", config->run);
}

static bool is_in_memory(const char *path) {
    struct statfs info;
    return statfs(path, &info) == 0 && (info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC);
}

/* Makes <parent>/tinyvm-<block>, or says why it cannot be used. */
static int use_memory(const char *parent, uint32_t block, struct fast_place *place) {
    if (!is_in_memory(parent))
        return -ENOENT;
    snprintf(place->name, sizeof place->name, "tinyvm-%u", block);
    int result = format_path(place->path, sizeof place->path, "%s/%s", parent, place->name);
    if (result == 0)
        result = make_dir_at(AT_FDCWD, place->path, 0755);
    if (result == 0)
        result = check_private(place->path);
    if (result == 0 && (place->parent = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        result = -errno;
    return result;
}

int tree_make_fast_place(const struct config *config, uint32_t block, struct fast_place *place, struct fault *fault) {
    char path[PATH_BYTES], link[PATH_BYTES];
    place->parent = -1;
    int result = 0;
    if (is_in_memory(config->run) || (use_memory("/run", block, place) < 0 && use_memory("/dev/shm", block, place) < 0))
        result = format_path(place->path, sizeof place->path, "%s", config->run);
    if (result == 0)
        result = format_path(path, sizeof path, "%s/state", place->path);
    if (result == 0 && (result = make_dir_at(AT_FDCWD, path, 0700)) == 0)
        result = check_private(path);
    if (result == 0)
        result = format_path(path, sizeof path, "%s/vms", place->path);
    if (result == 0 && (result = make_dir_at(AT_FDCWD, path, 0755)) == 0)
        result = check_private(path);
    if (result == 0 && place->parent >= 0) {
        result = format_path(link, sizeof link, "%s/vms", config->run);
        if (result == 0 && ((unlink(link) < 0 && errno != ENOENT) || symlink(path, link) < 0))
            result = -errno;
    }
    return result == 0 ? 0 : fault_set(fault, -result, "make-fast-place", "cannot make directories for sockets and state");
}

static void remove_contents(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_tree_at(fd, entry->d_name);
    if (dir != NULL)
        closedir(dir);
}

void tree_remove_files(struct fast_place *place) {
    remove_contents(TREE_FAST);
    remove_contents(TREE_RUN);
    if (place->parent >= 0)
        unlinkat(place->parent, place->name, AT_REMOVEDIR);
    fd_close(&place->parent);
}

static int make_node(int root, const char *path, unsigned major, unsigned minor) {
    if (mknodat(root, path, S_IFCHR | 0666, makedev(major, minor)) < 0)
        return -errno;
    return fchmodat(root, path, 0666, 0) < 0 ? -errno : 0;
}

/* The shared, read-only /dev of all walls; pts and shm are mounted over it in each. */
static int make_dev(int root) {
    static const struct { const char *name; unsigned major, minor; } nodes[] = {
        {"template/dev/null", 1, 3}, {"template/dev/zero", 1, 5}, {"template/dev/full", 1, 7},
        {"template/dev/random", 1, 8}, {"template/dev/urandom", 1, 9}, {"template/dev/tty", 5, 0}};
    static const struct { const char *name, *target; } links[] = {
        {"template/dev/fd", "/proc/self/fd"}, {"template/dev/stdin", "/proc/self/fd/0"},
        {"template/dev/stdout", "/proc/self/fd/1"}, {"template/dev/stderr", "/proc/self/fd/2"},
        {"template/dev/ptmx", "pts/ptmx"}};
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof nodes / sizeof *nodes; i++)
        result = make_node(root, nodes[i].name, nodes[i].major, nodes[i].minor);
    for (size_t i = 0; result == 0 && i < sizeof links / sizeof *links; i++)
        result = symlinkat(links[i].target, root, links[i].name) < 0 ? -errno : 0;
    return result;
}

/* A minimal /sys: what programs ask it for in practice is the number of processors. */
static int make_sys(int root) {
    static const char *const files[] = {"devices/system/cpu/online", "devices/system/cpu/possible",
                                        "devices/system/cpu/present"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char from[128], to[128], text[256];
        snprintf(from, sizeof from, "/sys/%s", files[i]);
        snprintf(to, sizeof to, "template/sys/%s", files[i]);
        ssize_t n = read_file_at(AT_FDCWD, from, text, sizeof text);
        int result = n < 0 ? 0 : create_file_at(root, to, 0444, text, (size_t)n);
        if (result < 0)
            return result;
    }
    return 0;
}

static int make_inside(int root, const struct config *config, const struct host_dirs *dirs) {
    static const char *const names[] = {
        "run", "fast", "skeleton", "usr", "images", "volumes", "store", "pool", "proc", "lowers", "work", "work/stack", "work/lower", "work/lowerusr", "work/layer",
        "work/root", "work/stage", "runtimes", "hostdirs", "template", "template/empty", "template/dev", "template/dev/pts", "template/dev/shm",
        "template/sys", "template/sys/block", "template/sys/bus", "template/sys/class", "template/sys/class/net",
        "template/sys/dev", "template/sys/devices", "template/sys/devices/system", "template/sys/devices/system/cpu",
        "template/sys/firmware", "template/sys/fs", "template/sys/fs/cgroup", "template/sys/kernel", "template/sys/module"};
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof names / sizeof *names; i++)
        result = make_dir_at(root, names[i], 0755);
    char path[64];
    for (uint32_t i = 0; result == 0 && i < config->volume_count; i++) {
        snprintf(path, sizeof path, "volumes/%u", i);
        result = make_dir_at(root, path, 0755);
    }
    for (uint32_t i = 0; result == 0 && i < MAX_LOWERS; i++) {
        snprintf(path, sizeof path, "work/stack/%u", i);
        result = make_dir_at(root, path, 0755);
    }
    for (uint32_t i = 0; result == 0 && i < dirs->count; i++) {
        snprintf(path, sizeof path, "hostdirs/%s", dirs->names[i]);
        result = make_dir_at(root, path, 0755);
    }
    for (int i = RUNTIME_CRUN; result == 0 && i < RUNTIMES; i++)
        if (config->runtimes[i] != NULL) {
            snprintf(path, sizeof path, "runtimes/%s", runtime_name((enum runtime)i));
            result = create_file_at(root, path, 0555, "", 0);
        }
    if (result == 0)
        result = make_dev(root);
    return result == 0 ? make_sys(root) : result;
}

static int bind(const char *from, const char *root, const char *to, unsigned long flags, struct fault *fault) {
    char path[PATH_BYTES];
    int result = format_path(path, sizeof path, "%s/%s", root, to);
    if (result == 0 && mount(from, path, NULL, MS_BIND | flags, NULL) < 0)
        result = -errno;
    return result == 0 ? 0 : fault_set(fault, -result, "bind", "cannot bind %s into the spawner's mount tree", from);
}

int tree_build(const struct config *config, const struct host_dirs *dirs, const struct fast_place *place,
               const char *skeleton, char *pool_point, struct fault *fault) {
    char root[PATH_BYTES], path[64], from[64];
    int result = private_path(config, "/root", root);
    if (result == 0)
        result = format_path(pool_point, PATH_BYTES, "%s/pool", root);
    if (result < 0)
        return fault_set(fault, -result, "build-tree", "the run directory's path is too long");
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return fault_set(fault, errno, "unshare-mounts", "cannot make a mount namespace (run as root)");
    if (mount("tinyvm", root, "tmpfs", MS_NOATIME, "mode=0755,size=4m") < 0)
        return fault_set(fault, errno, "mount-tree", "cannot mount a tmpfs on %s", root);
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    result = fd < 0 ? -errno : make_inside(fd, config, dirs);
    fd_close(&fd);
    if (result < 0)
        return fault_set(fault, -result, "fill-tree", "cannot make devices and directories in %s", root);
    result = bind(config->run, root, "run", 0, fault);
    if (result == 0)
        result = bind(place->path, root, "fast", 0, fault);
    if (result == 0)
        result = bind(skeleton, root, "skeleton", 0, fault);
    if (result == 0)
        result = bind("/usr", root, "usr", 0, fault);
    if (result == 0)
        result = bind(config->images, root, "images", 0, fault);
    if (result == 0)
        result = bind("/proc", root, "proc", 0, fault);
    for (int i = RUNTIME_CRUN; result == 0 && i < RUNTIMES; i++)
        if (config->runtimes[i] != NULL) {
            snprintf(path, sizeof path, "runtimes/%s", runtime_name((enum runtime)i));
            result = bind(config->runtimes[i], root, path, 0, fault);
        }
    for (uint32_t i = 0; result == 0 && i < config->volume_count; i++) {
        snprintf(path, sizeof path, "volumes/%u", i);
        result = bind(config->volumes[i], root, path, MS_REC, fault);
    }
    for (uint32_t i = 0; result == 0 && i < dirs->count; i++) {
        snprintf(from, sizeof from, "/%s", dirs->names[i]);
        snprintf(path, sizeof path, "hostdirs/%s", dirs->names[i]);
        result = bind(from, root, path, 0, fault);
    }
    return result;
}

int tree_add_guest(int guest, struct fault *fault) {
    struct stat info;
    int result = fstat(guest, &info) < 0 ? -errno : 0;
    void *bytes = result < 0 ? MAP_FAILED : mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, guest, 0);
    if (result == 0)
        result = bytes == MAP_FAILED ? -errno : create_file_at(AT_FDCWD, TREE_GUEST, 0555, bytes, (size_t)info.st_size);
    if (bytes != MAP_FAILED)
        munmap(bytes, (size_t)info.st_size);
    return result == 0 ? 0 : fault_set(fault, -result, "add-guest", "cannot copy the guest into the spawner's mount tree");
}

int tree_enter(const struct config *config, struct fault *fault) {
    char root[PATH_BYTES];
    int result = private_path(config, "/root", root);
    if (result < 0 || chdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
        chdir("/") < 0)
        return fault_set(fault, errno, "enter-tree", "cannot make %s the root (not possible on an initramfs)", root);
    return 0;
}

void tree_find_masks(struct proc_masks *masks) {
    static const struct { const char *name; int kind; } wanted[] = {
        {"kcore", MASK_FILE}, {"keys", MASK_FILE}, {"key-users", MASK_FILE}, {"timer_list", MASK_FILE},
        {"sched_debug", MASK_FILE}, {"latency_stats", MASK_FILE}, {"kallsyms", MASK_FILE}, {"acpi", MASK_DIR},
        {"scsi", MASK_DIR}, {"asound", MASK_DIR}, {"bus", MASK_READ_ONLY}, {"fs", MASK_READ_ONLY},
        {"irq", MASK_READ_ONLY}, {"sys", MASK_READ_ONLY}, {"sysrq-trigger", MASK_READ_ONLY}};
    masks->count = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%s", wanted[i].name);
        if (access(path, F_OK) < 0)
            continue;
        masks->items[masks->count].name = wanted[i].name;
        masks->items[masks->count].kind = (unsigned)wanted[i].kind;
        masks->count++;
    }
}
