#!/usr/bin/env python3
"""Figures of a wall that an OCI runtime makes, at the spawner: python3 bench_runtimes.py crun|runc|runsc [N].

Prints the time of a start without the pool, of one from the pool (runsc), memory each ((MemAvailable before - after) / N),
processor use of N idle ones, running and frozen, and the time of a removal. Behind gVisor N running ones use N times 2 % of a
core for the ten seconds of that look.
"""
import sys
import time

from spawner import MIB, Spawner, eventually
from test_runtimes import comm, options, processes_of_block

LOOK_SECONDS = 10


def available():
    with open("/proc/meminfo") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))


def millis(action):
    begun = time.monotonic()
    action()
    return (time.monotonic() - begun) * 1000


def middle(times):
    return "p50 %.1f ms, p99 %.1f ms" % (sorted(times)[len(times) // 2], sorted(times)[int(len(times) * 0.99)])


def core_percent(client, ids):
    def used():
        return sum(client.stats(id)["cpu"] for id in ids)
    before, begun = used(), time.monotonic()
    time.sleep(LOOK_SECONDS)
    return (used() - before) / (time.monotonic() - begun) / 1e4


def crowd(name, count):
    with Spawner(options(name)) as spawner, spawner.client() as client:
        for id in ("warm-1", "warm-2"):
            client.create(id, runtime=name)
            client.destroy(id)
        time.sleep(2)
        ids, before = ["vm-%d" % i for i in range(count)], available()
        starts = []
        for id in ids:
            starts.append(millis(lambda: client.create(id, runtime=name, memory=64 * MIB, pids=32)))
            client.freeze(id)
        time.sleep(2)
        print("start: %s; memory: %.2f MiB each" % (middle(starts), (before - available()) / count / MIB))
        print("%d frozen: %.4f %% of a core in all" % (count, core_percent(client, ids)))
        for id in ids[:10]:
            client.thaw(id)
        print("10 idle, not frozen: %.2f %% of a core in all" % core_percent(client, ids[:10]))
        print("removal: %s" % middle([millis(lambda: client.destroy(id)) for id in ids]))


def pool(rounds=20):
    with Spawner(options("runsc") + ["--sandboxes", "1"]) as spawner, spawner.client() as client:
        def ready():
            return sum(comm(pid) == "tinyvm-keeper" for pid in processes_of_block(spawner.uid + 65536)) >= 1
        client.create("first", runtime="runsc")
        client.destroy("first")
        times = []
        for i in range(rounds):
            eventually(ready, "a sandbox is ready", 60)
            time.sleep(1)
            times.append(millis(lambda: client.create("vm-%d" % i, runtime="runsc")))
            client.destroy("vm-%d" % i)
        print("start from the pool: %s" % middle(times))


if __name__ == "__main__":
    runtime = sys.argv[1] if len(sys.argv) > 1 else "runsc"
    crowd(runtime, int(sys.argv[2]) if len(sys.argv) > 2 else 100)
    if runtime == "runsc":
        pool()
