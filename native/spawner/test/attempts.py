"""Run inside a Tiny VM as its root, and, as the negative control, outside as the host's: tries what a wall forbids.

Prints one line `name errno` for each attempt; errno is 0 where it worked. Harmless outside: it works in namespaces of its
own, and nothing is loaded, rebooted or overwritten.
"""
import ctypes
import errno
import fcntl
import os
import platform
import socket
import sys

libc = ctypes.CDLL(None, use_errno=True)
ARM = platform.machine() == "aarch64"
NUMBERS = {  # x86-64, arm64
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "unshare": (272, 97), "setns": (308, 268),
    "clone": (56, 220), "clone3": (435, 435), "fsopen": (430, 430), "open_tree": (428, 428), "mount_setattr": (442, 442),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "open_by_handle_at": (304, 265),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "reboot": (169, 142), "swapon": (167, 224), "acct": (163, 89), "quotactl": (179, 60), "syslog": (103, 116),
    "settimeofday": (164, 170), "sethostname": (170, 161), "fanotify_init": (300, 262), "personality": (135, 92),
    "move_mount": (429, 429),
}


def call(name, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(NUMBERS[name][ARM]), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))
    return 0 if result >= 0 else ctypes.get_errno()


def attempt(function):
    try:
        function()
        return 0
    except OSError as error:
        return error.errno


def in_child(function):
    """Runs an attempt that would change this process in another one."""
    pid = os.fork()
    if pid == 0:
        os._exit(function() & 0xff)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def socket_of(family, kind, protocol=0):
    return attempt(lambda: socket.socket(family, kind, protocol).close())


def write(path):
    def do():
        with open(path, "r+b", buffering=0) as file:
            file.write(b"")
    return attempt(do)


CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWPID = 0x20000, 0x10000000, 0x40000000, 0x20000000
attr = ctypes.create_string_buffer(128)

