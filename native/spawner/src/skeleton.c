/*
 * Builds the skeleton of image `host`. Two locks keep secrets out: only names on the allow-list below are copied, and of
 * those only files that everybody on this machine may read anyway.
 */
#include "skeleton.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE_BYTES = 4 << 20, MAX_DEPTH = 6 };

/* Names directly below /etc; patterns as in fnmatch(3). Nothing that can hold a credential: no shadow, gshadow, ssh, no
 * client configuration (gitconfig, npmrc, pip.conf, maven, apt, docker), no machine identity. */
static const char *const allowed[] = {
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "ca-certificates.conf", "localtime", "timezone",
    "nsswitch.conf", "protocols", "services", "rpc", "ethertypes", "networks", "host.conf", "gai.conf", "mime.types",
    "magic", "magic.mime", "profile", "profile.d", "bash.bashrc", "bash_completion", "bash_completion.d", "inputrc",
    "terminfo", "debian_version", "os-release", "lsb-release", "redhat-release", "fedora-release", "alpine-release",
    "issue", "login.defs", "adduser.conf", "deluser.conf", "pam.d", "pam.conf", "security", "shells", "locale*",
    "python*", "perl", "java-*", "java", "manpath.config", "xattr.conf", "environment", "skel", "fonts", "vim",
    "emacs", "nanorc", "mke2fs.conf", "wgetrc", "bindresvport.blacklist", "debconf.conf", "libaudit.conf",
    "ImageMagick-*", "gprofng.rc", "sgml", "xml", "logcheck", "php", "matplotlibrc",
};

/* Below /etc/ssl and /etc/default: never ssl/private. */
static const char *const allowed_below[] = {"ssl/certs", "ssl/openssl.cnf", "default/useradd", "default/locale",
                                            "pki/tls/certs", "pki/ca-trust/extracted"};

static bool is_allowed(const char *name) {
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (fnmatch(allowed[i], name, FNM_PERIOD) == 0)
            return true;
    return false;
}

static int copy_file(int from_dir, const char *from, int to_dir, const char *to, const struct stat *info) {
    static char bytes[MAX_FILE_BYTES];
    int fd = openat(from_dir, from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, bytes, sizeof bytes);
    int result = n < 0 ? -errno : 0;
    fd_close(&fd);
    return result < 0 ? result : create_file_at(to_dir, to, info->st_mode & 0755, bytes, (size_t)n);
}

static int copy_link(int from_dir, const char *from, int to_dir, const char *to) {
    char target[PATH_BYTES];
    ssize_t n = readlinkat(from_dir, from, target, sizeof target - 1);
    if (n < 0)
        return -errno;
    target[n] = 0;
    return symlinkat(target, to_dir, to) < 0 && errno != EEXIST ? -errno : 0;
}

static int copy_any(int from_dir, const char *from, int to_dir, const char *to, int depth);

