/*
 * The test module: several small programs in one, chosen by the name they are run under (custom section tinyvm.programs).
 * Built by build.sh against wasi-libc; the result is checked in as src/test/resources/wasm/multi.wasm.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

extern char **environ;

__attribute__((import_module("tinyvm_1"), import_name("log"))) int tinyvm_log(int level, const char *text, int length);
__attribute__((import_module("tinyvm_1"), import_name("version"))) int tinyvm_version(void);
__attribute__((import_module("tinyvm_1"), import_name("clock"))) int tinyvm_clock(int id, uint64_t *nanos);
__attribute__((import_module("tinyvm_1"), import_name("llm_call"))) int tinyvm_llm_call(const char *, int, char *, int, int *);
__attribute__((import_module("tinyvm_1"), import_name("http_call"))) int tinyvm_http_call(const char *, int, char *, int, int *);
__attribute__((import_module("tinyvm_1"), import_name("http_open"))) int tinyvm_http_open(const char *, int, int *, char *, int, int *);
__attribute__((import_module("tinyvm_1"), import_name("http_read"))) int tinyvm_http_read(int, char *, int, int *);
__attribute__((import_module("tinyvm_1"), import_name("http_close"))) int tinyvm_http_close(int);
__attribute__((import_module("tinyvm_1"), import_name("message_send"))) int tinyvm_message_send(const char *, int, const char *, int);
__attribute__((import_module("tinyvm_1"), import_name("message_receive"))) int tinyvm_message_receive(char *, int, int *, int);

static int failed(const char *what) {
    printf("%s: %d %s\n", what, errno, strerror(errno));
    return 1;
}

static int cat(void) {
    static char buffer[65536];
    ssize_t got;
    while ((got = read(0, buffer, sizeof buffer)) > 0) {
        for (ssize_t done = 0; done < got;) {
            ssize_t part = write(1, buffer + done, (size_t)(got - done));
            if (part < 0) return 1;
            done += part;
        }
    }
    return got < 0;
}

static int spam(long bytes) {
    char line[80];
    for (long i = 0; bytes > 0; i++) {
        int length = snprintf(line, sizeof line, "%063ld\n", i);
        fwrite(line, 1, (size_t)(bytes < length ? bytes : length), stdout);
        bytes -= length;
    }
    return 0;
}

static volatile uint32_t sink;

static int spin(void) {
    for (uint32_t i = 0;; i++) sink = i;
}

/* Through a pointer that the compiler cannot follow, so that it stays a recursion; nothing of it lies in linear memory. */
static int (*volatile again)(int);

static int recurse(int depth) {
    return depth < 0 ? 0 : again(depth + 1) * 3 + (int)sink;
}

/* Here each frame takes linear memory, which ends first. */
static int recurse_wide(int depth) {
    volatile int here[64];
    here[depth & 63] = depth;
    return depth < 0 ? 0 : again(depth + 1) + here[depth & 63];
}

static int bomb(void) {
    for (long total = 0;; total += 1 << 20) {
        char *block = malloc(1 << 20);
        if (block == NULL) {
            printf("refused after %ld MiB\n", total >> 20);
            return 1;
        }
        memset(block, 1, 1 << 20);
        sink += (uint32_t)*(volatile char *)block;
    }
}

static int work(long rounds) {
    uint32_t x = 1;
    for (long i = 0; i < rounds; i++) x = x * 1664525u + 1013904223u;
    printf("%u\n", x);
    return 0;
}

/* Loads, stores and jumps: what checkpoints and memory accounting could slow down. */
static int sieve(long rounds) {
    static unsigned char composite[1 << 20];
    int primes = 0;
    for (long r = 0; r < rounds; r++) {
        memset(composite, 0, sizeof composite);
        primes = 0;
        for (uint32_t i = 2; i < sizeof composite; i++) {
            if (composite[i]) continue;
            primes++;
            for (uint32_t j = i + i; j < sizeof composite; j += i) composite[j] = 1;
        }
    }
    printf("%d\n", primes);
    return 0;
}

