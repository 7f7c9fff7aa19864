"""Writes the corpus: one file per message type, one valid frame each, named NN-name.bin (NN is the type in hex).

The files are shared with the Java codec's tests and seed both fuzzers. `python3 corpus.py` rewrites them; the tests check
that they are what this script writes.
"""
import os
from protocol import *

DIRECTORY = os.path.join(HERE, "corpus")


def entry(kind, mode, size, path, target=""):
    return u8(kind) + u32(mode) + u64(size) + u32(1000) + u32(100) + u64(1700000000123456789) + text(path) + text("user") + \
        text("users") + text(target)


FRAMES = {
    "HELLO": (0, u16(1) + u16(1) + u32(262144)),
    "WELCOME": (0, u16(1) + text("0.1.0") + u64(0x0123456789ABCDEF) + u32(262144)),
    "ERROR": (1, u32(2) + text("could not stat '/no': No such file or directory")),
    "PING": (0, u64(42)),
    "PONG": (0, u64(42)),
    "WINDOW": (1, u32(65536)),
    "CANCEL": (1, b""),
    "DONE": (1, b""),
    "DATA": (1, b"some bytes\0\xff"),
    "END": (1, b""),
    "EXEC": (1, exec_payload(["sh", "-c", "echo h\u00e9llo"], flags=3, env=["A=b", "TERM=xterm"], cwd="/tmp", user="user",
                             tag="main", rows=24, columns=80)),
    "STARTED": (1, u32(7) + u32(4711)),
    "STDOUT": (1, u64(1 << 33) + b"out\n"),
    "STDERR": (1, u64(0) + b"err\n"),
    "STDIN": (1, b"in\n"),
    "CLOSE_STDIN": (1, b""),
    "SIGNAL": (1, u8(15) + u8(1)),
    "RESIZE": (1, u16(50) + u16(132)),
    "EXITED": (1, struct.pack(">i", -1) + u8(9) + u64(1234567) + u64(8 << 20)),
    "LIST": (3, b""),
    "PROCESSES": (3, u8(0) + u32(2) + u32(1) + u32(12) + u8(0) + u32(1) + text("main") + texts(["sleep", "9"]) + u64(1700000000000000) +
                  u32(2) + u32(13) + u8(1) + u32(0) + text("") + texts([]) + u64(1700000000000001)),
    "ATTACH": (5, u32(1) + u64(4096) + u64(0)),
    "ACK": (5, u64(8192) + u64(17)),
    "FORGET": (7, u32(1)),
    "FILE_STAT": (9, text("") + text("/etc/passwd") + u8(1)),
    "STAT": (9, entry(1, 0o644, 1221, "/etc/passwd")),
    "FILE_LIST": (11, text("user") + text(".") + u32(2)),
    "ENTRIES": (11, u32(3) + entry(2, 0o1777, 4096, "dir") + entry(1, 0o4755, 5, b"dir/\xff") + entry(3, 0o777, 6, "link", "target")),
    "FILE_MKDIR": (13, text("") + text("/a/b") + u32(0o755) + u8(1)),
    "FILE_RENAME": (15, text("") + text("/a") + text("/b") + u8(0)),
    "FILE_REMOVE": (17, text("") + text("/a") + u8(1)),
    "FILE_READ": (19, text("") + text("/a") + u64(10) + u64(TO_END)),
    "FILE_WRITE": (21, text("") + text("/a") + u32(0o600) + u8(PARENTS | ATOMIC)),
    "FILE_WATCH": (23, text("") + text("/a") + u8(1)),
    "WATCHING": (23, b""),
    "WATCH_EVENT": (23, u8(CREATE) + text("sub/file")),
    "FILE_CHMOD": (25, text("") + text("/a") + u32(0o4755)),
    "FILE_CHOWN": (27, text("") + text("/a") + text("user:users")),
    "FILE_SYMLINK": (29, text("") + text("../target") + text("/link")),
    "DIAL": (31, u16(8080)),
    "DIALED": (31, b""),
    "LISTEN": (33, u16(8081)),
    "INBOUND": (0x80000000, u32(33) + u16(54321)),
    "DATAGRAMS": (35, u16(53)),
    "DATAGRAM": (35, u16(40000) + b"\x12\x34\x01\x00 a query"),
    "FILE_XATTRS": (41, text("") + text("/a")),
    "XATTRS": (41, u32(2) + text("user.a") + text("b") + text("user.empty") + text("")),
    "FILE_SET_XATTR": (43, text("") + text("/a") + text("user.a") + text("b")),
    "FILE_REMOVE_XATTR": (45, text("") + text("/a") + text("user.a")),
    "STATS": (35, b""),
    "STATISTICS": (35, u64(3600000000) + u32(3) + u64(98304) + u64(268435456) + u64(1048576)),
    "IDENTIFY": (39, text("tiny") + text("user")),
    "SUSPEND": (41, u32(60000)),
    "SHUTDOWN": (37, u32(5000)),
}


def files():
    return {f"{TYPES[name]:02x}-{name.lower()}.bin": frame(name, stream, payload) for name, (stream, payload) in FRAMES.items()}


if __name__ == "__main__":
    os.makedirs(DIRECTORY, exist_ok=True)
    for name, content in files().items():
        with open(os.path.join(DIRECTORY, name), "wb") as file:
            file.write(content)
