#!/usr/bin/env python3
"""Writes the corpus of the fuzz driver: one file of frames per kind of request, some of them wrong."""
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from spawner import CHECKPOINT, CHECKPOINT_LIST, CHECKPOINT_REMOVE, RESTORE_UNDER, CREATE, CREATE_UNDER, DESTROY, FREEZE, KILL, LIST, PING, QUIT, RESIZE, STATS, SUBSCRIBE, THAW, USAGE, VOLUME_MAKE, VOLUME_REMOVE, VOLUME_USED, ATTACH, DETACH, NETWORK_ATTACH, NETWORK_DETACH, NETWORK_RULES, NETWORK_STATS, TCP, UDP, create_payload, rule, rules_payload  # noqa: E402
from wire import frame, string  # noqa: E402

MOUNTS = [("/srv/data", "/data", 1), ("/srv/data/a", "/a/b", 0)]
FILES = {
    "empty-requests": b"".join(frame(kind, 1) for kind in (PING, LIST, SUBSCRIBE, QUIT)),
    "id-requests": b"".join(frame(kind, 2, string("vm-1")) for kind in (DESTROY, KILL, FREEZE, THAW, STATS, USAGE)),
    "create": frame(CREATE, 3, create_payload("vm-1")),
    "create-mounts": frame(CREATE, 4, create_payload("vm-2", mounts=MOUNTS, read_only=1)),
    "create-bad-mounts": frame(CREATE, 5, create_payload("vm-3", mounts=[("/a/../b", "/proc/x", 2)])),
    "create-bad-values": b"".join(frame(CREATE, 6, create_payload("vm", **bad)) for bad in (
        {"cpu": 1}, {"memory": 1}, {"disk": 1}, {"pids": 0}, {"image": "../x"}, {"user": "--x"}, {"hostname": ""})),
    "create-under": b"".join(frame(CREATE_UNDER, 11, string(name) + create_payload("vm-4", mounts=MOUNTS))
                             for name in ("crun", "runc", "runsc", "", "sh", "runscc")),
    "checkpoint": frame(CHECKPOINT, 20, string("vm-1") + string("one") + string("host") + struct.pack(">Q", 1 << 30)) +
                  frame(CHECKPOINT, 21, string("vm-1") + string("../x") + string("../y") + struct.pack(">Q", 1 << 30)) +
                  frame(CHECKPOINT_REMOVE, 22, string("one")) + frame(CHECKPOINT_REMOVE, 23, string("a/b")) + frame(CHECKPOINT_LIST, 24),
    "restore": b"".join(frame(RESTORE_UNDER, 25, string(name) + string(runtime) + create_payload("vm-5", mounts=MOUNTS))
                        for name, runtime in (("one", "runsc"), ("one", "crun"), ("../x", "runsc"), ("", "runsc"))),
    "resize": frame(RESIZE, 7, string("vm-1") + struct.pack(">IQI", 500, 64 << 20, 32)),
    "bad-id": frame(DESTROY, 8, string("../x")),
    "volumes": frame(VOLUME_MAKE, 11, string("notes") + struct.pack(">Q", 1 << 30)) + frame(VOLUME_REMOVE, 12, string("notes")) +
               frame(VOLUME_USED, 13, string("notes")) + frame(VOLUME_MAKE, 14, string("../x") + struct.pack(">Q", 1)),
    "attach": frame(ATTACH, 15, string("vm-1") + string("notes") + string("/notes") + b"\1" + string("user") + string("host")) +
              frame(ATTACH, 16, string("vm-1") + string("/srv/data") + string("/a/b") + b"\0" + string("1000") + string("tiny")) +
              frame(ATTACH, 17, string("vm-1") + string("a/b") + string("/proc/x") + b"\2" + string("--x") + string("../x")),
    "detach": frame(DETACH, 18, string("vm-1") + string("/notes") + b"\1") + frame(DETACH, 19, string("vm-1") + string("/") + b"\0"),
    "network": frame(NETWORK_ATTACH, 20, rules_payload("vm-1", [rule("10.0.0.0/8", [80, (1000, 2000)], TCP), rule("0.0.0.0/0", deny=True), rule("2001:db8::/32", [53], UDP)])) +
               frame(NETWORK_RULES, 21, rules_payload("vm-1", [rule("198.18.0.1/32", [(i, i + 1) for i in range(1, 9)])])) +
               b"".join(frame(kind, 22, string("vm-1")) for kind in (NETWORK_DETACH, NETWORK_STATS)),
    "network-bad": b"".join(frame(NETWORK_RULES, 23, rules_payload("vm-1", bad)) for bad in (
        [rule("10.0.0.0/8", [0])], [rule("10.0.0.0/8", [(9, 8)])], [rule("10.0.0.0/8", range(1, 10))], [rule("10.0.0.0/8", protocols=0)],
        [rule("10.0.0.0/8", protocols=4)], [b"\2" + rule("10.0.0.0/8")[1:]], [b"\0\5" + rule("10.0.0.0/8")[2:]],
        [b"\0\4" + rule("::ffff:1/128")[2:]], [rule("::/0")[:18] + b"\x81" + rule("::/0")[19:]])) +
                   frame(NETWORK_ATTACH, 24, rules_payload("../x", [rule("10.0.0.0/8")])) + frame(NETWORK_ATTACH, 25, string("vm-1") + struct.pack(">I", 4096)),
    "short": frame(RESIZE, 9, string("vm-1")),
    "unknown": frame(0x7f, 10, b"x"),
}
directory = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
for name, content in FILES.items():
    with open(os.path.join(directory, name), "wb") as file:
        file.write(content)
