"""HELLO, WELCOME, PING, and everything a guest must refuse without falling over."""
import errno, os, socket, struct, unittest
from cases import GuestCase
from protocol import *


class Handshake(GuestCase):
    def test_welcome_tells_version_and_boot(self):
        self.assertEqual(self.host.version, 1)
        self.assertGreaterEqual(self.host.window, 65536)
        second = self.guest.connect()
        self.assertEqual(second.boot_id, self.host.boot_id)

    def test_an_unknown_version_is_answered_with_EPROTONOSUPPORT(self):
        host = self.guest.connect(hello=False)
        host.send("HELLO", 0, u16(2) + u16(9) + u32(65536))
        self.assertEqual(host.error(0).errno, errno.EPROTONOSUPPORT)
        host.wait_closed()

    def test_a_range_that_includes_version_1_is_welcome(self):
        host = self.guest.connect(hello=False)
        host.send("HELLO", 0, u16(0) + u16(9) + u32(65536))
        host.expect(0, "WELCOME")

    def test_ping_is_answered_with_the_same_number(self):
        self.host.send("PING", 0, u64(0x0123456789ABCDEF))
        self.assertEqual(self.host.expect(0, "PONG"), u64(0x0123456789ABCDEF))
        self.host.send("PONG", 0, u64(1))
        self.host.send("PING", 0, u64(2))
        self.assertEqual(self.host.expect(0, "PONG"), u64(2))

    def test_a_newer_connection_replaces_the_older(self):
        newer = self.guest.connect()
        self.host.wait_closed()
        self.assertEqual(newer.run(["echo", "here"])[0], b"here\n")

    def test_frames_may_arrive_byte_by_byte(self):
        data = frame("EXEC", 1, exec_payload(["echo", "slow"]))
        for i in range(len(data)):
            self.host.send_raw(data[i:i + 1])
        self.assertEqual(self.host.follow(1)[0], b"slow\n")

    def test_many_frames_may_arrive_at_once(self):
        self.host.send_raw(b"".join(frame("PING", 0, u64(i)) for i in range(5000)))
        for i in range(5000):
            self.assertEqual(self.host.expect(0, "PONG"), u64(i))


