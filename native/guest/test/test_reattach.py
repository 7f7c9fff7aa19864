"""Flow control, and hosts that vanish and come back: every byte exactly once, at bounded memory."""
import errno, os, time, unittest
from cases import GuestCase
from protocol import *

COUNTER = ["sh", "-c", "i=0; while [ $i -lt 30000 ]; do echo line-$i; i=$((i+1)); done; echo end >&2"]
COUNTED = "".join(f"line-{i}\n" for i in range(30000)).encode()


class FlowControl(GuestCase):
    def test_a_slow_reader_stalls_only_its_own_stream(self):
        host = self.guest.connect(window=1000)
        slow = host.exec(["yes"])
        host.started(slow)
        got = 0
        while got < 1000:
            got += len(host.expect(slow, "STDOUT")) - 8
        self.assertEqual(got, 1000)
        self.assertEqual(host.run(["seq", "1", "5000"])[0], "".join(f"{i}\n" for i in range(1, 5001)).encode())
        self.assertFalse(host.streams.get(slow), "bytes came beyond the window")
        host.send("WINDOW", slow, u32(500))
        while got < 1500:
            got += len(host.expect(slow, "STDOUT")) - 8
        self.assertEqual(got, 1500)
        host.send("SIGNAL", slow, u8(9) + u8(0))

    def test_stdout_and_stderr_share_the_window(self):
        host = self.guest.connect(window=100)
        stream = host.exec(["sh", "-c", "head -c 80 /dev/zero; head -c 80 /dev/zero >&2; sleep 1000"])
        host.started(stream)
        got = 0
        while got < 100:
            got += len(host.expect(stream, "STDOUT", "STDERR")[1]) - 8
        self.assertEqual(got, 100)
        host.run(["true"])
        self.assertFalse(host.streams.get(stream))
        host.send("SIGNAL", stream, u8(9) + u8(1))

    def test_unacknowledged_output_blocks_the_process_and_loses_nothing(self):
        stream = self.host.exec(["sh", "-c", f"seq 1 200000; touch {self.path('written')}"])
        self.host.started(stream)
        out = bytearray()
        while len(out) < 262144:
            payload = self.host.expect(stream, "STDOUT")
            self.assertEqual(Reader(payload).u64(), len(out))
            out += payload[8:]
        self.assertEqual(len(out), 262144)
        self.host.run(["true"])
        self.assertFalse(self.host.streams.get(stream), "more than 256 KiB came unacknowledged")
        self.assertFalse(os.path.exists(self.path("written")))
        self.host.send("ACK", stream, u64(len(out)) + u64(0))
        self.host.send("WINDOW", stream, u32(len(out)))
        whole, _, _ = self.host.follow(stream, {"STDOUT": out, "STDERR": bytearray()})
        self.assertEqual(whole, "".join(f"{i}\n" for i in range(1, 200001)).encode())

    def test_a_host_that_does_not_read_is_not_served_and_others_are(self):
        for _ in range(3000):
            self.host.socket.setblocking(False)
            try:
                self.host.socket.send(frame("PING", 0, u64(1)) * 100)
            except BlockingIOError:
                break
        self.assertEqual(self.guest.connect().run(["echo", "next"])[0], b"next\n")


