"""The base of all test cases: a fresh guest and a connected host each."""
import os, shutil, tempfile, time, unittest
from protocol import BINARY, DEADLINE_SECONDS, Guest


class GuestCase(unittest.TestCase):
    binary = BINARY
    arguments = ()
    maxDiff = None

    def setUp(self):
        self.guest = Guest(self.binary, self.arguments)
        self.addCleanup(self.guest.stop)
        self.host = self.guest.connect()
        self.directory = tempfile.mkdtemp(prefix="tinyvm-guest-files-")
        os.chmod(self.directory, 0o755)
        self.addCleanup(shutil.rmtree, self.directory, True)

    def path(self, *names): return os.path.join(self.directory, *names)

    def make(self, name, content=b"", mode=0o644):
        path = self.path(name)
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, mode)
        return path

    def eventually(self, condition, what="it did not happen"):
        """Polls for something outside of the protocol."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                self.fail(what)
            time.sleep(0.005)

    def assert_errno(self, errno, call, *arguments, **options):
        from protocol import GuestError
        with self.assertRaises(GuestError) as caught:
            call(*arguments, **options)
        self.assertEqual(caught.exception.errno, errno, caught.exception.message)
        return caught.exception.message

    def content(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()
