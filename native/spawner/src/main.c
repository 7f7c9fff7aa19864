/*
 * tinyvm-spawner: the only privileged process of TinyVM. This file is the start: everything that can fail for a reason a
 * person can mend is done here, before anything is promised, and then two processes are left, the spawner and its
 * supervisor (supervise.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <dirent.h>
#include <unistd.h>

#include "cgroup.h"
#include "layer.h"
#include "network.h"
#include "seccomp.h"
#include "store.h"
#include "supervise.h"

enum { SOCKET_NAME_MAX = sizeof((struct sockaddr_un *)0)->sun_path - sizeof "/spawner.sock" };

static struct config config;
static struct setup setup;

static int lock_run(struct fault *fault) {
    char path[PATH_BYTES];
    int result = format_path(path, sizeof path, "%s/" PRIVATE_DIR "/lock", config.run);
    int fd = result < 0 ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fault_set(fault, result < 0 ? -result : errno, "lock", "cannot open the lock file of %s", config.run);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return fault_set(fault, errno, "lock", "another spawner serves %s", config.run);
    setup.lock = fd;
    return 0;
}

/* The skeleton is rebuilt when no wall of an earlier spawner may still stand on it. */
static int prepare_skeleton(char *skeleton, struct fault *fault) {
    char state[PATH_BYTES], fresh[PATH_BYTES];
    struct host_dirs *dirs = &setup.host.host_dirs;
    bool used = false;
    int result = format_path(state, sizeof state, "%s/state", setup.place.path);
    /* A thousand small files: in memory if they can be mapped there. */
    if (result == 0)
        result = setup.place.parent >= 0 && tree_can_map(setup.place.path, claim_uid(setup.claim.block, 1))
                     ? format_path(skeleton, PATH_BYTES, "%s/skeleton", setup.place.path)
                     : format_path(skeleton, PATH_BYTES, "%s/" PRIVATE_DIR "/skeleton", config.run);
    if (result == 0)
        result = format_path(fresh, sizeof fresh, "%s.new", skeleton);
    DIR *dir = result == 0 ? opendir(state) : NULL;
    if (dir == NULL)
        return fault_set(fault, result < 0 ? -result : errno, "read-state", "cannot read the state of %s", config.run);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        used |= entry->d_name[0] != '.';
    closedir(dir);
    if (used && access(skeleton, F_OK) == 0)
        return skeleton_find_host_dirs(dirs, fault);
    result = remove_tree_at(AT_FDCWD, skeleton);
    if (result == 0)
        result = remove_tree_at(AT_FDCWD, fresh);
    if (result == 0)
        result = make_dir_at(AT_FDCWD, fresh, 0755);
    if (result < 0)
        return fault_set(fault, -result, "build-skeleton", "cannot renew %s", skeleton);
    result = skeleton_build(fresh, dirs, fault);
    if (result == 0 && rename(fresh, skeleton) < 0)
        result = fault_set(fault, errno, "build-skeleton", "cannot rename %s", fresh);
    return result;
}

static int open_listener(struct fault *fault) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = TREE_RUN "/spawner.sock"};
    uid_t manager = claim_uid(setup.claim.block, 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int result = fd < 0 ? -errno : 0;
    if (result == 0 && unlink(address.sun_path) < 0 && errno != ENOENT)
        result = -errno;
    if (result == 0 && (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
                        chmod(address.sun_path, 0600) < 0 || lchown(address.sun_path, manager, manager) < 0 ||
                        listen(fd, SOMAXCONN) < 0))
        result = -errno;
    if (result < 0) {
        fd_close(&fd);
        return fault_set(fault, -result, "listen", "cannot listen on %s/spawner.sock", config.run);
    }
    setup.listener = fd;
    return 0;
}

/* Descriptors for thousands of walls; then the right to exceed quotas and limits is given up for good. */
static int settle_limits(struct fault *fault) {
    struct rlimit files;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return fault_set(fault, errno, "limit-descriptors", "cannot read the descriptor limit");
    struct rlimit wanted = {65536, files.rlim_max > 65536 ? files.rlim_max : 65536};
    if (setrlimit(RLIMIT_NOFILE, &wanted) < 0) { /* without CAP_SYS_RESOURCE the hard limit stays */
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) < 0)
            return fault_set(fault, errno, "limit-descriptors", "cannot raise the descriptor limit");
    }
    if (syscall(SYS_capget, &header, data) < 0)
        return fault_set(fault, errno, "drop-resource-right", "cannot read the capabilities");
    data[0].effective &= ~(1U << CAP_SYS_RESOURCE);
    data[0].permitted &= ~(1U << CAP_SYS_RESOURCE);
    data[0].inheritable &= ~(1U << CAP_SYS_RESOURCE);
    if (syscall(SYS_capset, &header, data) < 0)
        return fault_set(fault, errno, "drop-resource-right", "cannot drop CAP_SYS_RESOURCE");
    return 0;
}

