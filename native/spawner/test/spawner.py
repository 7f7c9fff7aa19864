"""A tinyvm-spawner under test, its client, and a small client of the guest."""
import ipaddress
import os
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import time

from outside import links, tables
from wire import Closed, Connection, Reader, string, strings

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(HERE, "..", "build")
GUEST = os.environ.get("TINYVM_GUEST") or os.path.join(HERE, "..", "..", "guest", "build", "tinyvm-guest")
DEADLINE = 30
MIB = 1 << 20

PING, CREATE, DESTROY, KILL, FREEZE, THAW, RESIZE, STATS, LIST, SUBSCRIBE, QUIT = range(1, 12)
USAGE = 0x0c
CREATE_UNDER, CHECKPOINT, RESTORE_UNDER, CHECKPOINT_REMOVE, CHECKPOINT_LIST = range(0x20, 0x25)
VOLUME_MAKE, VOLUME_REMOVE, VOLUME_USED, ATTACH, DETACH = range(0x10, 0x15)
NETWORK_ATTACH, NETWORK_DETACH, NETWORK_RULES, NETWORK_STATS = range(0x15, 0x19)
TCP, UDP, BOTH = 1, 2, 3
OK, ERROR, EVENT = 0x40, 0x41, 0x42


class Refused(Exception):
    """An ERROR answer."""

    def __init__(self, errno, step, message):
        super().__init__(f"{step}: {message}")
        self.errno, self.step, self.message = errno, step, message


def eventually(check, what, deadline=DEADLINE):
    """Polls until check() is true."""
    end = time.monotonic() + deadline
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("not within %d s: %s" % (deadline, what))
        time.sleep(0.005)


def create_payload(id, image="host", cpu=1000, memory=256 * MIB, disk=64 * MIB, pids=64, hostname=None, user="user",
                   read_only=0, mounts=()):
    payload = string(id) + string(image) + struct.pack(">IQQI", cpu, memory, disk, pids)
    payload += string(hostname if hostname is not None else id[:64]) + string(user) + struct.pack(">B", read_only)
    payload += struct.pack(">I", len(mounts))
    for source, target, ro in mounts:
        payload += string(source) + string(target) + struct.pack(">B", ro)
    return payload


def rule(network, ports=(), protocols=BOTH, deny=False):
    """One rule on the wire: network is CIDR text, ports are numbers or (first, last)."""
    network = ipaddress.ip_network(network, strict=False)
    address, ports = int(network.network_address), [p if isinstance(p, tuple) else (p, p) for p in ports]
    return (struct.pack(">BBQQBI", deny, network.version, address >> 64, address & (1 << 64) - 1, network.prefixlen, len(ports)) +
            b"".join(struct.pack(">HH", *p) for p in ports) + struct.pack(">B", protocols))


def rules_payload(id, rules):
    return string(id) + struct.pack(">I", len(rules)) + b"".join(rules)