class Reattach(GuestCase):
    def attach(self, host, process, out=0, err=0):
        stream = host.open("ATTACH", u32(process) + u64(out) + u64(err))
        host.started(stream)
        return stream

    def test_a_process_goes_on_without_a_host_and_nothing_is_lost(self):
        stream = self.host.exec(COUNTER, tag="main")
        process, pid = self.host.started(stream)
        out = {"STDOUT": bytearray(), "STDERR": bytearray()}
        rounds, host = 0, self.host
        while True:
            try:
                # Each host takes some frames, acknowledges only what it "has on disk", and vanishes without a word.
                for _ in range(3):
                    name, payload = host.expect(stream, "STDOUT", "STDERR", "EXITED")
                    if name == "EXITED":
                        raise EOFError
                    self.assertEqual(Reader(payload).u64(), len(out[name]))
                    out[name] += payload[8:]
                host.send("ACK", stream, u64(len(out["STDOUT"]) * 2 // 3) + u64(0)) if rounds % 2 else \
                    host.send("ACK", stream, u64(len(out["STDOUT"])) + u64(len(out["STDERR"])))
            except EOFError:
                break
            rounds += 1
            host.close()
            host = self.guest.connect()
            stream = self.attach(host, process, len(out["STDOUT"]), len(out["STDERR"]))
        self.assertEqual(bytes(out["STDOUT"]), COUNTED)
        self.assertEqual(bytes(out["STDERR"]), b"end\n")
        self.assertGreater(rounds, 0)

    def test_an_end_while_no_host_is_there_is_kept(self):
        stream = self.host.exec(["sh", "-c", "read x; echo answer; exit 5"], flags=STDIN_OPEN, tag="main")
        process, pid = self.host.started(stream)
        self.host.send("STDIN", stream, b"x\n")
        self.host.close()
        self.eventually(lambda: not os.path.exists(f"/proc/{pid}"))
        host = self.guest.connect()
        stream = self.attach(host, process)
        out, _, status = host.follow(stream)
        self.assertEqual((out, status[0]), (b"answer\n", 5))
        again = self.attach(host, process)
        self.assertEqual(host.follow(again, acknowledge=False)[0], b"answer\n")
        again = self.attach(host, process, 3)
        self.assertEqual(host.expect(again, "STDOUT"), u64(3) + b"wer\n")
        host.expect(again, "EXITED")
        self.assertEqual(host.error(host.open("ATTACH", u32(process) + u64(0) + u64(0))).errno, errno.ERANGE)

    def test_the_largest_offset_means_the_oldest_byte_that_is_kept(self):
        stream = self.host.exec(["sh", "-c", "printf abc; printf de >&2; sleep 1000"])
        process, _ = self.host.started(stream)
        out = {"STDOUT": b"", "STDERR": b""}
        while len(out["STDOUT"]) < 3 or len(out["STDERR"]) < 2:
            name, payload = self.host.expect(stream, "STDOUT", "STDERR")
            out[name] += payload[8:]
        self.host.send("ACK", stream, u64(2) + u64(0))
        again = self.attach(self.host, process, 2**64 - 1, 2**64 - 1)
        seen = dict(self.host.expect(again, "STDOUT", "STDERR") for _ in range(2))
        self.assertEqual(seen, {"STDOUT": u64(2) + b"c", "STDERR": u64(0) + b"de"})

    def test_attach_acknowledges_so_that_a_lost_ack_blocks_nobody(self):
        stream = self.host.exec(["seq", "1", "100000"])
        process, _ = self.host.started(stream)
        out = bytearray()
        while len(out) < 262144:
            out += self.host.expect(stream, "STDOUT")[8:]
        host = self.guest.connect()
        stream = self.attach(host, process, len(out))
        out, _, _ = host.follow(stream, {"STDOUT": out, "STDERR": bytearray()})
        self.assertEqual(out, "".join(f"{i}\n" for i in range(1, 100001)).encode())

    def test_attach_errors(self):
        self.assertEqual(self.host.error(self.host.open("ATTACH", u32(99) + u64(0) * 2)).errno, errno.ESRCH)
        stream = self.host.exec(["sh", "-c", "echo 12345; sleep 1000"])
        process, _ = self.host.started(stream)
        self.host.expect(stream, "STDOUT")
        self.host.send("ACK", stream, u64(3) + u64(0))
        for offset in (2, 7):
            self.assertEqual(self.host.error(self.host.open("ATTACH", u32(process) + u64(offset) + u64(0))).errno, errno.ERANGE)
        self.assertEqual(self.host.error(self.host.open("ATTACH", u32(process) + u64(3) + u64(1))).errno, errno.ERANGE)
        again = self.host.open("ATTACH", u32(process) + u64(3) + u64(0))
        self.host.expect(stream, "CANCEL")
        self.host.started(again)
        payload = self.host.expect(again, "STDOUT")
        self.assertEqual(payload, u64(3) + b"45\n")
        self.host.send("SIGNAL", again, u8(9) + u8(1))

    def test_a_process_blocked_on_output_continues_after_reattach(self):
        stream = self.host.exec(["sh", "-c", "seq 1 200000"])
        process, _ = self.host.started(stream)
        self.host.close()
        host = self.guest.connect()
        stream = self.attach(host, process)
        self.assertEqual(host.follow(stream)[0], "".join(f"{i}\n" for i in range(1, 200001)).encode())


class Memory(GuestCase):
    binary = "tinyvm-guest"

    def private_kib(self):
        with open(f"/proc/{self.guest.process.pid}/smaps_rollup") as file:
            fields = {line.split(":")[0]: line.split()[1] for line in file if line.startswith("Private_Dirty")}
        return int(fields["Private_Dirty"])

    def test_an_idle_guest_is_small(self):
        self.host.run(["true"])
        self.eventually(lambda: self.private_kib() < 300, f"{self.private_kib()} KiB private")
        self.assertLess(os.path.getsize(os.path.join(BUILD, "tinyvm-guest")), 1 << 20)

    def test_64_MiB_of_output_at_constant_memory(self):
        stream, got, peak = self.host.exec(["head", "-c", str(64 << 20), "/dev/zero"]), 0, 0
        process, _ = self.host.started(stream)
        while True:
            name, payload = self.host.expect(stream, "STDOUT", "EXITED")
            if name == "EXITED":
                break
            self.assertEqual(Reader(payload).u64(), got)
            got += len(payload) - 8
            self.host.send_raw(frame("ACK", stream, u64(got) + u64(0)) + frame("WINDOW", stream, u32(len(payload) - 8)))
            if got % (4 << 20) < 65536:
                peak = max(peak, self.private_kib())
        self.assertEqual(got, 64 << 20)
        self.assertLess(peak, 1500, "KiB private while streaming")
        self.host.done("FORGET", u32(process))
        self.eventually(lambda: self.private_kib() < 300, "memory did not come down")

    def test_a_64_MiB_file_goes_both_ways_at_constant_memory(self):
        data = os.urandom(1 << 20) * 64
        self.host.write(self.path("big"), data, flags=ATOMIC)
        self.assertLess(self.private_kib(), 1500)
        self.assertEqual(self.host.read(self.path("big")), data)
        self.assertLess(self.private_kib(), 1500)
        self.eventually(lambda: self.private_kib() < 300, "memory did not come down")

    def test_no_wake_ups_when_idle(self):
        """After the memory is given back, the guest sleeps: its context switches stand still while others' clocks run."""
        def switches():
            with open(f"/proc/{self.guest.process.pid}/status") as file:
                return sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)

        def quiet():
            before = switches()
            time.sleep(1.2)
            return switches() == before
        self.eventually(quiet, "the guest keeps waking up")


if __name__ == "__main__":
    unittest.main()
