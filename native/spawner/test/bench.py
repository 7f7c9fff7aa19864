#!/usr/bin/env python3
"""Figures of the spawner alone: python3 test/bench.py [spawn] [churn] [freeze] [density] [--layers btrfs|tmpfs] [--pool N] [--seconds S].

One JSON object per figure; run it on a quiet machine."""
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from spawner import MIB, Spawner  # noqa: E402


def millis(samples):
    samples = sorted(samples)
    pick = lambda share: round(samples[min(len(samples) - 1, int(len(samples) * share))] * 1000, 3)  # noqa: E731
    return {"n": len(samples), "p50Millis": pick(0.5), "p90Millis": pick(0.9), "p99Millis": pick(0.99)}


def say(name, **figures):
    print(json.dumps({"bench": name, **figures}), flush=True)


def churn(spawner, clients, seconds):
    """CREATE + DESTROY as fast as `clients` clients can."""
    creates, destroys, lock = [], [], threading.Lock()
    end = time.monotonic() + seconds

    def work(number):
        mine, gone, count = [], [], 0
        with spawner.client() as client:
            while time.monotonic() < end:
                id, count = "c%d-%d" % (number, count), count + 1
                a = time.monotonic()
                client.create(id)
                b = time.monotonic()
                client.destroy(id)
                mine.append(b - a)
                gone.append(time.monotonic() - b)
        with lock:
            creates.extend(mine)
            destroys.extend(gone)

    start = time.monotonic()
    threads = [threading.Thread(target=work, args=(i,)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - start
    say("churn", clients=clients, perSecond=round(len(creates) / took), create=millis(creates), destroy=millis(destroys))


def spawn(spawner, count):
    """CREATE one after another, all kept, with a pause that lets blank walls be made again."""
    times = []
    with spawner.client() as client:
        for i in range(count):
            a = time.monotonic()
            client.create("s%d" % i)
            times.append(time.monotonic() - a)
            time.sleep(0.01)
        for i in range(count):
            client.destroy("s%d" % i)
    say("spawn", **millis(times))


def freeze(spawner, count):
    """FREEZE and THAW of an idle wall."""
    frozen, thawed = [], []
    with spawner.client() as client:
        client.create("f")
        for _ in range(count):
            a = time.monotonic()
            client.freeze("f")
            b = time.monotonic()
            client.thaw("f")
            frozen.append(b - a)
            thawed.append(time.monotonic() - b)
        client.destroy("f")
    say("freeze", **millis(frozen))
    say("thaw", **millis(thawed))


def available():
    with open("/proc/meminfo") as file:
        return int(next(line for line in file if line.startswith("MemAvailable")).split()[1]) * 1024


def density(spawner, count):
    """Memory of live idle walls: (MemAvailable before - after) / N."""
    times = []
    with spawner.client() as client:
        time.sleep(1)
        before = available()
        for i in range(count):
            a = time.monotonic()
            client.create("d%d" % i, memory=64 * MIB)
            times.append(time.monotonic() - a)
        time.sleep(1)
        say("density", bytesEach=(before - available()) // count, **millis(times))
        start = time.monotonic()
        streams = [client.ask(3, len("d%d" % i).to_bytes(4, "big") + b"d%d" % i) for i in range(count)]
        for _ in streams:
            client.receive()
        say("destroy-all", n=count, perSecond=round(count / (time.monotonic() - start)))


def main(arguments):
    def option(name, default):
        return arguments[arguments.index(name) + 1] if name in arguments else default

    wanted = [word for word in arguments if word in ("spawn", "churn", "freeze", "density")]
    wanted = wanted or ["spawn", "churn", "freeze", "density"]
    seconds = float(option("--seconds", "5"))
    with Spawner(layers=option("--layers", "auto"), blanks=int(option("--pool", "4"))) as spawner:
        with spawner.client() as client:
            say("machine", cores=os.cpu_count(), kernel=os.uname().release, **client.ping())
        if "spawn" in wanted:
            spawn(spawner, 200)
        if "churn" in wanted:
            churn(spawner, 1, seconds)
            churn(spawner, 2, seconds)
        if "freeze" in wanted:
            freeze(spawner, 500)
        if "density" in wanted:
            density(spawner, 1000)


if __name__ == "__main__":
    main(sys.argv[1:])