static int copy_dir(int from_dir, const char *from, int to_dir, const char *to, int depth) {
    int result = make_dir_at(to_dir, to, 0755);
    int out = result == 0 ? openat(to_dir, to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    int in = openat(from_dir, from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = in < 0 || out < 0 ? NULL : fdopendir(in);
    if (dir == NULL) {
        result = result < 0 ? result : -errno;
        fd_close(&in);
        fd_close(&out);
        return result;
    }
    for (struct dirent *entry; result == 0 && (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = copy_any(in, entry->d_name, out, entry->d_name, depth + 1);
    closedir(dir);
    fd_close(&out);
    return result;
}

/* Files that are missing, too large, too deep, special or not readable by everybody are left out. */
static int copy_any(int from_dir, const char *from, int to_dir, const char *to, int depth) {
    struct stat info;
    if (fstatat(from_dir, from, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (S_ISLNK(info.st_mode))
        return copy_link(from_dir, from, to_dir, to);
    if ((info.st_mode & S_IROTH) == 0 || depth > MAX_DEPTH)
        return 0;
    if (S_ISDIR(info.st_mode))
        return copy_dir(from_dir, from, to_dir, to, depth);
    if (!S_ISREG(info.st_mode) || info.st_size > MAX_FILE_BYTES)
        return 0;
    int result = copy_file(from_dir, from, to_dir, to, &info);
    return result == -ENOENT ? 0 : result;
}

static int copy_etc(int root) {
    int from = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int to = openat(root, "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = from < 0 || to < 0 ? NULL : fdopendir(from);
    if (dir == NULL) {
        int error = errno;
        fd_close(&from);
        fd_close(&to);
        return -error;
    }
    int result = 0;
    for (struct dirent *entry; result == 0 && (entry = readdir(dir)) != NULL;)
        if (is_allowed(entry->d_name))
            result = copy_any(from, entry->d_name, to, entry->d_name, 0);
    for (size_t i = 0; result == 0 && i < sizeof allowed_below / sizeof *allowed_below; i++) {
        char parent[64];
        if (faccessat(from, allowed_below[i], F_OK, 0) < 0)
            continue;
        for (const char *slash = allowed_below[i]; result == 0 && (slash = strchr(slash, '/')) != NULL; slash++) {
            snprintf(parent, sizeof parent, "%.*s", (int)(slash - allowed_below[i]), allowed_below[i]);
            result = make_dir_at(to, parent, 0755);
        }
        if (result == 0)
            result = copy_any(from, allowed_below[i], to, allowed_below[i], 0);
    }
    closedir(dir);
    fd_close(&to);
    return result;
}

struct made_dir { const char *path; mode_t mode; uid_t owner; };

static const struct made_dir made_dirs[] = {
    {"etc", 0755, 0}, {"etc/sudoers.d", 0750, 0}, {"etc/opt", 0755, 0}, {"dev", 0755, 0}, {"proc", 0555, 0},
    {"sys", 0555, 0}, {"usr", 0755, 0}, {"home", 0755, 0}, {"home/user", 0755, 1000}, {"root", 0700, 0},
    {"opt", 0755, 0}, {"srv", 0755, 0}, {"mnt", 0755, 0}, {"media", 0755, 0}, {"boot", 0755, 0}, {"run", 0755, 0},
    {"run/lock", 01777, 0}, {"tmp", 01777, 0}, {"var", 0755, 0}, {"var/backups", 0755, 0}, {"var/cache", 0755, 0},
    {"var/cache/apt", 0755, 0}, {"var/cache/apt/archives", 0755, 0}, {"var/cache/apt/archives/partial", 0700, 0},
    {"var/lib", 0755, 0}, {"var/lib/apt", 0755, 0}, {"var/lib/apt/lists", 0755, 0},
    {"var/lib/apt/lists/partial", 0700, 0}, {"var/lib/dpkg", 0755, 0}, {"var/lib/dpkg/info", 0755, 0},
    {"var/lib/dpkg/updates", 0755, 0}, {"var/lib/sudo", 0700, 0}, {"var/local", 0755, 0}, {"var/log", 0755, 0},
    {"var/mail", 0775, 0}, {"var/opt", 0755, 0}, {"var/spool", 0755, 0}, {"var/tmp", 01777, 0},
};

struct made_file { const char *path; mode_t mode; uid_t owner; const char *text; };

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const struct made_file made_files[] = {
    {"etc/passwd", 0644, 0,
     "root:x:0:0:root:/root:/bin/bash\n"
     "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
     "bin:x:2:2:bin:/bin:/usr/sbin/nologin\n"
     "sys:x:3:3:sys:/dev:/usr/sbin/nologin\n"
     "man:x:6:12:man:/var/cache/man:/usr/sbin/nologin\n"
     "mail:x:8:8:mail:/var/mail:/usr/sbin/nologin\n"
     "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n"
     "_apt:x:42:65534::/nonexistent:/usr/sbin/nologin\n"
     "user:x:1000:1000::/home/user:/bin/bash\n"
     "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
    {"etc/group", 0644, 0,
     "root:x:0:\ndaemon:x:1:\nbin:x:2:\nsys:x:3:\nadm:x:4:\ntty:x:5:\ndisk:x:6:\nmail:x:8:\nman:x:12:\n"
     "kmem:x:15:\nsudo:x:27:user\nwww-data:x:33:\nshadow:x:42:\nutmp:x:43:\nstaff:x:50:\nusers:x:100:\n"
     "user:x:1000:\nnogroup:x:65534:\n"},
    {"etc/shadow", 0640, 0,
     "root:*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nbin:*:19000:0:99999:7:::\nsys:*:19000:0:99999:7:::\n"
     "man:*:19000:0:99999:7:::\nmail:*:19000:0:99999:7:::\nwww-data:*:19000:0:99999:7:::\n"
     "_apt:*:19000:0:99999:7:::\nuser:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n"},
    {"etc/gshadow", 0640, 0,
     "root:*::\ndaemon:*::\nbin:*::\nsys:*::\nadm:*::\ntty:*::\ndisk:*::\nmail:*::\nman:*::\nkmem:*::\n"
     "sudo:*::user\nwww-data:*::\nshadow:*::\nutmp:*::\nstaff:*::\nusers:*::\nuser:!::\nnogroup:*::\n"},
    {"etc/sudoers", 0440, 0,
     "Defaults env_reset\nDefaults secure_path=\"" DEFAULT_PATH "\"\nroot ALL=(ALL:ALL) ALL\n"
     "user ALL=(ALL:ALL) NOPASSWD: ALL\n@includedir /etc/sudoers.d\n"},
    {"etc/hostname", 0644, 0, "tinyvm\n"},
    {"etc/hosts", 0644, 0, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"},
    {"etc/resolv.conf", 0644, 0, "# Names that network.egress allows; the host answers over TCP.\nnameserver 127.0.0.1\noptions use-vc\n"},
    {"etc/fstab", 0644, 0, ""},
    {"home/user/.profile", 0644, 1000, "if [ -n \"$BASH_VERSION\" ] && [ -f \"$HOME/.bashrc\" ]; then . \"$HOME/.bashrc\"; fi\n"
                                       "if [ -d \"$HOME/.local/bin\" ]; then PATH=\"$HOME/.local/bin:$PATH\"; fi\n"},
    {"home/user/.bashrc", 0644, 1000, "case $- in *i*) ;; *) return 0 ;; esac\nPS1='\\u@\\h:\\w\\$ '\nalias ls='ls --color=auto'\n"},
    {"root/.profile", 0644, 0, "if [ -n \"$BASH_VERSION\" ] && [ -f \"$HOME/.bashrc\" ]; then . \"$HOME/.bashrc\"; fi\n"},
    {"root/.bashrc", 0644, 0, "case $- in *i*) ;; *) return 0 ;; esac\nPS1='\\u@\\h:\\w\\$ '\n"},
    {"var/lib/dpkg/status", 0644, 0, ""},
    {"var/lib/dpkg/available", 0644, 0, ""},
};

static int make_fixed_parts(int root) {
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof made_dirs / sizeof *made_dirs; i++) {
        const struct made_dir *dir = &made_dirs[i];
        result = make_dir_at(root, dir->path, 0700);
        if (result == 0 && (fchownat(root, dir->path, dir->owner, dir->owner, 0) < 0 ||
                            fchmodat(root, dir->path, dir->mode, 0) < 0))
            result = -errno;
    }
    for (size_t i = 0; result == 0 && i < sizeof made_files / sizeof *made_files; i++) {
        const struct made_file *file = &made_files[i];
        result = create_file_at(root, file->path, file->mode, file->text, strlen(file->text));
        if (result == 0 && fchownat(root, file->path, file->owner, file->owner, 0) < 0)
            result = -errno;
    }
    if (result == 0 && (symlinkat("/proc/self/mounts", root, "etc/mtab") < 0 ||
                        symlinkat("/run", root, "var/run") < 0 || symlinkat("/run/lock", root, "var/lock") < 0))
        result = -errno;
    return result;
}

static const char *const usr_links[] = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"};

/* /bin, /lib and so on: links into /usr are repeated, real directories get a bind of their own in each wall. */
static int make_usr_links(int root) {
    for (size_t i = 0; i < sizeof usr_links / sizeof *usr_links; i++) {
        char path[32];
        struct stat info;
        snprintf(path, sizeof path, "/%s", usr_links[i]);
        if (lstat(path, &info) < 0)
            continue;
        int result = S_ISLNK(info.st_mode) ? copy_link(AT_FDCWD, path, root, usr_links[i])
                                           : make_dir_at(root, usr_links[i], 0755);
        if (result < 0)
            return result;
    }
    return 0;
}

int skeleton_find_host_dirs(struct host_dirs *dirs, struct fault *fault) {
    dirs->count = 0;
    for (size_t i = 0; i < sizeof usr_links / sizeof *usr_links; i++) {
        char path[32];
        struct stat info;
        snprintf(path, sizeof path, "/%s", usr_links[i]);
        if (lstat(path, &info) == 0) {
            if (S_ISDIR(info.st_mode))
                snprintf(dirs->names[dirs->count++], sizeof dirs->names[0], "%s", usr_links[i]);
        } else if (errno != ENOENT)
            return fault_set(fault, errno, "build-skeleton", "cannot read %s", path);
    }
    return 0;
}

int skeleton_build(const char *path, struct host_dirs *dirs, struct fault *fault) {
    int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return fault_set(fault, errno, "build-skeleton", "cannot open %s", path);
    int result = make_fixed_parts(root);
    if (result == 0)
        result = copy_etc(root);
    if (result == 0)
        result = make_usr_links(root);
    fd_close(&root);
    return result == 0 ? skeleton_find_host_dirs(dirs, fault) : fault_set(fault, -result, "build-skeleton", "cannot build image host in %s", path);
}
