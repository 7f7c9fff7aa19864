"""Files: every request, as root and as another user, with the kernel's own errors."""
import errno, os, stat, unittest
from cases import GuestCase
from protocol import *


def names(entries): return sorted(entry["path"] for entry in entries)


class Stat(GuestCase):
    def test_stat_tells_everything(self):
        path = self.make("file", b"12345", 0o4750)
        os.chown(path, 65534, 1)
        os.chmod(path, 0o4750)
        os.utime(path, ns=(1, 1234567890123456789))
        self.assertEqual(self.host.stat(path), dict(type=1, mode=0o4750, size=5, uid=65534, gid=1, modified=1234567890123456789,
                                                    path=path, owner="nobody", group="daemon", target=""))
        self.assertEqual(self.host.stat(self.directory)["type"], 2)
        self.assertEqual(self.host.stat("/dev/null")["type"], 4)

    def test_symlinks_are_followed_only_when_asked(self):
        path = self.make("file", b"12345")
        os.symlink(path, self.path("link"))
        self.assertEqual(self.host.stat(self.path("link"), follow=1)["type"], 1)
        link = self.host.stat(self.path("link"), follow=0)
        self.assertEqual((link["type"], link["target"]), (3, path))

    def test_relative_paths_start_at_the_home(self):
        self.assertEqual(self.host.stat("../etc/passwd")["path"], "/root/../etc/passwd")

    def test_unowned_ids_have_no_names(self):
        path = self.make("file")
        os.chown(path, 54321, 54322)
        entry = self.host.stat(path)
        self.assertEqual((entry["owner"], entry["group"]), ("", ""))

    def test_errors(self):
        path = self.make("file")
        self.assertIn("/nowhere", self.assert_errno(errno.ENOENT, self.host.stat, "/nowhere"))
        self.assert_errno(errno.ENOTDIR, self.host.stat, path + "/x")
        self.assert_errno(errno.ENOENT, self.host.stat, "")
        self.assert_errno(errno.ENAMETOOLONG, self.host.stat, "/" + "x" * 5000)
        self.assert_errno(errno.ENAMETOOLONG, self.host.stat, "/" + "x" * 256)
        self.assert_errno(errno.EINVAL, self.host.stat, "/", user="nosuchuser")
        os.symlink(self.path("loop"), self.path("loop"))
        self.assert_errno(errno.ELOOP, self.host.stat, self.path("loop"))
        os.mkdir(self.path("closed"), 0o700)
        self.assert_errno(errno.EACCES, self.host.stat, self.path("closed", "x"), user="nobody")

    def test_names_are_bytes(self):
        name = os.path.join(self.directory.encode(), b"\xff\xfe\n")
        open(name, "w").close()
        self.assertEqual(os.fsencode(self.host.stat(name)["path"]), name)
        self.assertEqual([os.fsencode(e["path"]) for e in self.host.list(self.directory)], [b"\xff\xfe\n"])


