#!/usr/bin/env python3
"""How many system calls a process's seccomp filters let through, as root:

    python3 test/count_filter.py PID        of a process
    python3 test/count_filter.py --walls    of each wall that this host has: what of it reaches the host's kernel

Reads the filters that the kernel really applies (ptrace(2), PTRACE_SECCOMP_GET_FILTER) and runs each for every number. What
a filter decides by the arguments is followed both ways: `allowed` is what passes whatever the arguments are, `by arguments`
what passes with some. Several filters: the strictest counts.
"""
import ctypes
import os
import signal
import struct
import sys

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, PTRACE_SECCOMP_GET_FILTER = 0x4206, 0x4207, 17, 0x420C
LAST_NUMBER = 512
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ACTION, ALLOW, LOG = 0xFFFF0000, 0x7FFF0000, 0x7FFC0000
UNKNOWN = None
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, pid, address=0, data=0):
    result = libc.ptrace(request, pid, address, data)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def filters(pid):
    """Each as a list of (code, jt, jf, k)."""
    found = []
    ptrace(PTRACE_SEIZE, pid)
    try:
        ptrace(PTRACE_INTERRUPT, pid)
        os.waitpid(pid, 0x40000000)  # __WALL
        while True:
            try:
                count = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, len(found), 0)
            except OSError:
                return found  # ENOENT: that was the last
            buffer = ctypes.create_string_buffer(count * 8)
            ptrace(PTRACE_SECCOMP_GET_FILTER, pid, len(found), ctypes.addressof(buffer))
            found.append([struct.unpack_from("HBBI", buffer, i * 8) for i in range(count)])
    finally:
        try:
            ptrace(PTRACE_DETACH, pid)
        except OSError:
            pass


def outcomes(program, number, architecture):
    """The set of actions that are possible for this number, whatever the arguments."""
    known = {0: number, 4: architecture}
    results, seen, todo = set(), set(), [(0, UNKNOWN, UNKNOWN, ())]
    while todo:
        at, a, x, memory = todo.pop()
        if (at, a, x, memory) in seen:
            continue
        seen.add((at, a, x, memory))
        code, jt, jf, k = program[at]
        kind, at = code & 7, at + 1
        if kind == 6:  # RET
            results.add(((a if code & 0x18 == 0x10 else k) or 0) & ACTION)
        elif kind == 0:  # LD
            mode = code & 0xE0
            value = known.get(k) if mode == 0x20 else k if mode == 0 else dict(memory).get(k)
            todo.append((at, value, x, memory))
        elif kind == 1:  # LDX
            todo.append((at, a, k if code & 0xE0 == 0 else dict(memory).get(k), memory))
        elif kind in (2, 3):  # ST, STX
            todo.append((at, a, x, tuple(sorted({**dict(memory), k: a if kind == 2 else x}.items(), key=lambda i: i[0]))))
        elif kind == 4:  # ALU
            b, name = (k if code & 8 == 0 else x), code & 0xF0
            if a is UNKNOWN or (b is UNKNOWN and name != 0x80):
                value = UNKNOWN
            else:
                value = {0x00: lambda: a + b, 0x10: lambda: a - b, 0x20: lambda: a * b, 0x40: lambda: a | b, 0x50: lambda: a & b,
                         0x60: lambda: a << b, 0x70: lambda: a >> b, 0x80: lambda: -a, 0xA0: lambda: a ^ b}[name]() & 0xFFFFFFFF
            todo.append((at, value, x, memory))
        elif kind == 5:  # JMP
            b, name = (k if code & 8 == 0 else x), code & 0xF0
            if name == 0:
                todo.append((at + k, a, x, memory))
            elif a is UNKNOWN or b is UNKNOWN:
                todo += [(at + jt, a, x, memory), (at + jf, a, x, memory)]
            else:
                truth = {0x10: a == b, 0x20: a > b, 0x30: a >= b, 0x40: a & b != 0}[name]
                todo.append((at + (jt if truth else jf), a, x, memory))
        else:  # MISC: TAX, TXA
            todo.append((at, x, x, memory) if code & 0xF8 == 0x80 else (at, a, a, memory))
    return results


def count(pid):
    """A sentence."""
    architecture = ARCHITECTURES[os.uname().machine]
    programs = filters(pid)
    if not programs:
        return "no filter"
    allowed, some = [], []
    for number in range(LAST_NUMBER):
        each = [outcomes(program, number, architecture) for program in programs]
        passes = [bool(result & {ALLOW, LOG}) for result in each]
        if all(result <= {ALLOW, LOG} for result in each):
            allowed.append(number)
        elif all(passes):
            some.append(number)
    return "%d system calls allowed, %d more by their arguments (%d filter%s)" % (
        len(allowed), len(some), len(programs), "" if len(programs) == 1 else "s")


def walls():
    from spawner import Guest, Spawner
    from test_runtimes import find, options, processes_of

    names = [name for name in ("crun", "runc", "runsc") if find(name)]
    with Spawner(options(*names)) as spawner, spawner.client() as client:
        pid, _ = client.create("own")
        print("container: %s" % count(pid))
        for name in names:
            keeper, path = client.create(name, runtime=name)
            with Guest(path) as guest:
                guest.shell("true")
            for process in processes_of(os.stat("/proc/%d" % keeper).st_uid):
                with open("/proc/%d/cmdline" % process, "rb") as file:
                    command = file.read().split(b"\0")[0].decode()
                if command in ("runsc-sandbox", "runsc-gofer", "/dev/.tinyvm/guest"):
                    print("%s, %s: %s" % (name, os.path.basename(command), count(process)))


def main(argument):
    if argument == "--walls":
        walls()
    else:
        print(count(int(argument)))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main(sys.argv[1]))