class Client(Connection):
    """Requests of spec/spawner-protocol.md, one at a time unless said otherwise."""

    def __init__(self, path, timeout=DEADLINE):
        super().__init__(path, timeout)
        self.stream = 0
        self.events = []

    def ask(self, kind, payload=b""):
        self.stream += 1
        self.send(kind, self.stream, payload)
        return self.stream

    def answer(self, stream):
        while True:
            kind, got, payload = self.receive()
            if kind == EVENT:
                self.note_event(payload)
                continue
            assert got == stream, (got, stream)
            reader = Reader(payload)
            if kind == ERROR:
                raise Refused(reader.i32(), reader.str(), reader.str())
            assert kind == OK, kind
            return reader

    def note_event(self, payload):
        reader = Reader(payload)
        self.events.append((reader.u8(), reader.str(), reader.i32(), reader.u64()))

    def next_event(self, wanted):
        """The first event, seen or to come, for which wanted(event) is true."""
        while True:
            for event in self.events:
                if wanted(event):
                    return event
            kind, _, payload = self.receive()
            assert kind == EVENT
            self.note_event(payload)

    def call(self, kind, payload=b""):
        return self.answer(self.ask(kind, payload))

    def ping(self):
        reader = self.call(PING)
        keys = ("version", "mode", "layers", "uid")
        values = (reader.u16(), reader.u8(), reader.str(), reader.u32())
        return dict(zip(keys, values), features=[reader.str() for _ in range(reader.u32())])

    def create(self, id, runtime=None, **options):
        if runtime is None:
            reader = self.call(CREATE, create_payload(id, **options))
        else:
            reader = self.call(CREATE_UNDER, string(runtime) + create_payload(id, **options))
        return reader.u32(), reader.str()

    def checkpoint(self, id, name, most=1 << 30, image="host"):
        """Bytes of the checkpoint."""
        return self.call(CHECKPOINT, string(id) + string(name) + string(image) + struct.pack(">Q", most)).u64()

    def restore(self, name, id, runtime="runsc", **options):
        reader = self.call(RESTORE_UNDER, string(name) + string(runtime) + create_payload(id, **options))
        return reader.u32(), reader.str()

    def checkpoint_remove(self, name):
        self.call(CHECKPOINT_REMOVE, string(name))

    def checkpoints(self):
        """{name: bytes}"""
        reader = self.call(CHECKPOINT_LIST)
        return {reader.str(): reader.u64() for _ in range(reader.u32())}

    def destroy(self, id):
        self.call(DESTROY, string(id))

    def kill(self, id):
        self.call(KILL, string(id))

    def freeze(self, id):
        self.call(FREEZE, string(id))

    def thaw(self, id):
        self.call(THAW, string(id))

    def resize(self, id, cpu=1000, memory=256 * MIB, pids=64):
        self.call(RESIZE, string(id) + struct.pack(">IQI", cpu, memory, pids))

    def usage(self, id):
        reader = self.call(USAGE, string(id))
        return {"cpu": reader.u64(), "memory": reader.u64()}

    def stats(self, id):
        reader = self.call(STATS, string(id))
        keys = ("cpu", "throttled", "memory", "peak", "limit")
        stats = {key: reader.u64() for key in keys}
        stats["pids"] = reader.u32()
        for key in ("read", "write", "oom", "disk", "disk_total"):
            stats[key] = reader.u64()
        stats["frozen"] = reader.u8()
        stats["merged"] = reader.u64()
        return stats

    def list(self):
        """{id: (pid, state, path)}; self.runtimes gets {id: runtime}."""
        stream, walls, more = self.ask(LIST), {}, 1
        self.runtimes = {}
        while more:
            reader = self.answer(stream)
            more = reader.u8()
            for _ in range(reader.u32()):
                id, pid, state, path = reader.str(), reader.u32(), reader.u8(), reader.str()
                walls[id] = (pid, state, path)
                self.runtimes[id] = reader.str()
        return walls

    def volume_make(self, name, size=16 * MIB):
        self.call(VOLUME_MAKE, string(name) + struct.pack(">Q", size))

    def volume_remove(self, name):
        self.call(VOLUME_REMOVE, string(name))

    def volume_used(self, name):
        return self.call(VOLUME_USED, string(name)).u64()

    def attach(self, id, source, target, read_only=0, user="user", image="host"):
        self.call(ATTACH, string(id) + string(source) + string(target) + struct.pack(">B", read_only) + string(user) + string(image))

    def detach(self, id, target, force=0):
        self.call(DETACH, string(id) + string(target) + struct.pack(">B", force))

    def network_attach(self, id, *rules):
        """(interface, address, gateway, filter)"""
        reader = self.call(NETWORK_ATTACH, rules_payload(id, rules))
        return reader.str(), reader.str(), reader.str(), reader.u8()

    def network_detach(self, id):
        self.call(NETWORK_DETACH, string(id))

    def network_rules(self, id, *rules):
        self.call(NETWORK_RULES, rules_payload(id, rules))

    def network_stats(self, id):
        reader = self.call(NETWORK_STATS, string(id))
        keys = ("out", "in", "allowed", "refused", "dropped")
        return dict([("attached", reader.u8())] + [(key, reader.u64()) for key in keys])

    def subscribe(self):
        self.call(SUBSCRIBE)

    def quit(self):
        self.call(QUIT)


class Ended(Exception):
    """The guest refused to start the command."""


class Guest(Connection):
    """Runs commands through the guest protocol."""

    def __init__(self, path, timeout=DEADLINE):
        super().__init__(path, timeout)
        self.send(0x01, 0, struct.pack(">HHI", 1, 1, 1 << 20))
        kind, _, _ = self.receive()
        assert kind == 0x02, kind
        self.stream = 0

    def start(self, argv, user="", cwd="", env=()):
        self.stream += 1
        self.send(0x10, self.stream, struct.pack(">I", 4) + string("test") + string(user) + string(cwd) +
                  strings(argv) + strings(env) + struct.pack(">HH", 0, 0))
        return self.stream

    def finish(self, stream):
        """(exit code, signal, output) of a started command."""
        output = b""
        while True:
            kind, got, payload = self.receive()
            if got != stream:
                continue
            reader = Reader(payload)
            if kind == 0x12:
                reader.u64()
                output += reader.rest()
                self.send(0x06, stream, struct.pack(">I", len(reader.rest())))
            elif kind == 0x18:
                return reader.i32(), reader.u8(), output.decode(errors="replace")
            elif kind == 0x03:
                raise Ended(reader.i32(), reader.str())

    def suspend(self, millis=60000):
        """The guest lets go of the host, for a checkpoint."""
        self.stream += 1
        self.send(0x53, self.stream, struct.pack(">I", millis))
        try:
            while True:
                kind, got, payload = self.receive()
                if kind == 0x03 and got == self.stream:
                    reader = Reader(payload)
                    raise Ended(reader.i32(), reader.str())
        except Closed:
            pass

    def identify(self, hostname, user="user"):
        self.stream += 1
        self.send(0x52, self.stream, string(hostname) + string(user))
        while True:
            kind, got, payload = self.receive()
            if got == self.stream:
                if kind != 0x08:
                    raise Ended(payload)
                return

    def run(self, argv, **options):
        return self.finish(self.start(argv, **options))

    def shell(self, script, user="", check=True):
        """Output of a bash script; its exit code must be 0 unless check is off."""
        code, number, output = self.run(["/bin/bash", "-c", script], user=user)
        if check and (code, number) != (0, 0):
            raise AssertionError("exit %d signal %d: %s\n%s" % (code, number, script, output))
        return output.strip()