class Directories(GuestCase):
    def test_list_to_a_depth(self):
        os.makedirs(self.path("a", "b", "c"))
        self.make("a/b/file")
        os.symlink("/etc", self.path("a", "etc"))
        self.assertEqual(names(self.host.list(self.directory)), ["a"])
        self.assertEqual(names(self.host.list(self.directory, 2)), ["a", "a/b", "a/etc"])
        self.assertEqual(names(self.host.list(self.directory, 9)), ["a", "a/b", "a/b/c", "a/b/file", "a/etc"])
        self.assertEqual([e["target"] for e in self.host.list(self.path("a")) if e["type"] == 3], ["/etc"])

    def test_list_of_a_large_tree_is_complete(self):
        for i in range(20):
            os.mkdir(self.path(f"d{i}"))
            for j in range(150):
                self.make(f"d{i}/f{j}-" + "x" * 100)
        listed = names(self.host.list(self.directory, 2))
        self.assertEqual(listed, sorted([f"d{i}" for i in range(20)] + [f"d{i}/f{j}-" + "x" * 100 for i in range(20) for j in range(150)]))

    def test_list_waits_for_credit(self):
        for i in range(300):
            self.make(f"file-{i:04}-" + "y" * 180)
        host = self.guest.connect(window=16384)
        stream = host.open("FILE_LIST", text("") + text(self.directory) + u32(1))
        first = host.expect(stream, "ENTRIES")
        self.assertLessEqual(len(first), 16384)
        host.run(["true"])
        got, names_seen = [first], 0
        while True:
            host.send("WINDOW", stream, u32(len(got[-1])))
            name, payload = host.expect(stream, "ENTRIES", "DONE")
            if name == "DONE":
                break
            got.append(payload)
        self.assertEqual(sum(Reader(payload).u32() for payload in got), 300)

    def test_list_errors(self):
        self.assert_errno(errno.ENOENT, self.host.list, self.path("none"))
        self.assert_errno(errno.ENOTDIR, self.host.list, self.make("file"))
        self.assert_errno(errno.EINVAL, self.host.list, self.directory, 0)
        os.makedirs(self.path("open", "closed", "x"))
        os.chmod(self.path("open", "closed"), 0o700)
        self.assert_errno(errno.EACCES, self.host.list, self.path("open", "closed"), user="nobody")
        self.assertEqual(names(self.host.list(self.path("open"), 3, user="nobody")), ["closed"])

    def test_mkdir(self):
        self.host.done("FILE_MKDIR", text("") + text(self.path("one")) + u32(0o1777) + u8(0))
        self.assertEqual(stat.S_IMODE(os.stat(self.path("one")).st_mode), 0o1777)
        make = lambda path, parents, user="": self.host.done("FILE_MKDIR", text(user) + text(path) + u32(0o700) + u8(parents))
        self.assert_errno(errno.EEXIST, make, self.path("one"), 0)
        make(self.path("one"), 1)
        self.assert_errno(errno.ENOENT, make, self.path("x", "y"), 0)
        make(self.path("x", "y", "z") + "/", 1)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("x", "y")).st_mode), 0o755)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("x", "y", "z")).st_mode), 0o700)
        self.assert_errno(errno.EEXIST, make, self.make("file"), 1)
        self.assert_errno(errno.EACCES, make, self.path("no"), 1, "nobody")
        make(self.path("one", "theirs"), 0, "nobody")
        self.assertEqual(os.stat(self.path("one", "theirs")).st_uid, 65534)

    def test_rename(self):
        rename = lambda a, b, keep=0, user="": self.host.done("FILE_RENAME", text(user) + text(a) + text(b) + u8(keep))
        first, second = self.make("first", b"1"), self.make("second", b"2")
        self.assert_errno(errno.EEXIST, rename, first, second, 1)
        rename(first, second)
        self.assertEqual(self.content("second"), b"1")
        self.assert_errno(errno.ENOENT, rename, first, second)
        self.assert_errno(errno.EACCES, rename, second, self.path("third"), 0, "nobody")

    def test_remove(self):
        remove = lambda path, recursive=0, user="": self.host.done("FILE_REMOVE", text(user) + text(path) + u8(recursive))
        remove(self.make("file"))
        self.assert_errno(errno.ENOENT, remove, self.path("file"))
        self.assert_errno(errno.ENOENT, remove, self.path("file"), 1)
        os.mkdir(self.path("empty"))
        remove(self.path("empty"))
        os.makedirs(self.path("full", "x"))
        self.assert_errno(errno.ENOTEMPTY, remove, self.path("full"))
        self.assert_errno(errno.EACCES, remove, self.path("full"), 1, "nobody")
        remove(self.path("full") + "/", 1)
        remove(self.make("file"), 1)
        self.assertEqual(os.listdir(self.directory), [])
        self.assert_errno(errno.EBUSY, remove, "/", 1)
        self.assert_errno(errno.EBUSY, remove, "/../", 1)

    def test_recursive_remove_does_not_leave_through_symlinks(self):
        os.makedirs(self.path("tree", "sub"))
        os.mkdir(self.path("outside"))
        self.make("outside/keep")
        os.symlink(self.path("outside"), self.path("tree", "sub", "link"))
        os.symlink(self.path("tree"), self.path("to-tree"))
        self.host.done("FILE_REMOVE", text("") + text(self.path("to-tree")) + u8(1))
        self.assertTrue(os.path.exists(self.path("tree", "sub")))
        self.host.done("FILE_REMOVE", text("") + text(self.path("tree")) + u8(1))
        self.assertEqual(sorted(os.listdir(self.directory)), ["outside"])
        self.assertEqual(os.listdir(self.path("outside")), ["keep"])

    def test_large_and_deep_trees_are_removed_while_others_are_served(self):
        for i in range(30):
            os.makedirs(self.path("tree", f"d{i}", *["deep"] * 40))
            for j in range(50):
                self.make(f"tree/d{i}/f{j}")
        stream = self.host.open("FILE_REMOVE", text("") + text(self.path("tree")) + u8(1))
        self.assertEqual(self.host.run(["echo", "meanwhile"])[0], b"meanwhile\n")
        self.host.expect(stream, "DONE")
        self.assertEqual(os.listdir(self.directory), [])


