"""FILE_WATCH: events of files and trees."""
import errno, os, unittest
from cases import GuestCase
from protocol import *


class Watch(GuestCase):
    def watch(self, path, recursive=0, host=None, user=""):
        host = host or self.host
        stream = host.open("FILE_WATCH", text(user) + text(path) + u8(recursive))
        host.expect(stream, "WATCHING")
        return stream

    def until(self, stream, *wanted, host=None):
        """Collects events until all wanted ones were seen; returns all."""
        seen = []
        while not set(wanted) <= set(seen):
            reader = Reader((host or self.host).expect(stream, "WATCH_EVENT"))
            seen.append((reader.u8(), reader.text()))
            reader.end()
        return seen

    def test_events_of_a_directory(self):
        old = self.make("old")
        stream = self.watch(self.directory)
        new = self.make("new", b"content")
        self.until(stream, (CREATE, "new"), (WRITE, "new"))
        os.chmod(old, 0o600)
        os.rename(old, self.path("renamed"))
        os.unlink(new)
        self.until(stream, (CHMOD, "old"), (RENAME, "old"), (CREATE, "renamed"), (REMOVE, "new"))
        os.mkdir(self.path("sub"))
        self.make("sub/inner")
        self.make("last")
        seen = self.until(stream, (CREATE, "sub"), (CREATE, "last"))
        self.assertNotIn((CREATE, "sub/inner"), seen)

    def test_events_of_a_single_file(self):
        path = self.make("file")
        stream = self.watch(path)
        with open(path, "w") as file:
            file.write("x")
        os.unlink(path)
        self.until(stream, (WRITE, ""), (REMOVE, ""))

    def test_a_tree_is_watched_with_directories_that_come_later(self):
        os.makedirs(self.path("a", "b"))
        stream = self.watch(self.directory, 1)
        self.make("a/b/file")
        self.until(stream, (CREATE, "a/b/file"))
        for i in range(20):
            os.makedirs(self.path("new", str(i), "x", "y"))
            self.make(f"new/{i}/x/y/file")
        self.until(stream, *[(CREATE, f"new/{i}/x/y/file") for i in range(20)], (CREATE, "new"))
        with open(self.path("new", "7", "x", "y", "file"), "w") as file:
            file.write("x")
        self.until(stream, (WRITE, "new/7/x/y/file"))

    def test_a_moved_directory_is_told_under_its_new_name(self):
        os.makedirs(self.path("from", "deep"))
        os.mkdir(self.path("away"))
        stream = self.watch(self.directory, 1)
        os.rename(self.path("from"), self.path("to"))
        self.until(stream, (RENAME, "from"), (CREATE, "to"), (CREATE, "to/deep"))
        self.make("to/deep/file")
        seen = self.until(stream, (CREATE, "to/deep/file"))
        self.assertNotIn((CREATE, "from/deep/file"), seen)

    def test_removing_a_tree_tells_of_everything_in_it(self):
        os.makedirs(self.path("a", "b"))
        self.make("a/b/file")
        stream = self.watch(self.directory, 1)
        self.host.done("FILE_REMOVE", text("") + text(self.path("a")) + u8(1))
        self.until(stream, (REMOVE, "a/b/file"), (REMOVE, "a/b"), (REMOVE, "a"))

    def test_events_wait_for_credit_and_overflow_is_told(self):
        host = self.guest.connect(window=16384)
        stream = self.watch(self.directory, 0, host)
        for i in range(20000):
            path = self.path("f")
            os.close(os.open(path, os.O_CREAT))
            os.unlink(path)
        self.assertEqual(host.run(["echo", "on"])[0], b"on\n")
        seen, counted = [], 0
        while (OVERFLOW, "") not in seen:
            payload = host.expect(stream, "WATCH_EVENT")
            reader = Reader(payload)
            seen.append((reader.u8(), reader.text()))
            counted += len(payload)
            if counted > 4000:
                host.send("WINDOW", stream, u32(counted))
                counted = 0
        self.assertIn((CREATE, "f"), seen)

    def test_errors(self):
        stream = self.host.open("FILE_WATCH", text("") + text(self.path("none")) + u8(0))
        self.assertEqual(self.host.error(stream).errno, errno.ENOENT)
        os.mkdir(self.path("closed"), 0o700)
        stream = self.host.open("FILE_WATCH", text("nobody") + text(self.path("closed")) + u8(1))
        self.assertEqual(self.host.error(stream).errno, errno.EACCES)

    def test_cancel_ends_it(self):
        stream = self.watch(self.directory, 1)
        self.host.send("CANCEL", stream)
        self.host.run(["true"])
        self.make("file")
        self.host.run(["true"])
        self.assertFalse(self.host.streams.get(stream))


if __name__ == "__main__":
    unittest.main()
