"""Commands: EXEC, output, input, terminals, signals, ends."""
import errno, os, signal, time, unittest
from cases import GuestCase
from protocol import *


class Commands(GuestCase):
    def test_output_and_exit_code(self):
        out, err, (code, sig, cpu, rss) = self.host.run(["sh", "-c", "echo out; echo err >&2; exit 7"])
        self.assertEqual((out, err, code, sig), (b"out\n", b"err\n", 7, 0))
        self.assertGreater(rss, 100000)

    def test_stderr_can_be_merged_in_order(self):
        out, err, _ = self.host.run(["sh", "-c", "echo 1; echo 2 >&2; echo 3"], flags=MERGE)
        self.assertEqual((out, err), (b"1\n2\n3\n", b""))

    def test_environment_has_defaults_that_can_be_overridden(self):
        out, _, _ = self.host.run(["env"], env=["A=b=c", "EMPTY=", "USER=me"])
        seen = dict(line.split("=", 1) for line in out.decode().split("\n") if line)
        self.assertEqual(set(seen), {"A", "EMPTY", "USER", "HOME", "LOGNAME", "SHELL", "PATH"})
        self.assertEqual((seen["A"], seen["EMPTY"], seen["USER"], seen["LOGNAME"]), ("b=c", "", "me", "root"))

    def test_the_path_of_the_environment_finds_the_program(self):
        tool = self.make("tool", b"#!/bin/sh\necho mine\n", 0o755)
        self.assertEqual(self.host.run(["tool"], env=[f"PATH=/nowhere:{self.directory}:/bin:/usr/bin"])[0], b"mine\n")
        self.assert_errno(errno.ENOENT, self.host.run, ["tool"])
        self.assertEqual(self.host.run([tool])[0], b"mine\n")

    def test_commands_that_cannot_start_say_why(self):
        plain = self.make("plain", b"text")
        self.assertIn("nope", self.assert_errno(errno.ENOENT, self.host.run, ["nope"]))
        self.assert_errno(errno.ENOENT, self.host.run, ["/nope"])
        self.assert_errno(errno.EACCES, self.host.run, [plain])
        self.assert_errno(errno.EACCES, self.host.run, [self.directory])
        self.assert_errno(errno.ENOEXEC, self.host.run, [self.make("junk", b"junk", 0o755)])
        self.assert_errno(errno.ENOENT, self.host.run, [""])
        self.assert_errno(errno.EINVAL, self.host.run, [])
        self.assertIn("/no/where", self.assert_errno(errno.ENOENT, self.host.run, ["true"], cwd="/no/where"))
        self.assert_errno(errno.ENOTDIR, self.host.run, ["true"], cwd=plain)
        self.assert_errno(errno.EINVAL, self.host.run, ["true"], env=["novalue"])
        self.assert_errno(errno.EINVAL, self.host.run, ["true"], env=["=x"])
        self.assertIn("nobodyhere", self.assert_errno(errno.EINVAL, self.host.run, ["true"], user="nobodyhere"))
        self.assert_errno(errno.EINVAL, self.host.run, ["true"], tag="t" * 257)
        self.host.expect(self.host.open("LIST"), "PROCESSES")

    def test_working_directory(self):
        self.assertEqual(self.host.run(["pwd"], cwd=self.directory)[0].decode().strip(), self.directory)
        self.assertEqual(self.host.run(["pwd"])[0], b"/root\n")
        os.mkdir(self.path("in"))
        self.assertEqual(self.host.run(["pwd"], cwd="../" + self.path("in"))[0].decode().strip(), self.path("in"))

    def test_commands_run_as_the_user_asked_for(self):
        out, _, _ = self.host.run(["sh", "-c", "id -u; id -g; echo $USER; pwd; echo x > /dev/stdout"], user="nobody")
        self.assertEqual(out.split(), [b"65534", b"65534", b"nobody", b"/", b"x"])
        self.assertEqual(self.host.run(["sh", "-c", "id -u; id -g"], user="12345")[0], b"12345\n12345\n")
        self.assertEqual(self.host.run(["sh", "-c", "id -u; id -g; id -G"], user="12345:daemon")[0], b"12345\n1\n1\n")

    def test_commands_start_clean(self):
        """No descriptor but 0 to 2, no blocked or ignored signal, own session, normal umask."""
        script = "ls -1 /proc/self/fd | wc -l; grep -E 'Sig(Blk|Ign)' /proc/self/status; umask; cut -d' ' -f6 /proc/$$/stat; echo $$"
        lines = self.host.run(["sh", "-c", script])[0].decode().split("\n")
        self.assertEqual(lines[0].strip(), "4")  # 0, 1, 2 and the directory that ls reads
        self.assertEqual([line.split()[1] for line in lines[1:3]], ["0" * 16] * 2)
        self.assertEqual(lines[3], "0022")
        self.assertEqual(lines[4].strip(), lines[5])

    def test_guest_is_not_dumpable_but_commands_are(self):
        self.assertEqual(os.stat(f"/proc/{self.guest.process.pid}/environ").st_uid, 0)
        out, _, _ = self.host.run(["sh", "-c", f"cat /proc/{self.guest.process.pid}/maps 2>&1 >/dev/null; stat -c %u /proc/self/environ"],
                                  user="nobody")
        self.assertIn(b"Permission denied", out)
        self.assertTrue(out.endswith(b"65534\n"))

    def test_signalled_commands_report_the_signal(self):
        _, _, (code, sig, _, _) = self.host.run(["sh", "-c", "kill -SEGV $$"])
        self.assertEqual((code, sig), (-1, signal.SIGSEGV))

    def test_a_hundred_commands_at_once(self):
        streams = [self.host.exec(["sh", "-c", f"echo {i}; cat; echo e{i} >&2; exit {i}"], flags=STDIN_OPEN) for i in range(100)]
        for i, stream in enumerate(streams):
            self.host.send("STDIN", stream, b"in%d" % i)
            self.host.send("CLOSE_STDIN", stream)
        for i, stream in enumerate(streams):
            out, err, status = self.host.follow(stream)
            self.assertEqual((out, err, status[0]), (b"%d\nin%d" % (i, i), b"e%d\n" % i, i))

    def test_orphans_are_reaped(self):
        out, _, _ = self.host.run(["sh", "-c", "(sleep 0.2 & echo $!) ; exit 0"])
        pid = int(out)
        self.eventually(lambda: not os.path.exists(f"/proc/{pid}"), "an orphan was not reaped")
        children = f"/proc/{self.guest.process.pid}/task/{self.guest.process.pid}/children"
        self.eventually(lambda: self.content(children) == b"", "zombies remain")

    def test_a_leftover_child_that_holds_the_pipe_does_not_delay_the_end_for_ever(self):
        stream = self.host.exec(["sh", "-c", "sleep 1000 & echo $!"])
        out, _, (code, _, _, _) = self.host.follow(stream)
        self.assertEqual(code, 0)
        os.kill(int(out), signal.SIGKILL)

    def test_cancel_lets_the_process_run(self):
        stream = self.host.exec(["sh", "-c", f"read x; echo done > {self.path('out')}"], flags=STDIN_OPEN)
        process, _ = self.host.started(stream)
        self.host.send("CANCEL", stream)
        again = self.host.open("ATTACH", u32(process) + u64(0) + u64(0))
        self.host.started(again)
        self.host.send("STDIN", again, b"go\n")
        self.assertEqual(self.host.follow(again)[2][0], 0)
        self.assertEqual(self.content("out"), b"done\n")