class Content(GuestCase):
    def test_read_whole_and_in_part(self):
        path = self.make("file", bytes(range(256)) * 1000)
        data = self.content("file")
        self.assertEqual(self.host.read(path), data)
        self.assertEqual(self.host.read(path, 1000, 70000), data[1000:71000])
        self.assertEqual(self.host.read(path, len(data) - 1), data[-1:])
        self.assertEqual(self.host.read(path, len(data) + 5), b"")
        self.assertEqual(self.host.read(path, 0, 0), b"")
        self.assertTrue(self.host.read("/proc/self/status").startswith(b"Name:\ttinyvm-guest"))

    def test_read_errors(self):
        self.assert_errno(errno.ENOENT, self.host.read, self.path("none"))
        self.assert_errno(errno.EISDIR, self.host.read, self.directory)
        self.assert_errno(errno.EINVAL, self.host.read, "/dev/zero")
        self.assert_errno(errno.EINVAL, self.host.read, self.make("file"), 2**63)
        os.mkfifo(self.path("fifo"))
        self.assert_errno(errno.EINVAL, self.host.read, self.path("fifo"))
        self.assert_errno(errno.EACCES, self.host.read, self.make("secret", b"x", 0o600), user="nobody")

    def test_a_slow_reader_of_a_file_stalls_only_itself(self):
        path = self.make("file", bytes(1 << 20))
        host = self.guest.connect(window=1000)
        stream = host.open("FILE_READ", text("") + text(path) + u64(0) + u64(TO_END))
        host.expect(stream, "STAT")
        self.assertEqual(len(host.expect(stream, "DATA")), 1000)
        self.assertEqual(host.run(["echo", "on"])[0], b"on\n")
        self.assertFalse(host.streams.get(stream))
        host.send("CANCEL", stream)

    def test_write_creates_truncates_appends(self):
        path = self.path("file")
        self.host.write(path, b"first version", mode=0o640)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o640)
        self.host.write(path, b"second", mode=0o777)
        self.host.write(path, b" more", flags=APPEND)
        self.assertEqual(self.content("file"), b"second more")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o640)
        self.host.write(path, b"")
        self.assertEqual(self.content("file"), b"")
        self.host.write(self.path("new", "dir", "file"), b"x", flags=PARENTS)
        self.assertEqual(self.content("new/dir/file"), b"x")

    def test_write_errors(self):
        path = self.make("file", b"old", 0o644)
        self.assert_errno(errno.EEXIST, self.host.write, path, b"", flags=EXCLUSIVE)
        self.assert_errno(errno.EEXIST, self.host.write, path, b"", flags=EXCLUSIVE | ATOMIC)
        self.assert_errno(errno.EISDIR, self.host.write, self.directory, b"")
        self.assert_errno(errno.EISDIR, self.host.write, self.directory, b"", flags=ATOMIC)
        self.assert_errno(errno.EISDIR, self.host.write, self.directory + "/", b"", flags=ATOMIC)
        self.assert_errno(errno.ENOENT, self.host.write, self.path("no", "file"), b"")
        self.assert_errno(errno.ENOENT, self.host.write, self.path("no", "file"), b"", flags=ATOMIC)
        self.assert_errno(errno.EACCES, self.host.write, path, b"", user="nobody")
        self.assert_errno(errno.EACCES, self.host.write, path, b"", flags=ATOMIC, user="nobody")
        self.assert_errno(errno.EINVAL, self.host.write, path, b"", flags=ATOMIC | APPEND)
        self.assert_errno(errno.EINVAL, self.host.write, "/dev/null", b"")
        os.mkfifo(self.path("fifo"))
        self.assert_errno(errno.ENXIO, self.host.write, self.path("fifo"), b"")
        self.assertEqual(self.content("file"), b"old")
        self.assertEqual(sorted(os.listdir(self.directory)), ["fifo", "file"])

    def test_a_full_disk_is_reported(self):
        stream = self.host.open_write("/dev/full/x")
        self.assertEqual(self.host.error(stream).errno, errno.ENOTDIR)

    def test_an_atomic_write_is_all_or_nothing(self):
        path = self.make("file", b"old", 0o604)
        stream = self.host.open_write(path, 0o777, ATOMIC)
        self.host.send("DATA", stream, b"new content")
        self.host.run(["true"])
        self.assertEqual(self.content("file"), b"old")
        self.assertEqual(len(os.listdir(self.directory)), 2)
        self.host.send("END", stream)
        self.host.expect(stream, "DONE")
        self.assertEqual(self.content("file"), b"new content")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o604)
        self.assertEqual(os.listdir(self.directory), ["file"])

    def test_an_abandoned_atomic_write_leaves_nothing(self):
        path = self.make("file", b"old")
        for end in ("cancel", "close"):
            stream = self.host.open_write(path, 0o644, ATOMIC)
            self.host.send("DATA", stream, b"half")
            self.host.run(["true"])
            self.assertEqual(len(os.listdir(self.directory)), 2)
            self.host.send("CANCEL", stream) if end == "cancel" else self.host.close()
            self.eventually(lambda: os.listdir(self.directory) == ["file"])
        self.assertEqual(self.content("file"), b"old")

    def test_writes_by_a_user_belong_to_the_user(self):
        os.chmod(self.directory, 0o777)
        for name, flags in (("plain", 0), ("atomic", ATOMIC)):
            self.host.write(self.path(name), b"x", flags=flags, user="nobody")
            self.assertEqual((os.stat(self.path(name)).st_uid, os.stat(self.path(name)).st_gid), (65534, 65534))
        self.host.write(self.path("roots"), b"x")
        self.assertEqual(os.stat(self.path("roots")).st_uid, 0)


