"""STATS, SHUTDOWN, PID 1, other ways to start."""
import errno, os, pty, shutil, signal, socket, subprocess, sys, tempfile, time, tty, unittest
from cases import GuestCase
from protocol import *


class Lifecycle(GuestCase):
    def test_statistics(self):
        stream = self.host.exec(["sleep", "1000"])
        self.host.started(stream)
        reader = Reader(self.host.expect(self.host.open("STATS"), "STATISTICS"))
        uptime, running, memory, total, used = reader.u64(), reader.u32(), reader.u64(), reader.u64(), reader.u64()
        reader.end()
        disk = os.statvfs("/")
        self.assertGreater(uptime, 0)
        self.assertEqual(running, 1)
        self.assertGreater(memory, 0)
        self.assertEqual(total, disk.f_blocks * disk.f_frsize)
        self.assertLess(used, total)

    def test_shutdown_lets_processes_end_well(self):
        stream = self.host.exec(["sh", "-c", "trap 'echo saved; exit 0' TERM; echo ready; while :; do sleep 0.02; done"])
        self.host.started(stream)
        self.host.expect(stream, "STDOUT")
        last = self.host.open("SHUTDOWN", u32(60000))
        out, _, status = self.host.follow(stream, {"STDOUT": bytearray(b"ready\n"), "STDERR": bytearray()}, acknowledge=False)
        self.assertEqual((out, status[0]), (b"ready\nsaved\n", 0))
        self.host.expect(last, "DONE")
        self.assertEqual(self.guest.process.wait(DEADLINE_SECONDS), 0)

    def test_shutdown_kills_what_does_not_end(self):
        stream = self.host.exec(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.02; done"])
        self.host.started(stream)
        self.host.expect(stream, "STDOUT")
        last = self.host.open("SHUTDOWN", u32(50))
        self.assertEqual(self.host.error(self.host.exec(["true"])).errno, errno.ESHUTDOWN)
        self.assertEqual(self.host.follow(stream, {"STDOUT": bytearray(6), "STDERR": bytearray()}, acknowledge=False)[2][1], signal.SIGKILL)
        self.host.expect(last, "DONE")
        self.assertEqual(self.guest.process.wait(DEADLINE_SECONDS), 0)

    def test_sigterm_shuts_down(self):
        self.host.started(self.host.exec(["sleep", "1000"]))
        self.guest.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.guest.process.wait(DEADLINE_SECONDS), 0)

    def test_shutdown_ends_stopped_processes_and_orphans(self):
        stream = self.host.exec(["sh", "-c", "setsid sleep 1000 & echo $!; kill -STOP $$"])
        self.host.started(stream)
        orphan = int(self.host.expect(stream, "STDOUT")[8:])
        self.host.open("SHUTDOWN", u32(100))
        self.assertEqual(self.guest.process.wait(DEADLINE_SECONDS), 0)
        self.assertFalse(os.path.exists(f"/proc/{orphan}"))


    def test_a_bad_name_is_refused(self):
        for name, user in (("", "user"), ("-x", "user"), ("a b", "user"), ("x" * 65, "user"), ("tiny", ""), ("tiny", "u" * 66)):
            self.assertEqual(self.host.error(self.host.open("IDENTIFY", text(name) + text(user))).errno, errno.EINVAL)


class DefaultUser(GuestCase):
    arguments = ("--user", "nobody")

    def test_an_empty_user_is_the_default_one(self):
        self.assertEqual(self.host.run(["id", "-un"])[0], b"nobody\n")
        self.assertEqual(self.host.run(["id", "-un"], user="root")[0], b"root\n")
        self.assert_errno(errno.EACCES, self.host.read, self.make("secret", b"x", 0o600))