static int fill(const char *path) {
    static char block[65536];
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
    long total = 0;
    if (fd < 0) return failed(path);
    for (;;) {
        ssize_t done = write(fd, block, sizeof block);
        if (done < 0) {
            printf("full after %ld KiB, errno %d\n", total >> 10, errno);
            return errno == ENOSPC ? 0 : 1;
        }
        total += done;
    }
}

static int files(void) {
    for (int i = 0;; i++) {
        char name[64];
        snprintf(name, sizeof name, "/tmp/f%d", i);
        int fd = open(name, O_CREAT | O_WRONLY, 0644);
        if (fd < 0) {
            printf("%d files, errno %d\n", i, errno);
            return errno == ENOSPC ? 0 : 1;
        }
        close(fd);
    }
}

static int descriptors(void) {
    for (int i = 0;; i++) {
        if (open("/etc/hostname", O_RDONLY) < 0) {
            printf("%d open, errno %d\n", i, errno);
            return errno == EMFILE ? 0 : 1;
        }
    }
}

/* Raw WASI, since wasi-libc itself would refuse some of these. */
static void try_open(int fd, const char *path) {
    __wasi_fd_t out;
    __wasi_errno_t e = __wasi_path_open((__wasi_fd_t)fd, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, path, 0,
        __WASI_RIGHTS_FD_READ, __WASI_RIGHTS_FD_READ, 0, &out);
    printf("%s: %d\n", path, (int)e);
}

static int escape(void) {
    mkdir("/tmp/cell", 0755);
    int cell = open("/tmp/cell", O_RDONLY | O_DIRECTORY);
    if (cell < 0) return failed("cell");
    symlink("../../etc/hostname", "/tmp/cell/up");
    symlink("/etc/hostname", "/tmp/cell/absolute");
    symlink("loop", "/tmp/cell/loop");
    try_open(cell, "../../etc/hostname");
    try_open(cell, "..");
    try_open(cell, "/etc/hostname");
    try_open(cell, "up");
    try_open(cell, "absolute");
    try_open(cell, "loop");
    try_open(cell, "x/../../../etc/hostname");
    try_open(3, "../../../../../../../../etc/hostname");
    try_open(3, "../../../../../../../../etc/passwd");
    try_open(3, "/etc/passwd");
    try_open(3, "/proc/self/environ");
    try_open(77, "etc/hostname");
    return 0;
}

static int bad_pointers(void) {
    static char buffer[16];
    __wasi_size_t n;
    __wasi_ciovec_t wild = {(const uint8_t *)0xfffffff0u, 0x7fffffffu};
    __wasi_iovec_t wild_in = {(uint8_t *)0xfffffff0u, 64};
    printf("write: %d\n", (int)__wasi_fd_write(1, &wild, 1, &n));
    printf("vectors: %d\n", (int)__wasi_fd_write(1, (const __wasi_ciovec_t *)0xfffffff0u, 8, &n));
    printf("count: %d\n", (int)__wasi_fd_write(1, &wild, 1u << 30, &n));
    printf("read: %d\n", (int)__wasi_fd_pread(0, &wild_in, 1, 0, &n));
    printf("random: %d\n", (int)__wasi_random_get((uint8_t *)0xfffffff0u, 0xffffffffu));
    printf("fd: %d\n", (int)__wasi_fd_close(0x80000000u));
    printf("log: %d\n", tinyvm_log(1, (const char *)0xfffffff0u, 4096));
    printf("llm: %d\n", tinyvm_llm_call(buffer, 1, buffer, 16, NULL));
    return 0;
}