class Violations(GuestCase):
    """Each closes the connection, and only that: the guest serves the next one."""

    def refuse(self, *frames, hello=True):
        host = self.guest.connect(hello=hello)
        try:
            host.send_raw(b"".join(frames))
        except Closed:
            pass
        host.wait_closed()
        self.assertEqual(self.guest.connect().run(["echo", "alive"])[0], b"alive\n")

    def test_anything_before_hello(self): self.refuse(frame("PING", 0, u64(1)), hello=False)
    def test_hello_twice(self): self.refuse(frame("HELLO", 0, u16(1) + u16(1) + u32(1)))
    def test_hello_without_window(self): self.refuse(frame("HELLO", 0, u16(1) + u16(1) + u32(0)), hello=False)
    def test_too_long_a_frame(self): self.refuse(struct.pack(">IBBHI", 65537, 0x04, 0, 0, 0))
    def test_reserved_bits(self): self.refuse(frame("PING", 0, u64(1), reserved=1))
    def test_flags(self): self.refuse(frame("PING", 0, u64(1), flags=1))
    def test_an_unknown_type(self): self.refuse(frame(0x7F, 1))
    def test_a_type_of_the_guest(self): self.refuse(frame("STARTED", 1, u32(1) + u32(1)))
    def test_a_short_payload(self): self.refuse(frame("PING", 0, b"1234567"))
    def test_a_long_payload(self): self.refuse(frame("PING", 0, b"123456789"))
    def test_a_stream_on_ping(self): self.refuse(frame("PING", 1, u64(1)))
    def test_stream_zero_opened(self): self.refuse(frame("STATS", 0))
    def test_a_guest_number_opened(self): self.refuse(frame("STATS", 0x80000000))
    def test_a_stream_in_use(self): self.refuse(*[frame("EXEC", 1, exec_payload(["sleep", "60"]))] * 2)
    def test_window_of_nothing(self): self.refuse(frame("EXEC", 1, exec_payload(["sleep", "60"])), frame("WINDOW", 1, u32(0)))
    def test_str_with_nul(self): self.refuse(frame("FILE_STAT", 1, text("") + text("/a\0b") + u8(1)))
    def test_str_longer_than_the_payload(self): self.refuse(frame("FILE_STAT", 1, text("") + u32(30000) + b"/" + u8(1)))
    def test_str_over_its_limit(self): self.refuse(frame("FILE_STAT", 1, text("") + text("/" * 32769) + u8(1)))
    def test_a_list_over_its_limit(self):
        self.refuse(frame("EXEC", 1, u32(0) + text("") * 3 + texts(["a"] * 4097) + texts([]) + u16(0) * 2))
    def test_a_boolean_of_two(self): self.refuse(frame("FILE_STAT", 1, text("") + text("/") + u8(2)))
    def test_unknown_exec_flags(self): self.refuse(frame("EXEC", 1, exec_payload(["true"], flags=8)))
    def test_unknown_write_flags(self): self.refuse(frame("FILE_WRITE", 1, text("") + text("/tmp/x") + u32(0) + u8(16)))
    def test_a_signal_out_of_range(self):
        for number in (0, 65):
            self.refuse(frame("EXEC", 1, exec_payload(["sleep", "60"])), frame("SIGNAL", 1, u8(number) + u8(0)))
    def test_a_frame_of_another_kind_of_stream(self):
        self.refuse(frame("EXEC", 1, exec_payload(["sleep", "60"])), frame("DATA", 1, b"x"))
    def test_an_empty_data_frame(self):
        self.refuse(frame("FILE_WRITE", 1, text("") + text(self.path("x")) + u32(0o644) + u8(0)), frame("DATA", 1))
    def test_acknowledging_what_was_not_sent(self):
        self.refuse(frame("EXEC", 1, exec_payload(["sleep", "60"])), frame("ACK", 1, u64(1) + u64(0)))
    def test_more_bytes_than_the_window(self):
        piece = frame("STDIN", 1, bytes(65536))
        self.refuse(frame("EXEC", 1, exec_payload(["sleep", "60"], flags=STDIN_OPEN)), *[piece] * (2 * self.host.window // 65536))

    def test_limits_themselves_are_allowed(self):
        host = self.host
        self.assert_errno(errno.ENAMETOOLONG, host.stat, "/" + "x" * 32767)
        self.assertEqual(len(host.run(["echo"] + ["x"] * 4095)[0]), 2 * 4095)
        host.send("PING", 0, u64(1))
        host.expect(0, "PONG")

    def test_garbage_of_many_kinds(self):
        import random
        chance = random.Random(20261)
        corpus = os.path.join(os.path.dirname(__file__), "corpus")
        samples = [open(os.path.join(corpus, name), "rb").read() for name in sorted(os.listdir(corpus))]
        for _ in range(60):
            host = self.guest.connect(hello=chance.random() < 0.8)
            data = bytearray(b"".join(chance.sample(samples, 3)) if chance.random() < 0.5 else chance.randbytes(200))
            for _ in range(chance.randrange(1, 8)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            # What could do harm to the machine the tests run on is taken out: no paths, no commands, no shutdown.
            if any(word in data for word in (b"/", b"\x60", b"\x10")):
                data = bytearray(chance.randbytes(64).replace(b"\x60", b"").replace(b"\x10", b""))
            try:
                host.send_raw(bytes(data))
            except (OSError, Closed):
                pass
            host.close()
        self.assertEqual(self.guest.connect().run(["echo", "alive"])[0], b"alive\n")


class Streams(GuestCase):
    def test_the_1025th_stream_is_answered_with_EMFILE(self):
        host = self.host
        path = self.make("file", b"x" * 100)
        for _ in range(1024):
            stream = host.open("FILE_WRITE", text("") + text(path) + u32(0o644) + u8(APPEND))
        self.assertEqual(host.error(host.open("FILE_WRITE", text("") + text(path) + u32(0o644) + u8(APPEND))).errno, errno.EMFILE)
        host.send("CANCEL", stream)
        self.assertEqual(host.stat(path)["size"], 100)

    def test_frames_for_ended_streams_are_ignored(self):
        stream = self.host.exec(["true"])
        self.host.follow(stream)
        for name, payload in (("STDIN", b"x"), ("SIGNAL", u8(9) + u8(1)), ("WINDOW", u32(1)), ("CANCEL", b""), ("ACK", u64(9) * 2)):
            self.host.send(name, stream, payload)
        self.assertEqual(self.host.run(["echo", "on"])[0], b"on\n")


if __name__ == "__main__":
    unittest.main()
