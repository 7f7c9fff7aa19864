"""Tries to leave the wall, one attempt after another, and prints one JSON object: attempt -> "open: ..." or "held: ERRNO".

Runs inside a Tiny VM as root (the strongest position there), and as a negative control on the host in namespaces of its own, where
the attempts must succeed: an attempt that fails everywhere proves nothing about the wall.
Usage: escapes.py [VICTIM_PID [OTHER_SOCKET_PATH]]: a host process to attack, for the control a child of the test's own.
"""
import ctypes
import errno
import json
import os
import platform
import socket
import struct
import sys
import tempfile

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
X86 = platform.machine() == "x86_64"
NR = {
    "mount": 165, "umount2": 166, "pivot_root": 155, "ptrace": 101, "keyctl": 250, "add_key": 248, "request_key": 249, "bpf": 321,
    "userfaultfd": 323, "io_uring_setup": 425, "open_by_handle_at": 304, "name_to_handle_at": 303, "unshare": 272, "setns": 308,
    "perf_event_open": 298, "init_module": 175, "finit_module": 313, "kexec_load": 246, "reboot": 169, "swapon": 167, "clone": 56,
    "clone3": 435, "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "mount_setattr": 442,
    "process_vm_readv": 310, "kcmp": 312, "iopl": 172, "acct": 163, "settimeofday": 164, "clock_settime": 227, "syslog": 103,
    "quotactl": 179, "fanotify_init": 300, "memfd_secret": 447, "lookup_dcookie": 212, "chroot": 161, "pidfd_getfd": 438,
} if X86 else {}

results = {}


class Held(Exception):
    pass


