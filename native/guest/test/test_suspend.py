"""SUSPEND: the guest lets go of its socket and comes back when it is told to."""
import errno, os, socket, subprocess, tempfile, time, unittest

from cases import GuestCase
from protocol import BUILD, DEADLINE_SECONDS, Host, u32, u64


class Suspended(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="tinyvm-guest-test-")
        self.path = os.path.join(self.directory.name, "guest.sock")
        self.wake = os.path.join(self.directory.name, "wake")
        self.hosts = []
        environment = dict(os.environ, ASAN_OPTIONS="abort_on_error=0:detect_leaks=0:exitcode=99")
        self.process = subprocess.Popen([os.path.join(BUILD, "tinyvm-guest-checked"), "--listen-path", self.path], stdin=subprocess.DEVNULL, env=environment)
        self.host = self.connect()

    def tearDown(self):
        try:
            if self.process.poll() is None:
                open(self.wake, "w").close()
                host = self.connect()
                host.expect(host.open("SHUTDOWN", u32(0)), "DONE")
            self.assertEqual(self.process.wait(DEADLINE_SECONDS), 0)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            for host in self.hosts:
                host.close()
            self.directory.cleanup()

    def connect(self):
        end = time.monotonic() + DEADLINE_SECONDS
        while True:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(DEADLINE_SECONDS)
            try:
                connection.connect(self.path)
                self.hosts.append(Host(connection))
                return self.hosts[-1]
            except OSError:
                connection.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.005)

    def suspend(self, host, millis):
        host.expect(host.open("SUSPEND", u32(millis)), "DONE")
        host.wait_closed()

    def test_it_lets_go_and_comes_back_when_told(self):
        stream = self.host.exec(["sh", "-c", "echo before; while [ ! -e %s ]; do sleep 0.01; done; echo after; sleep 1000" % self.wake])
        self.host.started(stream)
        self.suspend(self.host, 600000)
        self.assertEqual(os.listdir(self.directory.name), [], "neither socket nor name is left")
        time.sleep(0.05)
        self.assertFalse(os.path.exists(self.path), "it stays away")
        open(self.wake, "w").close()
        host = self.connect()
        again = host.open("ATTACH", u32(1) + u64(0) + u64(0))
        host.expect(again, "STARTED")
        said = b""
        while b"after" not in said:
            said += host.expect(again, "STDOUT")[8:]
        self.assertEqual(said, b"before\nafter\n", "processes went on, and nothing they said is lost")

    def test_a_word_from_an_earlier_time_does_not_count(self):
        open(self.wake, "w").close()
        self.suspend(self.host, 600000)
        self.assertFalse(os.path.exists(self.wake))
        time.sleep(0.05)
        self.assertFalse(os.path.exists(self.path))

    def test_it_comes_back_by_itself_in_the_end(self):
        self.suspend(self.host, 50)
        self.assertEqual(self.connect().run(["echo", "back"])[0], b"back\n")

    def test_again_and_again(self):
        host = self.host
        for _ in range(3):
            self.suspend(host, 600000)
            open(self.wake, "w").close()
            host = self.connect()

    def test_times_out_of_bounds_are_refused(self):
        for millis in (0, 600001):
            self.assertEqual(self.host.error(self.host.open("SUSPEND", u32(millis))).errno, errno.EINVAL)


class Given(GuestCase):
    def test_a_guest_whose_socket_was_given_cannot(self):
        self.assertEqual(self.host.error(self.host.open("SUSPEND", u32(1000))).errno, errno.EOPNOTSUPP)
        self.assertEqual(self.host.run(["echo", "here"])[0], b"here\n")