class Starts(unittest.TestCase):
    def run_guest(self, *arguments):
        return subprocess.run([os.path.join(BUILD, "tinyvm-guest"), *arguments], capture_output=True, timeout=DEADLINE_SECONDS)

    def test_version(self):
        self.assertRegex(self.run_guest("--version").stdout.decode(), r"^tinyvm-guest \d+\.\d+\.\d+ \(protocol 1\)\n$")

    def test_wrong_usage(self):
        for arguments in ((), ("--what",), ("--listen-fd",), ("--listen-fd", "3", "--port", "/dev/null"), ("--user", "root")):
            self.assertEqual(self.run_guest(*arguments).returncode, 64, arguments)
        self.assertEqual(self.run_guest("--listen-fd", "77").returncode, 71)
        self.assertEqual(self.run_guest("--listen-fd", "x").returncode, 71)
        self.assertEqual(self.run_guest("--port", "/no/such").returncode, 71)

    def test_listen_path(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "guest.sock")
            with socket.socket(socket.AF_UNIX) as stale:
                stale.bind(path)
            process = subprocess.Popen([os.path.join(BUILD, BINARY), "--listen-path", path])
            try:
                deadline = time.monotonic() + DEADLINE_SECONDS
                while True:
                    connection = socket.socket(socket.AF_UNIX)
                    try:
                        connection.connect(path)
                        break
                    except OSError:
                        connection.close()
                        self.assertLess(time.monotonic(), deadline)
                        time.sleep(0.01)
                self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
                host = Host(connection)
                self.assertEqual(host.run(["echo", "hi"])[0], b"hi\n")
                host.open("SHUTDOWN", u32(0))
                self.assertEqual(process.wait(DEADLINE_SECONDS), 0)
                host.close()
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()


class Port(unittest.TestCase):
    def test_a_character_device_is_a_connection(self):
        """A pseudo terminal stands in for a serial port: its master is the host's end."""
        class Wire:
            def __init__(self, fd): self.fd = fd
            def fileno(self): return self.fd
            def setblocking(self, flag): os.set_blocking(self.fd, flag)
            def send(self, data): return os.write(self.fd, bytes(data[:2048]))
            def recv(self, size): return os.read(self.fd, size)
            def close(self): os.close(self.fd)
        master, slave = pty.openpty()
        tty.setraw(slave)
        process = subprocess.Popen([os.path.join(BUILD, BINARY), "--port", os.ttyname(slave)])
        try:
            host = Host(Wire(master))
            self.assertEqual(host.run(["seq", "1", "20000"])[0], "".join(f"{i}\n" for i in range(1, 20001)).encode())
            host.send("PING", 1, u64(0))  # a violation: the port is closed and opened anew
            host.expect(0, "ERROR")
            host = Host(Wire(master))
            self.assertEqual(host.run(["echo", "again"])[0], b"again\n")
            host.open("SHUTDOWN", u32(0))
            self.assertEqual(process.wait(DEADLINE_SECONDS), 0)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            os.close(master)
            os.close(slave)