class Owners(GuestCase):
    def test_chmod(self):
        path = self.make("file")
        self.host.done("FILE_CHMOD", text("") + text(path) + u32(0o2711))
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o2711)
        self.assertEqual(self.host.error(self.host.open("FILE_CHMOD", text("nobody") + text(path) + u32(0o777))).errno, errno.EPERM)
        self.assertEqual(self.host.error(self.host.open("FILE_CHMOD", text("") + text(path + "x") + u32(0o777))).errno, errno.ENOENT)

    def test_chown(self):
        path = self.make("file")
        chown = lambda owner, at=path, user="": self.host.done("FILE_CHOWN", text(user) + text(at) + text(owner))
        ids = lambda: (os.stat(path).st_uid, os.stat(path).st_gid)
        chown("nobody")
        self.assertEqual(ids(), (65534, 0))
        chown("12:daemon")
        self.assertEqual(ids(), (12, 1))
        chown(":77")
        self.assertEqual(ids(), (12, 77))
        for wrong in ("", "nobodyhere", "root:nogrouphere", "-1", "99999999999"):
            self.assert_errno(errno.EINVAL, chown, wrong)
        self.assert_errno(errno.ENOENT, chown, "root", self.path("none"))

    def test_chown_of_a_symlink_does_not_touch_its_target(self):
        path = self.make("file")
        os.symlink(path, self.path("link"))
        self.host.done("FILE_CHOWN", text("") + text(self.path("link")) + text("nobody"))
        self.assertEqual(os.stat(path).st_uid, 0)
        self.assertEqual(os.lstat(self.path("link")).st_uid, 65534)

    def test_symlink(self):
        make = lambda target, path, user="": self.host.done("FILE_SYMLINK", text(user) + text(target) + text(path))
        make("../anything at all", self.path("link"))
        self.assertEqual(os.readlink(self.path("link")), "../anything at all")
        self.assert_errno(errno.EEXIST, make, "x", self.path("link"))
        self.assert_errno(errno.ENOENT, make, "", self.path("empty"))
        self.assert_errno(errno.EACCES, make, "x", self.path("no"), "nobody")

    def test_the_guest_is_itself_again_after_acting_as_a_user(self):
        path = self.make("secret", b"x", 0o600)
        for _ in range(3):
            self.assert_errno(errno.EACCES, self.host.read, path, user="nobody")
            self.assertEqual(self.host.read(path), b"x")
        self.assertEqual(self.host.run(["id", "-u"])[0], b"0\n")