class Input(GuestCase):
    def test_stdin_is_null_unless_open(self):
        self.assertEqual(self.host.run(["cat"])[0], b"")

    def test_megabytes_go_in_and_come_out(self):
        data = os.urandom(3 << 20)
        stream = self.host.exec(["cat"], flags=STDIN_OPEN)
        out = {"STDOUT": bytearray(), "STDERR": bytearray()}
        credit, at = self.host.window, 0
        while at < len(data) or len(out["STDOUT"]) < len(data):
            piece = data[at:at + min(credit, 65536)]
            if piece:
                self.host.send("STDIN", stream, piece)
                credit, at = credit - len(piece), at + len(piece)
                if at == len(data):
                    self.host.send("CLOSE_STDIN", stream)
                if not self.host.streams.get(stream):
                    continue
            name, payload = self.host.expect(stream, "STARTED", "STDOUT", "WINDOW")
            if name == "WINDOW":
                credit += Reader(payload).u32()
            elif name == "STDOUT":
                out[name] += payload[8:]
                self.host.send("ACK", stream, u64(len(out["STDOUT"])) + u64(0))
                self.host.send("WINDOW", stream, u32(len(payload) - 8))
        self.assertEqual(self.host.follow(stream, out)[0], data)

    def test_input_that_nobody_reads_is_held_back_and_then_dropped(self):
        stream = self.host.exec(["sh", "-c", "exec sleep 1000"], flags=STDIN_OPEN)
        _, pid = self.host.started(stream)
        self.host.send_raw(b"".join(frame("STDIN", stream, bytes(65536)) for _ in range(self.host.window // 65536)))
        self.assertEqual(self.host.run(["echo", "others go on"])[0], b"others go on\n")
        self.host.send("SIGNAL", stream, u8(9) + u8(0))
        self.assertEqual(self.host.follow(stream)[2][1], 9)

    def test_input_after_the_program_closed_it_still_returns_credit(self):
        stream = self.host.exec(["sh", "-c", "exec <&-; echo closed; sleep 1000"], flags=STDIN_OPEN)
        self.host.started(stream)
        self.host.expect(stream, "STDOUT")
        self.host.send_counted(stream, "STDIN", bytes(self.host.window * 3))
        self.host.send("SIGNAL", stream, u8(9) + u8(1))
        self.host.follow(stream, {"STDOUT": bytearray(7), "STDERR": bytearray()})


class Terminals(GuestCase):
    def test_a_terminal_has_size_name_and_resize(self):
        stream = self.host.exec(["sh", "-c", "tty; stty size; echo $TERM; trap 'stty size; exit 4' WINCH; echo ready; while :; do sleep 0.05; done"],
                                flags=PTY, rows=24, columns=80)
        out = bytearray()
        while b"ready" not in out:
            name, payload = self.host.expect(stream, "STARTED", "STDOUT")
            out += payload[8:] if name == "STDOUT" else b""
        lines = out.decode().split("\r\n")
        self.assertTrue(lines[0].startswith("/dev/pts/"), lines)
        self.assertEqual(lines[1:3], ["24 80", "xterm-256color"])
        self.host.send("RESIZE", stream, u16(50) + u16(132))
        rest, _, status = self.host.follow(stream, {"STDOUT": bytearray(out), "STDERR": bytearray()})
        self.assertTrue(rest.endswith(b"50 132\r\n"), rest)
        self.assertEqual(status[0], 4)

    def test_control_c_interrupts_the_foreground(self):
        stream = self.host.exec(["sh", "-c", "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.05; done"], flags=PTY | STDIN_OPEN)
        out = bytearray()
        while b"ready" not in out:
            name, payload = self.host.expect(stream, "STARTED", "STDOUT")
            out += payload[8:] if name == "STDOUT" else b""
        self.host.send("STDIN", stream, b"\x03")
        out, _, status = self.host.follow(stream, {"STDOUT": out, "STDERR": bytearray()})
        self.assertIn(b"caught", out)
        self.assertEqual(status[0], 9)

    def test_close_stdin_is_end_of_file(self):
        stream = self.host.exec(["sh", "-c", "cat; echo ended"], flags=PTY | STDIN_OPEN)
        self.host.started(stream)
        self.host.send("STDIN", stream, b"line\n")
        self.host.send("CLOSE_STDIN", stream)
        out, _, status = self.host.follow(stream)
        self.assertEqual((out, status[0]), (b"line\r\nline\r\nended\r\n", 0))

    def test_the_terminal_belongs_to_the_user(self):
        out, _, _ = self.host.run(["sh", "-c", "stat -c %u $(tty); echo hello > /dev/tty"], flags=PTY, user="nobody")
        self.assertEqual(out, b"65534\r\nhello\r\n")

    def test_all_output_of_a_terminal_arrives(self):
        out, _, _ = self.host.run(["sh", "-c", "seq 1 20000"], flags=PTY)
        self.assertEqual(out, "".join(f"{i}\r\n" for i in range(1, 20001)).encode())


class Signals(GuestCase):
    def test_a_signal_to_the_process(self):
        stream = self.host.exec(["sleep", "1000"])
        self.host.started(stream)
        self.host.send("SIGNAL", stream, u8(signal.SIGTERM) + u8(0))
        self.assertEqual(self.host.follow(stream)[2][:2], (-1, signal.SIGTERM))

    def test_a_signal_to_the_group_reaches_children(self):
        stream = self.host.exec(["sh", "-c", "sleep 1000 & echo $!; wait"])
        self.host.started(stream)
        child = int(self.host.expect(stream, "STDOUT")[8:])
        self.host.send("SIGNAL", stream, u8(signal.SIGKILL) + u8(1))
        name, payload = self.host.expect(stream, "EXITED", "STDOUT")
        self.assertEqual(name, "EXITED")
        self.eventually(lambda: not os.path.exists(f"/proc/{child}"))

    def test_real_time_signals_work(self):
        stream = self.host.exec(["sleep", "1000"])
        self.host.started(stream)
        self.host.send("SIGNAL", stream, u8(64) + u8(0))
        self.assertEqual(self.host.follow(stream)[2][1], 64)


class Records(GuestCase):
    def processes(self, host=None):
        host, found = host or self.host, []
        stream = host.open("LIST")
        while True:
            name, payload = host.expect(stream, "PROCESSES", "DONE")
            if name == "DONE":
                return found
            reader = Reader(payload)
            more = reader.u8()
            for _ in range(reader.u32()):
                item = dict(id=reader.u32(), pid=reader.u32(), state=reader.u8(), flags=reader.u32(), tag=reader.text())
                item["argv"] = [reader.text() for _ in range(reader.u32())]
                item["started"] = reader.u64()
                found.append(item)
            reader.end()
            self.assertEqual(more, 1 if host.streams.get(stream) and host.streams[stream][0][0] == "PROCESSES" else more)

    def test_list_tells_tag_argv_and_state(self):
        self.assertEqual(self.processes(), [])
        stream = self.host.exec(["sleep", "1000"], tag="main", flags=MERGE)
        process, pid = self.host.started(stream)
        self.host.run(["true"], tag="other")
        first, second = self.processes()
        self.assertEqual((first["id"], first["pid"], first["state"], first["flags"], first["tag"], first["argv"]),
                         (process, pid, 0, MERGE, "main", ["sleep", "1000"]))
        self.assertLess(abs(first["started"] / 1e6 - time.time()), 3600)
        self.assertEqual((second["state"], second["tag"]), (1, "other"))

    def test_forget_drops_ended_records_only(self):
        stream = self.host.exec(["sleep", "1000"])
        process, _ = self.host.started(stream)
        self.assertEqual(self.host.error(self.host.open("FORGET", u32(process))).errno, errno.EBUSY)
        self.host.send("SIGNAL", stream, u8(9) + u8(0))
        self.host.follow(stream)
        self.host.done("FORGET", u32(process))
        self.assertEqual(self.host.error(self.host.open("FORGET", u32(process))).errno, errno.ESRCH)
        self.assertEqual(self.processes(), [])

    def test_the_oldest_ended_records_go_first(self):
        for _ in range(260):
            self.host.run(["true"])
        self.assertEqual([item["id"] for item in self.processes()], list(range(5, 261)))

    def test_long_argument_lists_are_listed_shortened(self):
        for _ in range(40):
            self.host.run(["true"] + ["x" * 1000] * 10)
        listed = self.processes()
        self.assertEqual(len(listed), 40)
        self.assertEqual(listed[0]["argv"], ["true"] + ["x" * 1000] * 4)


if __name__ == "__main__":
    unittest.main()