class Spawner:
    """Starts tinyvm-spawner in a directory of its own and ends it without leaving anything."""

    def __init__(self, arguments=(), guest=GUEST, program="tinyvm-spawner", layers="auto", blanks=4, dir=None,
                 pool_bytes=2 << 30):
        self.own = dir is None
        self.dir = dir or tempfile.mkdtemp(prefix="tinyvm-spawner-", dir="/tmp")
        self.run, self.images = os.path.join(self.dir, "run"), os.path.join(self.dir, "images")
        os.makedirs(self.images, exist_ok=True)
        read_end, write_end = os.pipe()
        self.process = subprocess.Popen(
            [os.path.join(BUILD, program), "serve", "--run", self.run, "--images", self.images, "--guest", guest,
             "--layers", layers, "--pool", str(blanks), "--pool-bytes", str(pool_bytes), "--ready-fd", str(write_end),
             *arguments], pass_fds=(write_end,), stderr=subprocess.PIPE)
        os.close(write_end)
        self.ready = b""
        end = time.monotonic() + DEADLINE
        while not self.ready.endswith(b"\n"):
            readable, _, _ = select.select([read_end], [], [], max(0, end - time.monotonic()))
            part = os.read(read_end, 4096) if readable else b""
            if not part:
                break
            self.ready += part
        os.close(read_end)
        self.socket = os.path.join(self.run, "spawner.sock")
        if not self.ready.startswith(b"ready"):
            self.process.wait(DEADLINE)
            self.process.stderr.close()
            if self.own:
                shutil.rmtree(self.dir, ignore_errors=True)
            return
        self.uid = int(self.ready.split(b"uid=")[1])
        self.block = self.uid >> 28

    def client(self):
        return Client(self.socket)

    def pids(self):
        """(spawner, supervisor) as they are now, None when one is missing."""
        found = dict(reversed(self.family()))
        return found.get("tinyvm-spawner"), found.get("tinyvm-superv")

    def family(self):
        """Every process that serves this run directory: (name, pid)."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as file:
                    line = file.read()
                with open("/proc/%s/comm" % pid) as file:
                    name = file.read().strip()
            except OSError:
                continue
            if b"serve\0" in line and self.run.encode() + b"\0" in line and name in ("tinyvm-spawner", "tinyvm-superv"):
                with open("/proc/%s/status" % pid) as file:
                    status = file.read()
                # blank walls are copies of the spawner: they live in their own pid namespace
                if len(status.split("NSpid:")[1].split("\n")[0].split()) == 1 and "State:\tZ" not in status:
                    found.append((name, int(pid)))
        return found

    def remains(self):
        """Everything of this spawner that can be seen on the machine."""
        left = []
        for root in ("/sys/fs/cgroup", *("/sys/fs/cgroup/" + name for name in os.listdir("/sys/fs/cgroup"))):
            path = os.path.join(root, "tinyvm-%d" % self.block)
            if os.path.isdir(path):
                left.append(path)
        left += ["%s %d" % process for process in self.family()]
        left += links("tvm%ds" % self.block) + [name for name in tables() if name.startswith("tinyvm-%d" % self.block)]
        with open("/proc/self/mountinfo") as file:
            left += [line for line in file if self.dir in line]
        left += [os.path.join(self.run, name) for name in os.listdir(self.run)] if os.path.isdir(self.run) else []
        low, high = self.uid, self.uid + (1 << 28)
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if low <= os.stat("/proc/" + pid).st_uid < high:
                    left.append("process %s of uid range %d" % (pid, self.block))
            except OSError:
                pass
        for name in os.listdir("/sys/block"):
            try:
                with open("/sys/block/%s/loop/backing_file" % name) as file:
                    if self.dir in file.read():
                        left.append(name)
            except OSError:
                pass
        try:
            with open("/run/tinyvm/uids/%d" % self.block) as file:
                if file.read() == self.run:
                    left.append("claim %d" % self.block)
        except OSError:
            pass
        return left

    def stop(self):
        """QUIT; then nothing may be left."""
        if not self.ready.startswith(b"ready"):
            return
        try:
            with self.client() as client:
                client.quit()
        except (OSError, Closed):
            pass
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            pass
        try:
            eventually(lambda: not self.remains(), "nothing left after QUIT")
        except AssertionError:
            raise AssertionError("left after QUIT: %s" % self.remains()) from None
        finally:
            for _, pid in self.family():
                os.kill(pid, signal.SIGKILL)
            self.process.stderr.close()
            if self.own:
                shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