class Attributes(GuestCase):
    def test_attributes_are_set_told_and_removed(self):
        path = self.make("file")
        self.assertEqual(self.host.attributes(path), {})
        self.host.set_attribute(path, "user.author", "m\u00e9")
        self.host.set_attribute(path, "user.empty", "")
        self.assertEqual(os.getxattr(path, "user.author"), "m\u00e9".encode())
        self.assertEqual(self.host.attributes(path), {"user.author": "m\u00e9", "user.empty": ""})
        self.host.set_attribute(path, "user.author", "other")
        self.host.remove_attribute(path, "user.empty")
        self.host.remove_attribute(path, "user.empty")
        self.assertEqual(self.host.attributes(path), {"user.author": "other"})

    def test_only_the_namespace_user_is_touched(self):
        path = self.make("file")
        os.setxattr(path, "trusted.other", b"x")
        self.assertEqual(self.host.attributes(path), {})
        for wrong in ("trusted.a", "security.capability", "system.posix_acl_access", "user.", "", "user." + "x" * 251):
            self.assert_errno(errno.EINVAL, self.host.set_attribute, path, wrong, "x")
            self.assert_errno(errno.EINVAL, self.host.remove_attribute, path, wrong)
        self.assertEqual(os.listxattr(path), ["trusted.other"])

    def test_what_is_too_long_is_said(self):
        path = self.make("file")
        self.assert_errno(errno.E2BIG, self.host.set_attribute, path, "user.a", "x" * 4097)
        self.assertEqual(self.host.attributes(path), {})

    def test_bytes_that_are_no_text_are_passed_over(self):
        path = self.make("file")
        os.setxattr(path, "user.binary", b"a\0b")
        os.setxattr(path, "user.text", b"a")
        self.assertEqual(self.host.attributes(path), {"user.text": "a"})

    def test_the_users_rights_count(self):
        path = self.make("file", mode=0o600)
        self.host.set_attribute(path, "user.a", "b")
        self.assert_errno(errno.EACCES, self.host.attributes, path, "nobody")
        self.assert_errno(errno.EACCES, self.host.set_attribute, path, "user.a", "c", user="nobody")
        self.assertEqual(self.host.attributes(path), {"user.a": "b"})
        self.assert_errno(errno.ENOENT, self.host.attributes, self.path("none"))

    def test_a_directory_has_attributes_too_and_a_link_shows_its_targets(self):
        os.mkdir(self.path("dir"))
        os.symlink("dir", self.path("link"))
        self.host.set_attribute(self.path("link"), "user.a", "b")
        self.assertEqual(self.host.attributes(self.path("dir")), {"user.a": "b"})
        self.assertEqual(self.host.attributes(self.path("link")), {"user.a": "b"})


if __name__ == "__main__":
    unittest.main()
