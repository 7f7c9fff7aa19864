"""Images as stacks of shared layers, each a directory or an EROFS file that is mounted once."""
import errno
import os
import shutil
import subprocess
import tempfile
import unittest

from spawner import Guest, Refused, Spawner, eventually

NO_BUSYBOX = "busybox is not installed"


def mounts(pid):
    with open("/proc/%d/mountinfo" % pid) as file:
        return file.read()


@unittest.skipUnless(os.path.exists("/bin/busybox"), NO_BUSYBOX)
class Layers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.spawner = Spawner(blanks=1)
        cls.count = 0

    @classmethod
    def tearDownClass(cls):
        cls.spawner.stop()

    def setUp(self):
        self.client = self.spawner.client()

    def tearDown(self):
        for id in self.client.list():
            self.client.destroy(id)
        self.client.close()

    def layer(self, fill, erofs=False):
        """A layer whose files fill(root) makes; returns its digest's digits."""
        type(self).count += 1
        name = "%064x" % type(self).count
        directory = os.path.join(self.spawner.images, ".layers", name)
        root = os.path.join(directory, "rootfs")
        os.makedirs(root)
        fill(root)
        if erofs:
            subprocess.run(["mkfs.erofs", "--quiet", "-zlz4", directory + "/rootfs.erofs", root], check=True)
            shutil.rmtree(root)
        return name

    def stack(self, name, layers):
        os.makedirs(os.path.join(self.spawner.images, name))
        with open(os.path.join(self.spawner.images, name, "layers"), "w") as file:
            file.write("".join(layer + "\n" for layer in layers))

    def base(self, root):
        for path in ("bin", "etc", "proc", "dev", "tmp", "old"):
            os.makedirs(os.path.join(root, path))
        shutil.copy("/bin/busybox", os.path.join(root, "bin/busybox"))
        for applet in ("sh", "cat", "ls", "id", "stat", "touch", "test"):
            os.symlink("busybox", os.path.join(root, "bin", applet))
        for name, text in (("etc/passwd", "root:x:0:0::/:/bin/sh\n"), ("etc/gone", "x"), ("old/low", "x"), ("level", "0")):
            with open(os.path.join(root, name), "w") as file:
                file.write(text)

    def upper(self, root):
        os.makedirs(os.path.join(root, "etc"))
        os.makedirs(os.path.join(root, "old"))
        os.mknod(os.path.join(root, "etc/gone"), 0o020000, 0)
        os.setxattr(os.path.join(root, "old"), "trusted.overlay.opaque", b"y")
        with open(os.path.join(root, "etc/passwd"), "w") as file:
            file.write("root:x:0:0::/:/bin/sh\napp:x:77:77::/:/bin/sh\n")
        with open(os.path.join(root, "owned"), "w") as file:
            file.write("o")
        os.chown(os.path.join(root, "owned"), 77, 77)
        os.link(os.path.join(root, "owned"), os.path.join(root, "same"))
        os.setxattr(os.path.join(root, "owned"), "user.mark", b"m")

    def shell(self, id, text, **options):
        pid, path = self.client.create(id, **options)
        guest = Guest(path)
        code, _, output = guest.run(["/bin/sh", "-c", text])
        return pid, code, output.split(), guest

    CHECK = "ls /etc /old; stat -c '%u %h' /owned; cat /level; echo; id -u app; touch /etc/written && echo wrote"

    def expect(self, output):
        self.assertNotIn("gone", output)
        self.assertNotIn("low", output)
        self.assertEqual(output[-5:], ["77", "2", "0", "77", "wrote"])

    def test_layers_are_stacked_and_their_marks_obeyed(self):
        self.stack("dirs", [self.layer(self.upper), self.layer(self.base)])
        _, code, output, _ = self.shell("dirs", self.CHECK, image="dirs", user="root")
        self.assertEqual(code, 0, output)
        self.expect(output)

    @unittest.skipUnless(shutil.which("mkfs.erofs"), "mkfs.erofs is not installed (package erofs-utils)")
    def test_erofs_files_are_mounted_once_without_a_loop_device_and_let_go(self):
        base = self.layer(self.base, erofs=True)
        self.stack("packed", [self.layer(self.upper, erofs=True), base])
        self.stack("mixed", [self.layer(self.upper), base])
        try:
            pid, code, output, guest = self.shell("packed", self.CHECK, image="packed", user="root")
        except Refused as refused:
            self.assertEqual(refused.step, "mount-image")
            self.skipTest(refused.message)
        self.assertEqual(code, 0, output)
        self.expect(output)
        other, code, output, _ = self.shell("mixed", self.CHECK, image="mixed", user="root")
        self.expect(output)
        spawner, _ = self.spawner.pids()
        self.assertEqual(mounts(spawner).count(" erofs "), 2)
        for name in os.listdir("/sys/block"):
            backing = "/sys/block/%s/loop/backing_file" % name
            if os.path.exists(backing):
                with open(backing) as file:
                    self.assertNotIn("erofs", file.read())
        # An image that is removed while walls stand on it stays theirs, and is let go of with the next look.
        shutil.rmtree(os.path.join(self.spawner.images, "packed"))
        shutil.rmtree(os.path.join(self.spawner.images, ".layers", base))
        self.client.list()
        self.assertEqual(mounts(spawner).count(" erofs "), 1)
        self.assertEqual(guest.run(["/bin/cat", "/level"])[2], "0")
        with self.assertRaises(Refused):
            self.client.create("late", image="mixed")

    def test_walls_on_erofs_survive_the_spawner(self):
        self.stack("survivor", [self.layer(self.upper, erofs=bool(shutil.which("mkfs.erofs"))), self.layer(self.base)])
        try:
            _, _, _, guest = self.shell("survivor", "true", image="survivor", user="root")
        except Refused as refused:
            self.skipTest(refused.message)
        spawner, _ = self.spawner.pids()
        os.kill(spawner, 9)
        eventually(lambda: self.spawner.pids()[0] not in (None, spawner), "a new spawner")

        def again():
            try:
                self.client.close()
                self.client = self.spawner.client()
                return self.client.ping()
            except OSError:
                return None
        eventually(again, "it answers")
        self.assertEqual(guest.run(["/bin/cat", "/level"])[2], "0")
        _, code, output, _ = self.shell("newer", self.CHECK, image="survivor", user="root")
        self.expect(output)

    def test_as_many_layers_as_are_allowed(self):
        def level(number):
            def fill(root):
                with open(os.path.join(root, "level"), "w") as file:
                    file.write(str(number))
            return fill
        base = self.layer(self.base)
        layers = [self.layer(level(number)) for number in range(127, 0, -1)]
        self.stack("deep", layers + [base])
        _, _, output, _ = self.shell("deep", "cat /level", image="deep", user="root")
        self.assertEqual(output, ["127"])
        self.stack("deeper", [base] + layers + [base])
        with self.assertRaises(Refused) as caught:
            self.client.create("deeper", image="deeper")
        self.assertEqual((caught.exception.errno, caught.exception.step), (errno.EBADMSG, "open-image"))

    def test_a_damaged_list_of_layers_is_refused(self):
        base = self.layer(self.base)
        for number, text in enumerate(("", "x", base, base + "\n\n", base[:-1] + "\n", "../" + base[3:] + "\n", base.upper() + "g\n",
                                       base + "\n" + base[:10])):
            name = "bad%d" % number
            os.makedirs(os.path.join(self.spawner.images, name))
            with open(os.path.join(self.spawner.images, name, "layers"), "w") as file:
                file.write(text)
            with self.assertRaises(Refused, msg=text) as caught:
                self.client.create("bad", image=name)
            self.assertEqual((caught.exception.errno, caught.exception.step), (errno.EBADMSG, "open-image"), text)
        self.stack("missing", ["f" * 64])
        with self.assertRaises(Refused) as caught:
            self.client.create("missing", image="missing")
        self.assertEqual(caught.exception.errno, errno.ENOENT)
        os.makedirs(os.path.join(self.spawner.images, "linked"))
        os.symlink("/etc/passwd", os.path.join(self.spawner.images, "linked/layers"))
        with self.assertRaises(Refused):
            self.client.create("linked", image="linked")

    def test_a_file_that_is_no_erofs_is_refused(self):
        name = "%064x" % 0xbad
        os.makedirs(os.path.join(self.spawner.images, ".layers", name))
        with open(os.path.join(self.spawner.images, ".layers", name, "rootfs.erofs"), "wb") as file:
            file.write(os.urandom(1 << 16))
        self.stack("noise", [name])
        with self.assertRaises(Refused) as caught:
            self.client.create("noise", image="noise")
        self.assertEqual(caught.exception.step, "mount-image")
        self.assertNotIn("noise", self.client.list())


if __name__ == "__main__":
    unittest.main()
