"""Runs a program as PID 1 in namespaces like those the spawner makes: a user namespace with a range of ids (so that users can be
switched), and PID, mount, network namespaces of its own. Needs root. `python3 wall.py PROGRAM ARGUMENT…`"""
import ctypes, os, sys

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x10000000, 0x20000000, 0x40000000
FIRST_OUTSIDE, COUNT = 1000000, 65536
MS_REC, MS_PRIVATE, MS_NOSUID, MS_NODEV, MS_NOEXEC = 16384, 1 << 18, 2, 4, 8
libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def inside(ready, mapped, argv):
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET))
    os.write(ready, b"x")
    os.read(mapped, 1)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    os.setgroups([])
    child = os.fork()
    if child == 0:
        check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
        check(libc.mount(b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None))
        os.execv(argv[0], argv)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(argv):
    ready_read, ready_write = os.pipe()
    mapped_read, mapped_write = os.pipe()
    child = os.fork()
    if child == 0:
        os._exit(inside(ready_write, mapped_read, argv) & 255)
    os.close(ready_write)
    if os.read(ready_read, 1) != b"x":
        sys.exit(70)
    for name in ("uid_map", "gid_map"):
        with open(f"/proc/{child}/{name}", "w") as file:
            file.write(f"0 {FIRST_OUTSIDE} {COUNT}")
    os.write(mapped_write, b"x")
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 255)


if __name__ == "__main__":
    main(sys.argv[1:])