class Pid1(unittest.TestCase):
    """The real thing: PID 1 of its own PID, mount and user namespaces."""

    def setUp(self):
        probe = subprocess.run(["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "true"], capture_output=True)
        if probe.returncode != 0:
            self.skipTest("this machine allows no user namespace: " + probe.stderr.decode().strip())
        self.guest = Guest("tinyvm-guest", prefix=("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--net"))
        self.addCleanup(self.guest.stop)
        self.host = self.guest.connect()

    def test_it_is_pid_1_and_reaps_everything(self):
        self.assertTrue(self.host.read("/proc/1/status").startswith(b"Name:\ttinyvm-guest"))
        out, _, _ = self.host.run(["sh", "-c", "for i in 1 2 3 4 5; do (setsid sh -c 'sleep 0.1; exit 3' &) ; done; sh -c 'echo $PPID'"])
        self.assertGreater(int(out), 1)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self.host.run(["sh", "-c", "ls -d /proc/[0-9]* | wc -l"])[0].strip() != b"4":  # 1, sh, ls, wc
            self.assertLess(time.monotonic(), deadline, "zombies remain")

    def test_it_cannot_be_signalled_or_traced_to_death_from_inside(self):
        for number in ("KILL", "STOP", "HUP", "SEGV", "USR1", "ALRM", "PIPE"):
            self.host.run(["sh", "-c", f"kill -{number} 1"])
        self.assertEqual(self.host.run(["echo", "alive"])[0], b"alive\n")

    def test_loopback_is_up(self):
        script = "import socket; s=socket.socket(); s.bind(('127.0.0.1', 5555)); s.listen(); c=socket.create_connection(('127.0.0.1', 5555)); print('up')"
        self.assertEqual(self.host.run([sys.executable, "-c", script])[0], b"up\n")

    def test_shutdown_ends_everything(self):
        self.host.started(self.host.exec(["sh", "-c", "setsid setsid sleep 1000 & setsid sleep 1000 & sleep 1000"]))
        last = self.host.open("SHUTDOWN", u32(60000))
        self.host.expect(last, "DONE")
        self.assertEqual(self.guest.process.wait(DEADLINE_SECONDS), 0)


class Walled(unittest.TestCase):
    """PID 1 with a range of user ids, as the spawner starts it: everything about users must work there, too."""

    def setUp(self):
        wall = (sys.executable, os.path.join(HERE, "wall.py"))
        probe = subprocess.run([*wall, "/bin/true"], capture_output=True)
        if probe.returncode != 0:
            self.skipTest("this machine allows no mapped user namespace: " + probe.stderr.decode().strip()[-200:])
        # The mapped root is nobody outside: the program must lie where anybody may reach it.
        self.place = tempfile.mkdtemp(prefix="tinyvm-guest-wall-")
        self.addCleanup(shutil.rmtree, self.place, True)
        os.chmod(self.place, 0o777)
        program = shutil.copy(os.path.join(BUILD, "tinyvm-guest"), self.place)
        self.guest = Guest(program, prefix=wall)
        self.addCleanup(self.guest.stop)
        self.host = self.guest.connect()

    def test_commands_and_files_of_users(self):
        self.assertEqual(self.host.run(["id"])[0], b"uid=0(root) gid=0(root) groups=0(root)\n")
        self.assertEqual(self.host.run(["id", "-u"], user="nobody")[0], b"65534\n")
        self.assertEqual(self.host.run(["id", "-G"], user="1234:55")[0], b"55\n")
        path = os.path.join(self.place, "file")
        self.host.write(path, b"x", mode=0o600, user="1234")
        self.assertEqual(os.stat(path).st_uid, 1000000 + 1234)
        self.assertEqual(self.host.stat(path)["uid"], 1234)
        with self.assertRaises(GuestError) as caught:
            self.host.read(path, user="nobody")
        self.assertEqual(caught.exception.errno, errno.EACCES)
        self.assertEqual(self.host.read(path), b"x")
        self.host.done("FILE_CHOWN", text("") + text(path) + text("nobody"))
        self.assertEqual(self.host.read(path, user="nobody"), b"x")
        with self.assertRaises(GuestError) as caught:
            self.host.run(["true"], user="70000")
        self.assertEqual(caught.exception.errno, errno.EINVAL)

    def test_the_oom_killer_is_led_to_commands(self):
        own, commands = int(self.host.read("/proc/1/oom_score_adj")), int(self.host.run(["cat", "/proc/self/oom_score_adj"])[0])
        self.assertGreater(commands, own)

    def test_root_inside_cannot_write_over_outside_files(self):
        path = os.path.join(self.place, "outside")
        with open(path, "w") as file:
            file.write("untouched")
        with self.assertRaises(GuestError) as caught:
            self.host.write(path, b"x")
        self.assertEqual(caught.exception.errno, errno.EACCES)
        self.assertEqual(self.host.read(path), b"untouched")


if __name__ == "__main__":
    unittest.main()
