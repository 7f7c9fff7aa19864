"""Random but lawful use: many operations begun, crossed, cancelled and abandoned. The guest (with sanitizers) must survive,
go on serving, and hold nothing afterwards."""
import os, random, socket, unittest
from cases import GuestCase
from protocol import *


class Monkey(GuestCase):
    HOSTS, STEPS = 25, 120

    def begin(self, host, chance, port):
        path = self.path(chance.choice(["a", "b", "a/c", "d/e/f", ".", "big"]))
        user = text(chance.choice(["", "", "nobody"]))
        return chance.choice([
            lambda: host.exec(["sh", "-c", "head -c 100000 /dev/zero; cat; seq 1 1000 >&2"], flags=chance.randrange(8)),
            lambda: host.exec(chance.choice([["true"], ["cat"], ["sleep", "5"], ["nope"], ["sh", "-c", "sleep 1 & kill -9 $$"]]), flags=chance.randrange(8)),
            lambda: host.open("LIST"),
            lambda: host.open("ATTACH", u32(chance.randrange(1, 60)) + u64(0) + u64(0)),
            lambda: host.open("FORGET", u32(chance.randrange(1, 60))),
            lambda: host.open("FILE_STAT", user + text(path) + u8(chance.randrange(2))),
            lambda: host.open("FILE_LIST", user + text(self.directory) + u32(5)),
            lambda: host.open("FILE_MKDIR", user + text(path) + u32(0o755) + u8(1)),
            lambda: host.open("FILE_REMOVE", user + text(self.path(chance.choice(["a", "d"]))) + u8(1)),
            lambda: host.open("FILE_XATTRS", user + text(path)),
            lambda: host.open("FILE_SET_XATTR", user + text(path) + text("user.m") + text("x" * chance.randrange(9000))),
            lambda: host.open("FILE_REMOVE_XATTR", user + text(path) + text("user.m")),
            lambda: host.open("FILE_RENAME", user + text(path) + text(self.path("d")) + u8(0)),
            lambda: host.open("FILE_READ", user + text(self.path("big")) + u64(0) + u64(TO_END)),
            lambda: host.open("FILE_WRITE", user + text(path) + u32(0o644) + u8(chance.randrange(16))),
            lambda: host.open("FILE_WATCH", user + text(self.directory) + u8(chance.randrange(2))),
            lambda: host.open("DIAL", u16(chance.choice([port, 1]))),
            lambda: host.open("LISTEN", u16(chance.choice([0, port]))),
            lambda: host.open("STATS"),
        ])()

    def poke(self, host, chance, stream):
        """A frame that some kinds of stream know; those that do not would be a violation, so the kind is respected."""
        kind = self.kinds[stream]
        options = [("WINDOW", u32(chance.randrange(1, 100000))), ("CANCEL", b"")]
        if kind == "exec":
            options += [("STDIN", b"x" * 1000), ("CLOSE_STDIN", b""), ("SIGNAL", u8(chance.choice([1, 2, 9, 15, 28])) + u8(chance.randrange(2))),
                        ("RESIZE", u16(10) + u16(10)), ("ACK", u64(0) + u64(0))]
        if kind == "write":
            options += [("DATA", b"y" * 1000), ("END", b"")]
        name, payload = chance.choice(options)
        host.send(name, stream, payload)

    def test_lawful_chaos(self):
        chance = random.Random(7)
        self.make("big", bytes(300000))
        os.chmod(self.directory, 0o777)
        server = socket.socket()
        self.addCleanup(server.close)
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        for number in range(self.HOSTS):
            host = self.guest.connect(window=chance.choice([1, 1000, 20000, 1 << 20]))
            self.kinds = {}
            for _ in range(self.STEPS):
                if chance.random() < 0.5 or not self.kinds:
                    stream = self.begin(host, chance, server.getsockname()[1])
                    self.kinds[stream] = "other"
                else:
                    self.poke(host, chance, chance.choice(list(self.kinds)))
            if chance.random() < 0.5:
                host.send("PING", 0, u64(number))
                host.expect(0, "PONG")
            host.close()
        self.finish()

    def finish(self):
        host = self.guest.connect()
        self.assertEqual(host.run(["echo", "alive"])[0], b"alive\n")
        self.assertIsNone(self.guest.process.poll())


class KindMonkey(Monkey):
    """The same with fewer kinds of streams, and the frames that belong to them."""

    def test_lawful_chaos(self):
        chance = random.Random(8)
        for number in range(self.HOSTS):
            host = self.guest.connect(window=chance.choice([1, 1000, 1 << 20]))
            self.kinds = {}
            for _ in range(self.STEPS):
                if chance.random() < 0.4 or not self.kinds:
                    if chance.random() < 0.7:
                        stream = host.exec(chance.choice([["cat"], ["seq", "1", "50000"], ["sleep", "3"], ["sh", "-c", "cat & cat"]]),
                                           flags=chance.randrange(8))
                        self.kinds[stream] = "exec"
                    else:
                        stream = host.open_write(self.path("w%d" % chance.randrange(3)), flags=chance.choice([0, 2, 8, 9]))
                        self.kinds[stream] = "write"
                else:
                    self.poke(host, chance, chance.choice(list(self.kinds)))
            if chance.random() < 0.5:
                host.send("PING", 0, u64(number))
                host.expect(0, "PONG")
            host.close()
        self.finish()


class Leaks(GuestCase):
    binary = "tinyvm-guest"

    def descriptors(self): return len(os.listdir(f"/proc/{self.guest.process.pid}/fd"))

    def private_kib(self):
        with open(f"/proc/{self.guest.process.pid}/smaps_rollup") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Private_Dirty"))

    def round(self, host):
        stream = host.exec(["sh", "-c", "echo x; cat"], flags=STDIN_OPEN)
        process, _ = host.started(stream)
        host.send("CLOSE_STDIN", stream)
        host.follow(stream)
        host.done("FORGET", u32(process))
        host.exec(["nope"])
        host.write(self.path("f"), b"x" * 100, flags=ATOMIC)
        host.read(self.path("f"))
        host.list(self.directory, 3)
        host.send("CANCEL", host.open_write(self.path("g"), flags=ATOMIC))
        watch = host.open("FILE_WATCH", text("") + text(self.directory) + u8(1))
        host.expect(watch, "WATCHING")
        host.send("CANCEL", watch)
        host.error(host.open("DIAL", u16(1)))
        os.makedirs(self.path("tree", "sub"))
        host.done("FILE_REMOVE", text("") + text(self.path("tree")) + u8(1))

    def test_nothing_is_left_after_many_operations(self):
        def rounds(count):
            for _ in range(count):
                host = self.guest.connect()
                for _ in range(10):
                    self.round(host)
                host.close()
            host = self.guest.connect()
            host.run(["true"])
            return host
        rounds(3)
        self.eventually(lambda: self.private_kib() < 300)
        descriptors, memory = self.descriptors(), self.private_kib()
        rounds(15)
        self.eventually(lambda: self.descriptors() == descriptors, "descriptors leak")
        self.eventually(lambda: self.private_kib() <= memory + 48, f"memory leaks: {memory} KiB before")


if __name__ == "__main__":
    unittest.main()