static int load_guest(struct fault *fault) {
    setup.host.guest = guest_load(config.guest);
    if (setup.host.guest >= 0)
        return 0;
    int error = -setup.host.guest;
    return fault_set(fault, error, "load-guest", "cannot load the guest %s", config.guest);
}

static int prepare(struct fault *fault) {
    char parent[32], pool_point[PATH_BYTES], store_point[PATH_BYTES], skeleton[PATH_BYTES];
    if (geteuid() != 0)
        return fault_set(fault, EPERM, "check-root", "the spawner must be started by root");
    if (strlen(config.run) > SOCKET_NAME_MAX)
        return fault_set(fault, ENAMETOOLONG, "check-run", "the run directory's path is longer than %d bytes", (int)SOCKET_NAME_MAX);
    int result = load_guest(fault);
    if (result == 0 && (result = make_dirs(config.images, 0755)) < 0)
        fault_set(fault, -result, "make-images", "cannot make %s", config.images);
    if (result == 0)
        result = tree_make_dirs(&config, fault);
    if (result == 0)
        result = lock_run(fault);
    if (result == 0)
        result = claim_take(config.run, &setup.claim, fault);
    if (result == 0)
        result = tree_make_fast_place(&config, setup.claim.block, &setup.place, fault);
    if (result < 0)
        return result;
    snprintf(parent, sizeof parent, "tinyvm-%u", setup.claim.block);
    setup.host.block = setup.claim.block;
    result = settle_limits(fault);
    if (result == 0)
        result = cgroups_open(parent, fault);
    if (result == 0)
        result = prepare_skeleton(skeleton, fault);
    if (result == 0)
        result = tree_build(&config, &setup.host.host_dirs, &setup.place, skeleton, pool_point, fault);
    if (result == 0)
        result = layers_open(&config, pool_point, fault);
    if (result == 0 && (result = format_path(store_point, sizeof store_point, "%s/../store", pool_point)) == 0)
        store_open(&config, store_point);
    network_open(&config);
    if (result == 0)
        result = tree_enter(&config, fault);
    bool runtimes = false;
    for (int i = RUNTIME_CRUN; i < RUNTIMES; i++)
        runtimes |= config.runtimes[i] != NULL;
    if (result == 0 && runtimes)
        result = tree_add_guest(setup.host.guest, fault);
    if (result == 0)
        result = layers_enter(fault);
    if (result == 0)
        store_enter();
    if (result == 0 && (result = seccomp_build()) < 0)
        fault_set(fault, -result, "build-seccomp", "the system call filter is too long");
    if (result == 0)
        network_probe(setup.claim.block);
    if (result == 0)
        result = open_listener(fault);
    tree_find_masks(&setup.host.masks);
    return result;
}

static int exit_code(const struct fault *fault) {
    if (strcmp(fault->step, "load-guest") != 0)
        return EXIT_SYSTEM;
    return fault->error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
}

static int serve(int argc, char **argv) {
    int code = config_parse(argc, argv, &config);
    if (code != 0)
        return code;
    struct fault fault = {0};
    setup.host.config = &config;
    setup.claim.fd = setup.claim.dir = setup.place.parent = setup.lock = setup.listener = setup.host.guest = -1;
    setup.ready = config.ready_fd;
    if (fcntl(setup.ready, F_GETFD) < 0 || (setup.ready > STDERR_FILENO && fcntl(setup.ready, F_SETFD, FD_CLOEXEC) < 0)) {
        fprintf(stderr, "tinyvm-spawner: --ready-fd %d is not open\n", setup.ready);
        return EXIT_USAGE;
    }
    /* Once it is closed, its number must not be given to another descriptor that a wall's standard streams then replace. */
    if (setup.ready <= STDERR_FILENO && (setup.ready = fcntl(setup.ready, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)) < 0)
        return EXIT_USAGE;
    umask(022);
    /* The manager ends the spawner with QUIT; a Ctrl-C for the whole terminal is not for it. */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    if (prepare(&fault) < 0) {
        dprintf(setup.ready, "error: %s (%s)\n", fault.text, fault.step);
        fprintf(stderr, "tinyvm-spawner: %s (%s)\n", fault.text, fault.step);
        return exit_code(&fault);
    }
    return supervise(&setup);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("tinyvm-spawner %s, protocol %d\n", SPAWNER_VERSION, PROTOCOL_VERSION);
        return 0;
    }
    if (argc < 2 || strcmp(argv[1], "serve") != 0) {
        fprintf(stderr, "usage: tinyvm-spawner serve --run DIR --images DIR --guest PATH --ready-fd N [options]\n"
                        "       tinyvm-spawner --version\n");
        return EXIT_USAGE;
    }
    return serve(argc - 1, argv + 1);
}