static int host(void) {
    uint64_t nanos = 0;
    int e = tinyvm_clock(0, &nanos);
    printf("version %d, clock %d, later than 2020: %d\n", tinyvm_version(), e, nanos > 1577836800000000000ull);
    e = tinyvm_log(2, "a line\nof the log", 17);
    char answer[16];
    int length = 0;
    printf("log %d, bad level %d, llm %d\n", e, tinyvm_log(9, "x", 1), tinyvm_llm_call("{}", 2, answer, 16, &length));
    return 0;
}

// The request in the first word; when the answer does not fit into 32 bytes, once more with room for it.
static int call(int (*function)(const char *, int, char *, int, int *), const char *request) {
    char small[32];
    int length = 0;
    int e = function(request, (int)strlen(request), small, sizeof small, &length);
    if (e != 61) return printf("%d %.*s\n", e, e == 0 ? length : 0, small) < 0;
    char *large = malloc((size_t)length);
    if (large == NULL) return failed("malloc");
    e = function(NULL, 0, large, length, &length);
    return printf("%d %.*s\n", e, length, large) < 0;
}

static int stream(const char *request) {
    char part[4096];
    int handle = 0, length = 0;
    int e = tinyvm_http_open(request, (int)strlen(request), &handle, part, sizeof part, &length);
    printf("%d %.*s\n", e, e == 0 ? length : 0, part);
    while (handle != 0 && (e = tinyvm_http_read(handle, part, sizeof part, &length)) == 0 && length > 0) printf("<%.*s>\n", length, part);
    printf("%d\n", e);
    return tinyvm_http_close(handle);
}

// Calls of the host that no honest program makes.
static int http_abuse(void) {
    static char buffer[512];
    int length = 0, handle = 0;
    char *wild = (char *)0xfffffff0u;
    printf("request: %d\n", tinyvm_http_call(wild, 64, buffer, 64, &length));
    printf("length: %d\n", tinyvm_http_call(buffer, -1, buffer, 64, &length));
    printf("too long: %d\n", tinyvm_http_call(buffer, 64 << 20, buffer, 64, &length));
    printf("answer: %d\n", tinyvm_http_call("{}", 2, wild, 0x7fffffff, &length));
    printf("answer length: %d\n", tinyvm_http_call("{}", 2, buffer, 64, (int *)wild));
    printf("nothing kept: %d\n", tinyvm_http_call(NULL, 0, buffer, 64, &length));
    printf("head: %d\n", tinyvm_http_open("{}", 2, (int *)wild, buffer, sizeof buffer, &length));
    printf("handle: %d\n", tinyvm_http_read(12345, buffer, 64, &length));
    printf("negative: %d\n", tinyvm_http_read(-1, buffer, 64, &length));
    printf("close: %d\n", tinyvm_http_close(-1));
    printf("send: %d\n", tinyvm_message_send(wild, 64, wild, 64));
    printf("receive: %d\n", tinyvm_message_receive(wild, 64, &handle, 0));
    return 0;
}

static int tree(void) {
    char buffer[64];
    struct stat s;
    if (mkdir("/tmp/d", 0755) != 0) return failed("mkdir");
    FILE *f = fopen("/tmp/d/file", "w+");
    if (f == NULL) return failed("fopen");
    fprintf(f, "hello %s", "file");
    fseek(f, 6, SEEK_SET);
    if (fgets(buffer, sizeof buffer, f) == NULL) return failed("fgets");
    printf("%s\n", buffer);
    fclose(f);
    if (rename("/tmp/d/file", "/tmp/d/renamed") != 0) return failed("rename");
    if (symlink("renamed", "/tmp/d/link") != 0) return failed("symlink");
    if (link("/tmp/d/renamed", "/tmp/d/hard") != 0) return failed("link");
    if (stat("/tmp/d/link", &s) != 0) return failed("stat");
    printf("%lld %d\n", (long long)s.st_size, (int)s.st_nlink);
    ssize_t n = readlink("/tmp/d/link", buffer, sizeof buffer);
    printf("%.*s\n", (int)n, buffer);
    DIR *d = opendir("/tmp/d");
    if (d == NULL) return failed("opendir");
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) printf("%s ", e->d_name);
    printf("\n");
    closedir(d);
    int fd = open("/tmp/d/big", O_CREAT | O_RDWR, 0644);
    for (int i = 0; i < 3000; i++) write(fd, "0123456789", 10);
    ftruncate(fd, 25005);
    lseek(fd, 25000, SEEK_SET);
    n = read(fd, buffer, sizeof buffer);
    printf("%.*s\n", (int)n, buffer);
    close(fd);
    unlink("/tmp/d/big");
    unlink("/tmp/d/link");
    unlink("/tmp/d/hard");
    if (rmdir("/tmp/d") == 0) return 2;
    printf("rmdir %d\n", errno == ENOTEMPTY);
    unlink("/tmp/d/renamed");
    return rmdir("/tmp/d");
}

