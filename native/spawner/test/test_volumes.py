"""Named volumes, and volumes that come and go while a wall runs."""
import errno
import os
import shutil
import subprocess
import tempfile
import unittest

from spawner import MIB, Guest, Refused, Spawner, eventually
from test_runtimes import find, options


@unittest.skipUnless(shutil.which("mkfs.btrfs"), "mkfs.btrfs is not installed (package btrfs-progs)")
class Volumes(unittest.TestCase):
    runtime = None  # the spawner's own wall

    @classmethod
    def setUpClass(cls):
        cls.top = tempfile.mkdtemp(prefix="tinyvm-volumes-", dir="/tmp")
        os.chmod(cls.top, 0o755)
        cls.host = os.path.join(cls.top, "host")
        os.makedirs(cls.host)
        os.chown(cls.host, 4711, 4711)
        cls.pool = os.path.join(cls.top, "volumes")
        cls.spawner = cls.start()

    @classmethod
    def start(cls):
        more = [] if cls.runtime is None else options(cls.runtime)
        return Spawner(arguments=[*more, "--allow-volume", cls.host, "--volume-pool-file", cls.pool, "--volume-pool-bytes", str(1 << 30)])

    @classmethod
    def tearDownClass(cls):
        cls.spawner.stop()
        shutil.rmtree(cls.top, ignore_errors=True)

    def setUp(self):
        self.client = self.spawner.client()

    def tearDown(self):
        for id in self.client.list():
            self.client.destroy(id)
        self.client.close()

    def wall(self, id, **more):
        _, path = self.client.create(id, runtime=self.runtime, **more)
        return Guest(path)

    def refused(self, call, *arguments, **options):
        with self.assertRaises(Refused) as caught:
            call(*arguments, **options)
        return caught.exception

    def test_a_volume_outlives_walls_and_the_spawner(self):
        self.client.volume_make("kept")
        self.client.volume_make("kept")
        with self.wall("one", mounts=[("kept", "/kept", 0)]) as guest:
            guest.shell("echo hello > /kept/file; mkdir /kept/dir; sync", user="user")
        self.client.destroy("one")
        type(self).spawner.stop()
        type(self).spawner = self.start()
        self.client.close()
        self.client = self.spawner.client()
        with self.wall("two", mounts=[("kept", "/kept", 1)]) as guest:
            self.assertEqual(guest.shell("cat /kept/file; stat -c %U /kept/file"), "hello\nuser")
            self.assertNotEqual(guest.shell("touch /kept/x 2>&1", user="user", check=False), "")
        self.client.destroy("two")
        self.client.volume_remove("kept")
        self.client.volume_remove("kept")
        self.assertEqual(self.refused(self.client.create, "three", mounts=[("kept", "/kept", 0)]).step, "open-volume")

    def test_each_wall_sees_its_own_user_as_the_owner(self):
        self.client.volume_make("shared")
        with self.wall("a", mounts=[("shared", "/s", 0)]) as a, self.wall("b", mounts=[("shared", "/s", 0)], user="root") as b:
            a.shell("echo a > /s/a", user="user")
            b.shell("echo b > /s/b; cat /s/a", user="root")
            self.assertEqual(b.shell("stat -c %u /s/a /s/b", user="root"), "0\n0")
            self.assertEqual(a.shell("cat /s/b; stat -c %u /s/a /s/b"), "b\n1000\n1000")

    def test_a_volume_is_full_at_its_size_and_for_itself_only(self):
        self.client.volume_make("small", 8 * MIB)
        self.client.volume_make("other", 8 * MIB)
        with self.wall("filler", mounts=[("small", "/small", 0), ("other", "/other", 0)]) as guest:
            self.assertIn("Disk quota exceeded", guest.shell("dd if=/dev/urandom of=/small/x bs=1M count=64 2>&1; sync", check=False))
            self.assertLessEqual(self.client.volume_used("small"), 9 * MIB)
            guest.shell("dd if=/dev/urandom of=/other/x bs=1M count=4")
            self.client.volume_make("small", 64 * MIB)
            guest.shell("dd if=/dev/urandom of=/small/y bs=1M count=16; sync")
        self.assertGreater(eventually(lambda: self.client.volume_used("small") > 16 * MIB and self.client.volume_used("small"), "counted"), 16 * MIB)

    def test_volumes_come_and_go_while_a_wall_runs(self):
        self.client.volume_make("notes")
        with self.wall("live") as guest:
            self.client.attach("live", "notes", "/data/notes")
            guest.shell("echo 1 > /data/notes/one", user="user")
            self.client.attach("live", self.host, "/host")
            guest.shell("echo 2 > /host/two", user="user")
            self.assertEqual(os.stat(self.host + "/two").st_uid, 4711)
            self.client.attach("live", "notes", "/ro", 1)
            self.assertEqual(guest.shell("cat /ro/one; touch /ro/x 2>/dev/null || echo no", user="user"), "1\nno")
            self.assertEqual(self.refused(self.client.attach, "live", "notes", "/ro").errno, errno.EEXIST)
            sleeper = guest.start(["/bin/bash", "-c", "cd /host; echo; exec sleep 1000"], user="user")
            eventually(lambda: guest.shell("pgrep -x sleep || true"), "it sleeps there")
            self.assertEqual(self.refused(self.client.detach, "live", "/host").errno, errno.EBUSY)
            self.client.detach("live", "/host", 1)
            self.client.detach("live", "/data/notes")
            self.client.detach("live", "/ro")
            self.assertEqual(guest.shell("ls -A /data/notes /host /ro | tr -d '\\n'"), "/data/notes:/host:/ro:")
            self.assertEqual(self.refused(self.client.detach, "live", "/ro").errno, errno.ENOENT)
            self.client.attach("live", "notes", "/ro", 1)
            self.assertEqual(guest.shell("cat /ro/one"), "1")
            self.assertGreater(sleeper, 0)

    def test_a_frozen_wall_can_be_given_a_volume(self):
        self.client.volume_make("cold")
        with self.wall("frozen") as guest:
            self.client.freeze("frozen")
            self.client.attach("frozen", "cold", "/cold")
            self.client.thaw("frozen")
            guest.shell("echo x > /cold/x", user="user")

    def test_links_inside_lead_an_attachment_nowhere(self):
        self.client.volume_make("trap")
        with self.wall("sly") as guest:
            guest.shell("ln -s /etc /link; ln -s / /root-link; mkdir /real; ln -s real /rel; echo > /file; mkdir -p /a", user="root")
            for target in ("/link", "/link/x", "/root-link/etc", "/rel", "/rel/x", "/file", "/file/x"):
                self.assertIn(self.refused(self.client.attach, "sly", "trap", target).errno, (errno.ELOOP, errno.ENOTDIR), target)
            for target in ("/", "/proc/x", "/sys", "/dev/shm", "/a/../etc", "a"):
                self.assertEqual(self.refused(self.client.attach, "sly", "trap", target).errno, errno.EINVAL, target)
                self.assertEqual(self.refused(self.client.detach, "sly", target).errno, errno.EINVAL, target)
            self.assertEqual(self.refused(self.client.detach, "sly", "/etc").errno, errno.ENOENT)
            self.assertEqual(self.refused(self.client.attach, "sly", "/etc", "/x").errno, errno.EACCES)
            self.assertEqual(self.refused(self.client.attach, "sly", "missing", "/x").errno, errno.ENOENT)
            self.assertEqual(self.refused(self.client.attach, "nobody", "trap", "/x").errno, errno.ENOENT)
            self.assertNotEqual(guest.shell("cd /; umount /usr 2>/dev/null || echo no; ls /usr/bin | head -1"), "")

    def test_inside_nothing_of_a_volume_is_the_hosts_roots(self):
        self.client.volume_make("setuid")
        with self.wall("maker", mounts=[("setuid", "/v", 0)], user="root") as guest:
            guest.shell("cp /bin/id /v/id; chmod 4755 /v/id", user="root")
        with self.wall("user", mounts=[("setuid", "/v", 0)]) as guest:
            self.assertEqual(guest.shell("/v/id -u", user="user"), "1000")

    def test_attachments_survive_the_spawner(self):
        self.client.volume_make("lasting")
        with self.wall("lasts") as guest:
            self.client.attach("lasts", "lasting", "/l")
            guest.shell("echo x > /l/x", user="user")
            spawner, _ = self.spawner.pids()
            os.kill(spawner, 9)
            eventually(lambda: self.spawner.pids()[0] not in (None, spawner), "a new spawner")
            self.client.close()

            def again():
                try:
                    self.client = self.spawner.client()
                    return self.client.ping()
                except OSError:
                    return None
            eventually(again, "it answers")
            self.assertEqual(guest.shell("cat /l/x"), "x")
            self.client.detach("lasts", "/l")
            self.client.attach("lasts", "lasting", "/m")
            self.assertEqual(guest.shell("cat /m/x"), "x")

    def test_a_file_that_holds_something_else_is_never_formatted(self):
        path = os.path.join(self.top, "precious")
        with open(path, "wb") as file:
            file.write(b"do not lose this" * 1000)
        with Spawner(arguments=["--volume-pool-file", path], blanks=0) as spawner, spawner.client() as client:
            self.assertIn("holds no btrfs", self.refused(client.volume_make, "x").message)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"do not lose this" * 1000)
        with Spawner(blanks=0) as spawner, spawner.client() as client:
            self.assertEqual(self.refused(client.volume_make, "x").step, "open-store")


class UnderRuntime:
    """The same behind an OCI runtime."""

    @classmethod
    def setUpClass(cls):
        if find(cls.runtime) is None:
            raise unittest.SkipTest("%s is not installed" % cls.runtime)
        super().setUpClass()


class CrunVolumes(UnderRuntime, Volumes):
    runtime = "crun"


class RuncVolumes(UnderRuntime, Volumes):
    runtime = "runc"


class RunscVolumes(unittest.TestCase):
    def test_they_are_fixed_and_that_is_said(self):
        if find("runsc") is None:
            self.skipTest("runsc is not installed")
        with Spawner(options("runsc") + ["--allow-volume", "/usr/share"]) as spawner, spawner.client() as client:
            client.create("vm", runtime="runsc", mounts=[("/usr/share", "/data", 1)])
            for call in (lambda: client.attach("vm", "/usr/share", "/x", 1), lambda: client.detach("vm", "/data")):
                with self.assertRaises(Refused) as caught:
                    call()
                self.assertEqual(caught.exception.errno, errno.EOPNOTSUPP)
                self.assertIn("gVisor", caught.exception.message)


if __name__ == "__main__":
    unittest.main()