ATTEMPTS = {
    "mount": lambda: in_child(lambda: call("unshare", CLONE_NEWNS) or call("mount", b"none", b"/", 0, 1 << 14 | 1 << 18, 0)
                              or call("mount", b"t", b"/mnt", b"tmpfs", 0, 0)),
    "mount-tmpfs": lambda: call("mount", b"t", b"/nonexistent", b"tmpfs", 0, 0) % errno.ENOENT,
    "umount": lambda: call("umount2", b"/nonexistent", 0) % errno.ENOENT,
    "unshare-user": lambda: in_child(lambda: call("unshare", CLONE_NEWUSER)),
    "unshare-mount": lambda: in_child(lambda: call("unshare", CLONE_NEWNS)),
    "unshare-net": lambda: in_child(lambda: call("unshare", CLONE_NEWNET)),
    "setns": lambda: in_child(lambda: call("setns", os.open("/proc/self/ns/net", os.O_RDONLY), 0)),
    "fsopen": lambda: call("fsopen", b"tmpfs", 0),
    "open-tree": lambda: call("open_tree", -100, b"/", 1),
    "bpf": lambda: call("bpf", 0, ctypes.byref(ctypes.create_string_buffer(b"\2\0\0\0\4\0\0\0\4\0\0\0\1" + bytes(60))), 48),
    "add-key": lambda: call("add_key", b"user", b"tinyvm-test", b"x", 1, -1),
    "keyctl": lambda: call("keyctl", 0, -3, 1),
    "userfaultfd": lambda: call("userfaultfd", 0o2000000),
    "syslog": lambda: call("syslog", 10, 0, 0),
    "fanotify": lambda: call("fanotify_init", 0, 0),
    "mknod-block": lambda: in_child(lambda: attempt(lambda: os.mknod("/tmp/tinyvm-block", 0o060600, os.makedev(254, 0)))
                                    or attempt(lambda: os.unlink("/tmp/tinyvm-block"))),
    "mknod-char": lambda: in_child(lambda: attempt(lambda: os.mknod("/tmp/tinyvm-char", 0o020600, os.makedev(1, 1)))
                                   or attempt(lambda: os.unlink("/tmp/tinyvm-char"))),
    "raw-socket": lambda: socket_of(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "packet-socket": lambda: socket_of(socket.AF_PACKET, socket.SOCK_RAW, 0x300),
    "netlink-audit": lambda: socket_of(socket.AF_NETLINK, socket.SOCK_RAW, 15),
    "write-sysctl": lambda: write("/proc/sys/kernel/core_pattern"),
    "write-net-sysctl": lambda: write("/proc/sys/net/ipv4/ip_forward"),
}

# Attempts whose success outside would be no proof, or do harm: they only have to fail inside.
INSIDE_ONLY = {
    "pivot-root": lambda: call("pivot_root", b"/", b"/tmp"),
    "move-mount": lambda: call("move_mount", -100, b"/tmp", -100, b"/mnt", 0),
    "mount-setattr": lambda: call("mount_setattr", -100, b"/", 0, attr, 32),
    "clone-user": lambda: call("clone", CLONE_NEWUSER | 17, 0, 0, 0, 0),
    "clone3": lambda: call("clone3", attr, 88),
    "perf": lambda: call("perf_event_open", attr, 0, -1, -1, 0),
    "io-uring": lambda: call("io_uring_setup", 8, attr),
    "request-key": lambda: call("request_key", b"user", b"x", 0, 0),
    "open-by-handle": lambda: call("open_by_handle_at", -100, attr, 0),
    "init-module": lambda: call("init_module", attr, 128, b""),
    "finit-module": lambda: call("finit_module", 0, b"", 0),
    "delete-module": lambda: call("delete_module", b"x", 0),
    "kexec": lambda: call("kexec_load", 0, 0, attr, 0),
    "reboot": lambda: call("reboot", 0, 0, 0),
    "swapon": lambda: call("swapon", b"/tmp/x", 0),
    "acct": lambda: call("acct", b"/tmp/x"),
    "quotactl": lambda: call("quotactl", 0, b"/", 0, attr),
    "settimeofday": lambda: call("settimeofday", attr, 0),
    "sethostname": lambda: call("sethostname", b"x", 1),
    "personality": lambda: call("personality", 0x0400000),
    "vsock": lambda: socket_of(40, socket.SOCK_STREAM),
    "af-alg": lambda: socket_of(38, socket.SOCK_SEQPACKET),
    "bluetooth": lambda: socket_of(31, socket.SOCK_RAW),
    "sctp": lambda: socket_of(socket.AF_INET, socket.SOCK_STREAM, 132),
    "tiocsti": lambda: attempt(lambda: fcntl.ioctl(os.openpty()[1], 0x5412, b"x")),
    "tiocsetd": lambda: attempt(lambda: fcntl.ioctl(os.openpty()[1], 0x5423, b"\3\0\0\0")),
    "sysrq": lambda: attempt(lambda: os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY))),
    "overwrite-guest": lambda: attempt(lambda: os.close(os.open("/proc/1/exe", os.O_RDWR))),
    "truncate-guest": lambda: attempt(lambda: os.truncate("/proc/1/exe", 0)),
    "chmod-guest": lambda: attempt(lambda: os.chmod("/proc/1/exe", 0o777)),
    "write-dev": lambda: attempt(lambda: os.mkdir("/dev/x")),
    "write-sys": lambda: attempt(lambda: os.mkdir("/sys/x")),
    "remount-root": lambda: call("mount", 0, b"/", 0, 1 << 5, 0),
    "host-init": lambda: attempt(lambda: os.kill(os.getppid() + 100000, 0)),
    "nice": lambda: attempt(lambda: os.setpriority(os.PRIO_PROCESS, 0, -20)),
}

for name, function in {**ATTEMPTS, **(INSIDE_ONLY if sys.argv[1] == "inside" else {})}.items():
    print(name, function(), flush=True)