static int nap(const char *seconds) {
    double all = atof(seconds);
    struct timespec t = {(time_t)all, (long)((all - (double)(time_t)all) * 1e9)};
    return nanosleep(&t, NULL);
}

int main(int argc, char **argv) {
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash == NULL ? argv[0] : slash + 1;
    const char *first = argc > 1 ? argv[1] : "";
    setvbuf(stdout, NULL, _IOFBF, 32768);
    if (strcmp(name, "multi") == 0 && argc > 1) {
        name = first;
        first = argc > 2 ? argv[2] : "";
    }
    if (strcmp(name, "true") == 0) return 0;
    if (strcmp(name, "false") == 0) return 1;
    if (strcmp(name, "exit") == 0) exit(atoi(first));
    if (strcmp(name, "echo") == 0) {
        for (int i = 1; i < argc; i++) printf("%s%s", argv[i], i + 1 < argc ? " " : "");
        printf("\n");
        return 0;
    }
    if (strcmp(name, "stderr") == 0) return fprintf(stderr, "%s\n", first) < 0;
    if (strcmp(name, "env") == 0) {
        for (char **e = environ; *e != NULL; e++) printf("%s\n", *e);
        return 0;
    }
    if (strcmp(name, "pwd") == 0) return printf("%s\n", getenv("PWD")) < 0;
    if (strcmp(name, "id") == 0) return printf("%s\n", getenv("USER")) < 0;
    if (strcmp(name, "cat") == 0) return cat();
    if (strcmp(name, "sleep") == 0) return nap(first);
    if (strcmp(name, "spam") == 0) return spam(atol(first));
    if (strcmp(name, "stubborn") == 0) {
        printf("ready\n");
        fflush(stdout);
        return spin();
    }
    if (strcmp(name, "spin") == 0) return spin();
    if (strcmp(name, "recurse") == 0) return (again = recurse)(0);
    if (strcmp(name, "recurse-wide") == 0) return (again = recurse_wide)(0);
    if (strcmp(name, "bomb") == 0) return bomb();
    if (strcmp(name, "work") == 0) return work(atol(first));
    if (strcmp(name, "sieve") == 0) return sieve(atol(first));
    if (strcmp(name, "trap") == 0) __builtin_trap();
    if (strcmp(name, "fill") == 0) return fill(first);
    if (strcmp(name, "files") == 0) return files();
    if (strcmp(name, "descriptors") == 0) return descriptors();
    if (strcmp(name, "escape") == 0) return escape();
    if (strcmp(name, "bad-pointers") == 0) return bad_pointers();
    if (strcmp(name, "host") == 0) return host();
    if (strcmp(name, "tree") == 0) return tree();
    if (strcmp(name, "http") == 0) return call(tinyvm_http_call, first);
    if (strcmp(name, "llm") == 0) return call(tinyvm_llm_call, first);
    if (strcmp(name, "stream") == 0) return stream(first);
    if (strcmp(name, "http-abuse") == 0) return http_abuse();
    fprintf(stderr, "unknown program %s\n", name);
    return 127;
}