def call(name, *arguments):
    ctypes.set_errno(0)
    value = libc.syscall(ctypes.c_long(NR[name]), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if value == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return value


def attempt(function):
    try:
        outcome = function()
        results[function.__name__] = "open: " + str(outcome)
    except OSError as e:
        results[function.__name__] = "held: " + errno.errorcode.get(e.errno or 0, str(e.errno))
    except Held as e:
        results[function.__name__] = "held: " + str(e)
    except ValueError as e:
        results[function.__name__] = "held: " + str(e)


def child(function, private_mounts=False):
    """Runs in a child so that what succeeds does not change this process."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if private_mounts:
                try:  # only so that the control, where this works, does not saw off the branch that it sits on
                    call("unshare", 0x00020000)
                except OSError:
                    pass
            os.write(writing, ("o" + str(function())).encode())
        except OSError as e:
            os.write(writing, b"h" + errno.errorcode.get(e.errno or 0, str(e.errno)).encode())
        except BaseException as e:
            os.write(writing, b"h" + type(e).__name__.encode())
        os._exit(0)
    os.close(writing)
    text = b""
    while piece := os.read(reading, 4096):
        text += piece
    os.close(reading)
    status = os.waitpid(pid, 0)[1]
    if not text:
        raise Held("killed by signal %d" % os.WTERMSIG(status) if os.WIFSIGNALED(status) else "no answer")
    if text[:1] == b"h":
        raise Held(text[1:].decode())
    return text[1:].decode()


scratch = tempfile.mkdtemp()
victim = int(sys.argv[1]) if len(sys.argv) > 1 else 0


@attempt
def mount_tmpfs():
    call("mount", b"none", scratch.encode(), b"tmpfs", 0, 0)
    call("umount2", scratch.encode(), 2)
    return "mounted"


@attempt
def mount_proc():
    call("mount", b"proc", scratch.encode(), b"proc", 0, 0)
    call("umount2", scratch.encode(), 2)
    return "mounted"


@attempt
def remount_root():
    call("mount", 0, b"/", 0, 4096 | 32, 0)
    return "remounted"


@attempt
def new_mount_api():
    fd = call("fsopen", b"tmpfs", 0)
    os.close(fd)
    return "fsopen"


@attempt
def open_tree_clone():
    fd = call("open_tree", -100, b"/", 1)
    os.close(fd)
    return "cloned a mount"


@attempt
def unmount_proc():
    def go():
        call("umount2", b"/proc", 2)
        return "unmounted"
    return child(go, private_mounts=True)


@attempt
def pivot_root():
    def go():
        call("mount", b"none", scratch.encode(), b"tmpfs", 0, 0)
        os.mkdir(scratch + "/old")
        call("pivot_root", scratch.encode(), (scratch + "/old").encode())
        return "pivoted"
    return child(go, private_mounts=True)


@attempt
def new_user_namespace():
    return child(lambda: call("unshare", 0x10000000))


@attempt
def new_mount_namespace():
    return child(lambda: call("unshare", 0x00020000))


@attempt
def clone_into_new_namespace():
    def go():
        pid = call("clone", 0x10000000 | 17, 0, 0, 0, 0)
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        return "cloned"
    return child(go)


@attempt
def setns_of_init():
    def go():
        fd = os.open("/proc/1/ns/uts", os.O_RDONLY)
        call("setns", fd, 0)
        return "joined"
    return child(go)


@attempt
def ptrace_a_process_outside():
    if not victim:
        raise Held("no pid of the outside is visible")
    call("ptrace", 16, victim, 0, 0)
    os.waitpid(victim, 0x40000000)
    call("ptrace", 17, victim, 0, 0)
    return "attached"


@attempt
def signal_a_process_outside():
    if not victim:
        seen = [p for p in os.listdir("/proc") if p.isdigit()]
        kinds = {open(f"/proc/{p}/comm").read().strip() for p in seen}
        strange = [k for k in kinds if k in ("java", "tinyvm-spawner", "systemd", "process_api", "kthreadd")]
        if not strange:
            raise Held("no process of the outside is visible")
        return "sees " + ",".join(strange)
    os.kill(victim, 0)
    return "signalled"


@attempt
def read_memory_of_pid_1():
    with open("/proc/1/mem", "rb") as f:
        f.seek(0x400000)
        return len(f.read(1))


@attempt
def write_proc_sys():
    with open("/proc/sys/kernel/core_pattern", "r+b", buffering=0) as f:
        old = f.read()
        f.seek(0)
        f.write(old)
    return "written"


@attempt
def write_sysrq():
    fd = os.open("/proc/sysrq-trigger", os.O_WRONLY)
    os.close(fd)
    return "opened"


@attempt
def read_kcore():
    with open("/proc/kcore", "rb") as f:
        data = f.read(4)
    if data != b"\x7fELF":
        raise Held("empty")
    return "read"


@attempt
def read_kernel_log():
    buffer = ctypes.create_string_buffer(64)
    return call("syslog", 3, buffer, 64)


@attempt
def mknod_of_a_disk():
    path = scratch + "/disk"
    os.mknod(path, 0o600 | 0o060000, os.makedev(254, 0))
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.close(fd)
    return "opened"


@attempt
def mknod_of_kernel_memory():
    path = scratch + "/mem"
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 11))
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.close(fd)
    return "opened kmsg"


@attempt
def cgroup_of_its_own():
    for root in ("/sys/fs/cgroup/memory", "/sys/fs/cgroup"):
        if os.path.isdir(root) and os.path.exists(root + "/cgroup.procs"):
            path = root + "/tinyvm-escape-%d" % os.getpid()
            os.mkdir(path)
            os.rmdir(path)
            return "made " + path
    raise Held("no cgroup file system")


@attempt
def cgroup_release_agent():
    def go():
        call("mount", b"none", scratch.encode(), b"cgroup", 0, b"memory")
        call("umount2", scratch.encode(), 2)
        return "mounted"
    return child(go)


@attempt
def raw_socket():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
    return "made"


@attempt
def packet_socket():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    return "made"


@attempt
def kernel_crypto_socket():
    socket.socket(38, socket.SOCK_SEQPACKET, 0).close()
    return "made"


@attempt
def outside_network():
    names = [n for _, n in socket.if_nameindex()]
    if names == ["lo"]:
        raise Held("lo only")
    return ",".join(names)


@attempt
def keyrings():
    return call("add_key", b"user", b"tinyvm-escape", b"x", 1, -3)


@attempt
def keyctl():
    return call("keyctl", 0, -3, 1)


@attempt
def bpf():
    attributes = struct.pack("IIII", 1, 4, 4, 1) + b"\0" * 56
    fd = call("bpf", 0, attributes, len(attributes))
    os.close(fd)
    return "made a map"


@attempt
def userfaultfd():
    fd = call("userfaultfd", 0)
    os.close(fd)
    return "made"


@attempt
def io_uring():
    parameters = ctypes.create_string_buffer(120)
    fd = call("io_uring_setup", 1, parameters)
    os.close(fd)
    return "made"


@attempt
def perf_events():
    attributes = struct.pack("IIQ", 1, 112, 0) + b"\0" * 96
    fd = call("perf_event_open", attributes, 0, -1, -1, 0)
    os.close(fd)
    return "made"


@attempt
def open_by_handle():
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + b"\0" * 128)
    mount_id = ctypes.c_int()
    # The handle of the root of the file system that holds /etc: inode 2 on ext4, and the classic way out of a container.
    call("name_to_handle_at", -100, b"/etc", handle, ctypes.byref(mount_id), 0)
    mount_fd = os.open("/", os.O_RDONLY)
    try:
        fd = call("open_by_handle_at", mount_fd, handle, 0)
    finally:
        os.close(mount_fd)
    os.close(fd)
    return "opened"


@attempt
def load_module():
    fd = os.open(__file__, os.O_RDONLY)
    try:
        call("finit_module", fd, b"", 0)
    except OSError as e:
        if e.errno in (errno.ENOEXEC, errno.EINVAL, errno.ENOSYS, errno.EBADMSG):
            return "the kernel read it: " + errno.errorcode[e.errno] if e.errno != errno.ENOSYS else (_ for _ in ()).throw(e)
        raise
    finally:
        os.close(fd)


@attempt
def set_the_clock():
    now = struct.pack("qq", 0, 0)
    try:
        call("clock_settime", 11, now)  # CLOCK_TAI cannot be set: EINVAL shows that the call was let through
    except OSError as e:
        if e.errno in (errno.EINVAL, errno.EOPNOTSUPP):
            return "reached the kernel"
        raise


@attempt
def reboot():
    try:
        call("reboot", 0xfee1dead, 672274793, 0x12345, 0)  # an unknown command: EINVAL when it is allowed
    except OSError as e:
        if e.errno == errno.EINVAL:
            return "reached the kernel"
        raise


@attempt
def inject_into_a_terminal():
    import fcntl
    import pty
    leader, follower = pty.openpty()
    try:
        fcntl.ioctl(follower, 0x5412, b"x")
        return "injected"
    finally:
        os.close(leader)
        os.close(follower)


@attempt
def overwrite_the_guest():
    with open("/proc/1/exe", "r+b", buffering=0) as f:
        data = f.read(1)
        f.seek(0)
        f.write(data)
    return "written"


@attempt
def inherited_descriptors():
    strange = []
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink("/proc/self/fd/" + name)
        except OSError:
            continue
        if int(name) > 2 and "/proc" not in target:
            strange.append(target)
    if not strange:
        raise Held("none")
    return ",".join(strange)


@attempt
def files_of_the_host():
    for path in ("/etc/shadow", "/root/.ssh", "/etc/ssh/ssh_host_rsa_key", "/root/.bashrc", "/var/lib/dpkg/status"):
        if path == "/etc/shadow" and os.path.exists(path):
            with open(path) as f:
                if any(line.split(":")[1] not in ("*", "!", "!!", "!*", "") for line in f if ":" in line):
                    return "a password hash"
    secret = os.environ.get("TINYVM_HOST_SECRET_FILE", "")
    if secret and os.path.exists(secret):
        return "read " + open(secret).read()
    raise Held("none")


@attempt
def other_machines_sockets():
    for directory in ("/run/tinyvm", "/var/lib/tinyvm"):
        if os.path.isdir(directory) and os.listdir(directory) not in ([], ["guest"]):
            return str(os.listdir(directory))
    raise Held("none")


@attempt
def device_files():
    allowed = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console"}
    strange = [n for n in os.listdir("/dev") if n not in allowed and not os.path.islink("/dev/" + n) and not os.path.isdir("/dev/" + n)]
    if not strange:
        raise Held("only harmless ones")
    return ",".join(strange)


@attempt
def write_to_sys():
    for root, directories, files in os.walk("/sys"):
        for name in files:
            path = os.path.join(root, name)
            try:
                if os.stat(path).st_mode & 0o200:
                    fd = os.open(path, os.O_WRONLY)
                    os.close(fd)
                    return path
            except OSError:
                continue
        if root.count("/") > 4:
            directories[:] = []
    raise Held("nothing is writable")


@attempt
def huge_priority():
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return "real time"


@attempt
def chroot_away():
    def go():
        os.mkdir(scratch + "/jail")
        os.chroot(scratch + "/jail")
        for _ in range(64):
            os.chdir("..")
        os.chroot(".")
        # Inside the wall the top is still the Tiny VM's own root, so this is a way out only where the host's marker shows.
        marker = os.environ.get("TINYVM_HOST_SECRET_FILE", "/nonexistent")
        if os.path.exists(marker):
            return "the host's files"
        raise Held("own root")
    return child(go)


print(json.dumps(results))
