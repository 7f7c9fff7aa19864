#!/usr/bin/env python3
"""Checkpoints behind gVisor: python3 test/bench_checkpoint.py [ROUNDS] [MIB]   (root)

A Tiny VM with MIB of memory in use is written to disk ROUNDS times (how long that takes, and how long nothing inside ran), and
a copy is made of each (until its guest answers). Prints medians and the slowest; the last line is the bytes on disk.
"""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from spawner import MIB, Guest, Spawner  # noqa: E402
from test_checkpoints import reach  # noqa: E402
from test_runtimes import options  # noqa: E402

CLOCK = ("import sys, time\nblock = bytearray(__import__('os').urandom(1 << 20)) * %d\nlast, worst = time.monotonic(), 0\nwhile True:\n"
         " time.sleep(0.001)\n now = time.monotonic()\n if now - last > worst:\n  worst = now - last\n  open('/tmp/worst', 'w').write(str(worst))\n last = now\n"
         " if __import__('os').path.exists('/tmp/reset'): __import__('os').unlink('/tmp/reset'); worst = 0\n")


def say(what, seconds):
    seconds.sort()
    print("%s: p50 %.0f ms, slowest %.0f ms" % (what, seconds[len(seconds) // 2] * 1e3, seconds[-1] * 1e3))


def main(rounds, mib):
    written, stood, restored, size = [], [], [], 0
    with Spawner(options("runsc")) as spawner, spawner.client() as client:
        _, path = client.create("vm", runtime="runsc", cpu=1000, memory=(mib + 64) * MIB)
        with Guest(path) as guest:
            guest.start(["python3", "-c", CLOCK % mib])
            time.sleep(2)
        for i in range(rounds):
            with reach(path) as guest:
                guest.shell("touch /tmp/reset; sleep 0.2")
                begun = time.monotonic()
                guest.suspend()
            size = client.checkpoint("vm", "cp-%d" % i)
            reach(path).close()
            written.append(time.monotonic() - begun)
            with reach(path) as guest:
                guest.shell("sleep 0.1")
                stood.append(float(guest.shell("cat /tmp/worst")))
            begun = time.monotonic()
            _, copy = client.restore("cp-%d" % i, "copy", cpu=1000, memory=(mib + 64) * MIB)
            reach(copy).close()
            restored.append(time.monotonic() - begun)
            client.destroy("copy")
            client.checkpoint_remove("cp-%d" % i)
    say("checkpoint, until it is on disk and the guest answers again", written)
    say("of that nothing inside ran for", stood)
    say("restore, until the guest answers", restored)
    print("on disk: %.1f MiB" % (size / MIB))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, int(sys.argv[2]) if len(sys.argv) > 2 else 32)
