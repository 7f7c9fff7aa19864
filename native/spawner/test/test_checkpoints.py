"""Checkpoints of walls behind gVisor: written while they run, made into one or several others, gone without a trace."""
import os
import shutil
import signal
import tempfile
import threading
import time
import unittest

from spawner import GUEST, MIB, Guest, Refused, Spawner, eventually
from test_runtimes import connect, find, options
from wire import Closed


def reach(path):
    """The guest, which needs a moment to come back."""
    def once():
        try:
            return Guest(path)
        except (OSError, Closed):
            return None
    return eventually(once, "a guest at " + path)


COUNTER = "i=0; while :; do i=$((i+1)); echo $i > /tmp/memory; echo $i > /home/user/disk; sleep 0.02; done"


class Checkpoints(unittest.TestCase):
    def setUp(self):
        if find("runsc") is None:
            self.skipTest("runsc is not installed")

    def start(self, client, id="vm", **more):
        _, path = client.create(id, runtime="runsc", **more)
        with Guest(path) as guest:
            guest.identify(id)
            guest.start(["/bin/bash", "-c", COUNTER])
            time.sleep(0.2)
        return path

    def take(self, client, path, id, name, **more):
        with reach(path) as guest:
            guest.suspend()
        return client.checkpoint(id, name, **more)

    def test_a_copy_goes_on_where_it_was(self):
        with Spawner(options("runsc")) as spawner, spawner.client() as client:
            path = self.start(client)
            size = self.take(client, path, "vm", "one")
            self.assertGreater(size, 1 << 20)
            self.assertEqual(client.checkpoints(), {"one": size})
            with reach(path) as guest:
                first = int(guest.shell("cat /home/user/disk"))
                eventually(lambda: int(guest.shell("cat /home/user/disk")) > first, "the original goes on")
                guest.shell("echo later > /home/user/later; touch /usr/local/later", user="root")
            _, copy = client.restore("one", "copy")
            with reach(copy) as guest:
                guest.identify("copy")
                self.assertEqual(guest.shell("hostname; cat /etc/hostname"), "copy\ncopy")
                again = int(guest.shell("cat /home/user/disk"))
                self.assertGreaterEqual(again, 1)
                eventually(lambda: int(guest.shell("cat /tmp/memory")) > again, "the copy goes on")
                self.assertEqual(guest.shell("ls /home/user/later /usr/local/later 2>&1 | grep -c 'No such'"), "2", "what came after the checkpoint is not in it")
                self.assertEqual(guest.shell("id -un; stat -c %U /home/user/disk"), "user\nuser")
                guest.shell("id -u; touch /etc/of-root; chown 1000 /etc/of-root; stat -c %u /etc/of-root", user="root")

    def test_one_is_written_many_times_and_goes_on_each_time(self):
        with Spawner(options("runsc")) as spawner, spawner.client() as client:
            path = self.start(client)
            for i in range(12):
                self.take(client, path, "vm", "cp-%d" % i)
                client.checkpoint_remove("cp-%d" % i)
            with reach(path) as guest:
                guest.shell("true")

    def test_one_that_could_not_come_back_is_not_written_and_goes_on(self):
        with Spawner(options("runsc")) as spawner, spawner.client() as client:
            path = self.start(client)
            with reach(path) as guest:
                guest.shell("cd /dev/.tinyvm/socket && for i in $(seq 3100); do : > f$i; done", user="root")
            with self.assertRaisesRegex(Refused, "too often"):
                self.take(client, path, "vm", "one")
            with reach(path) as guest:
                guest.shell("true")

    def test_several_copies_share_nothing_they_write(self):
        with Spawner(options("runsc")) as spawner, spawner.client() as client:
            path = self.start(client)
            with Guest(path) as guest:
                guest.shell("echo common > /home/user/common; chmod 755 /home/user/common")
            self.take(client, path, "vm", "one")
            client.destroy("vm")
            copies = {}
            for name in ("a", "b", "c"):
                pid, copy = client.restore("one", name)
                copies[name] = (os.stat("/proc/%d" % pid).st_uid, copy)
            self.assertEqual(len({uid for uid, _ in copies.values()}), 3, "each has a uid range of its own")
            for name, (_, copy) in copies.items():
                with reach(copy) as guest:
                    guest.identify(name)
                    guest.shell("echo %s > /home/user/common; echo %s > /tmp/common" % (name, name))
            for name, (_, copy) in copies.items():
                with reach(copy) as guest:
                    self.assertEqual(guest.shell("hostname; cat /home/user/common /tmp/common; stat -c %a /home/user/common"), "\n".join([name] * 3 + ["755"]))

    def test_a_copy_of_a_copy(self):
        with Spawner(options("runsc")) as spawner, spawner.client() as client:
            path = self.start(client)
            self.take(client, path, "vm", "one")
            _, copy = client.restore("one", "copy")
            with reach(copy) as guest:
                guest.shell("echo second > /home/user/second")
            self.take(client, copy, "copy", "two")
            client.destroy("vm")
            client.destroy("copy")
            client.checkpoint_remove("one")
            _, third = client.restore("two", "third")
            with reach(third) as guest:
                guest.identify("third")
                self.assertEqual(guest.shell("cat /home/user/second; stat -c %U /home/user/second; hostname"), "second\nuser\nthird")

    def test_small_and_slow_ones_too(self):
        with Spawner(options("runsc")) as spawner, spawner.client() as client:
            path = self.start(client, memory=32 * MIB, cpu=100, pids=16)
            self.take(client, path, "vm", "one")
            self.assertEqual(client.stats("vm")["limit"], 32 * MIB)
            _, copy = client.restore("one", "copy", memory=32 * MIB, cpu=100, pids=16)
            with reach(copy) as guest:
                self.assertEqual(guest.shell("echo alive"), "alive")
            self.assertEqual(client.stats("copy")["limit"], 32 * MIB)

    def test_output_that_nobody_read_is_in_each_copy(self):
        with Spawner(options("runsc")) as spawner, spawner.client() as client:
            _, path = client.create("vm", runtime="runsc")
            with Guest(path) as guest:
                guest.start(["/bin/sh", "-c", "echo kept; exec sleep 1000"])
                time.sleep(0.2)
                guest.suspend()
            client.checkpoint("vm", "one")
            _, copy = client.restore("one", "copy")
            import struct
            for where in (path, copy):
                with reach(where) as guest:
                    guest.send(0x1b, 1, struct.pack(">IQQ", 1, 0, 0))
                    said = b""
                    while b"kept" not in said:
                        kind, _, payload = guest.receive()
                        said += payload[8:] if kind == 0x12 else b""

    def test_what_is_refused(self):
        with Spawner(options("runsc", "crun") if find("crun") else options("runsc")) as spawner, spawner.client() as client:
            path = self.start(client)
            self.refused("find", 2, client.checkpoint, "nobody", "one")
            self.refused("validate-checkpoint", 22, client.checkpoint, "vm", "../x")
            self.refused("validate-checkpoint", 22, client.restore, "../x", "copy")
            self.refused("find-checkpoint", 2, client.restore, "nothing", "copy")
            self.refused("await-guest", 16, client.checkpoint, "vm", "one")
            with Guest(path) as guest:
                self.assertEqual(guest.shell("echo alive"), "alive", "a guest that was not suspended is left alone")
            client.create("own")
            self.refused("validate-runtime", 95, client.checkpoint, "own", "one")
            if find("crun"):
                client.create("crun", runtime="crun")
                self.refused("validate-runtime", 95, client.checkpoint, "crun", "one")
            client.freeze("vm")
            self.refused("checkpoint", 16, client.checkpoint, "vm", "one")
            client.thaw("vm")
            self.take(client, path, "vm", "one")
            with reach(path) as guest:
                guest.suspend()
            self.refused("checkpoint", 17, client.checkpoint, "vm", "one")
            with reach(path) as guest:
                self.assertEqual(guest.shell("echo alive"), "alive", "a refusal wakes the guest")
            self.refused("validate-runtime", 95, client.restore, "one", "copy", runtime="crun")
            client.checkpoint_remove("one")
            client.checkpoint_remove("one")
            self.assertEqual(client.checkpoints(), {})

    def refused(self, step, errno, call, *arguments, **more):
        with self.assertRaises(Refused) as caught:
            call(*arguments, **more)
        self.assertEqual((caught.exception.step, caught.exception.errno), (step, errno), caught.exception)

    def test_an_image_that_does_not_fit_is_refused_and_leaves_nothing(self):
        with Spawner(options("runsc")) as spawner, spawner.client() as client:
            _, path = client.create("vm", runtime="runsc", memory=256 * MIB)
            with Guest(path) as guest:
                guest.shell("head -c 100000000 /dev/urandom > /tmp/fill")
            with self.assertRaises(Refused):
                self.take(client, path, "vm", "one", most=16 * MIB)
            self.assertEqual(client.checkpoints(), {})
            client.destroy("vm")

    def test_files_are_for_root_only(self):
        with Spawner(options("runsc")) as spawner, spawner.client() as client:
            path = self.start(client)
            self.take(client, path, "vm", "one")
            # The pool is mounted in the spawner's own mount tree only.
            place = "/proc/%d/root/pool/c-one" % spawner.pids()[0]
            self.assertEqual(oct(os.stat(place).st_mode & 0o777), "0o700")
            for name in os.listdir(place + "/image"):
                info = os.stat(place + "/image/" + name)
                self.assertEqual((info.st_uid, oct(info.st_mode & 0o777)), (0, "0o600"), name)

    def test_it_survives_the_spawner(self):
        with Spawner(options("runsc")) as spawner:
            with spawner.client() as client:
                path = self.start(client)
                size = self.take(client, path, "vm", "one")
            os.kill(spawner.pids()[0], signal.SIGKILL)
            with eventually(lambda: connect(spawner), "the next spawner") as client:
                self.assertEqual(client.checkpoints(), {"one": size})
                _, copy = client.restore("one", "copy")
                with reach(copy) as guest:
                    self.assertEqual(guest.shell("echo alive"), "alive")

    def test_it_survives_the_end_of_everything(self):
        """QUIT, and later another spawner with the same file of layers: after a reboot, say."""
        with tempfile.TemporaryDirectory(prefix="tinyvm-spawner-", dir="/tmp") as directory:
            more = options("runsc") + ["--pool-file", os.path.join(directory, "layers")]
            with Spawner(more, dir=directory) as spawner, spawner.client() as client:
                path = self.start(client)
                size = self.take(client, path, "vm", "one")
            with Spawner(more, dir=directory) as spawner, spawner.client() as client:
                self.assertEqual(client.checkpoints(), {"one": size})
                _, copy = client.restore("one", "copy")
                with reach(copy) as guest:
                    count = int(guest.shell("cat /tmp/memory"))
                    eventually(lambda: int(guest.shell("cat /tmp/memory")) > count, "it goes on")

    def test_another_guest_does_not_matter_and_changed_files_are_seen(self):
        with tempfile.TemporaryDirectory(prefix="tinyvm-spawner-", dir="/tmp") as directory:
            more = options("runsc") + ["--pool-file", os.path.join(directory, "layers")]
            guest = os.path.join(directory, "guest")
            shutil.copy(GUEST, guest)
            root = os.path.join(directory, "images", "tiny", "rootfs")
            with Spawner(more, dir=directory, guest=guest) as spawner, spawner.client() as client:
                path = self.start(client)
                self.take(client, path, "vm", "one")
                for name in ("proc", "sys", "dev", "tmp", "etc", "usr", "run"):
                    os.makedirs(os.path.join(root, name))
                _, path = client.create("tiny", image="tiny", runtime="runsc", user="root")
                self.take(client, path, "tiny", "two", image="tiny")
            with open(guest, "ab") as file:  # another program, at other places of the file
                file.write(b"another version")
            shutil.rmtree(os.path.join(directory, "images", "tiny"))
            os.makedirs(root)
            os.rename(os.path.join(directory, "images", "tiny"), os.path.join(directory, "images", "x"))
            shutil.copytree(os.path.join(directory, "images", "x"), os.path.join(directory, "images", "tiny"))
            with Spawner(more, dir=directory, guest=guest) as spawner, spawner.client() as client:
                pid, copy = client.restore("one", "copy")
                with reach(copy) as link:
                    link.shell("echo alive")
                self.assertEqual(os.stat("/proc/%d/root/guest" % pid).st_size, os.stat(GUEST).st_size, "it has the guest that it had")
                self.refused("find-checkpoint", 116, client.restore, "two", "again", image="tiny")

    def test_a_spawner_killed_on_the_way_leaves_a_whole_one_or_none(self):
        with Spawner(options("runsc")) as spawner:
            client = spawner.client()
            path = self.start(client)
            for delay in (0.0, 0.03, 0.06, 0.1, 0.2):
                with reach(path) as guest:
                    guest.suspend(5000)
                name = "at-%d" % (delay * 1000)
                asked = threading.Thread(target=self.attempt, args=(client, name))
                asked.start()
                time.sleep(delay)
                os.kill(spawner.pids()[0], signal.SIGKILL)
                asked.join()
                client.close()
                client = eventually(lambda: connect(spawner), "the next spawner")
                with reach(path) as guest:
                    self.assertEqual(guest.shell("echo alive"), "alive", "the wall goes on")
                place = "/proc/%d/root/pool" % spawner.pids()[0]
                eventually(lambda: not [n for n in os.listdir(place) if n.startswith("t-")], "no half-written one")
                for whole in client.checkpoints():
                    _, copy = client.restore(whole, "copy")
                    with reach(copy) as guest:
                        self.assertEqual(guest.shell("echo alive"), "alive")
                    client.destroy("copy")
                    client.checkpoint_remove(whole)
            client.close()

    def attempt(self, client, name):
        try:
            client.checkpoint("vm", name)
        except (Refused, Closed, OSError):
            pass

    def test_a_maker_that_is_killed_lets_the_wall_go_on(self):
        with Spawner(options("runsc")) as spawner, spawner.client() as client:
            path = self.start(client)
            for delay in (0.0, 0.03, 0.08):
                with reach(path) as guest:
                    guest.suspend(5000)
                asked = threading.Thread(target=self.attempt, args=(client, "one"))
                asked.start()
                for pid in eventually(makers, "the process that writes it"):
                    time.sleep(delay)
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                asked.join()
                with reach(path) as guest:
                    self.assertEqual(guest.shell("echo alive"), "alive")
                client.checkpoint_remove("one")
                self.assertEqual(client.checkpoints(), {})

    def test_a_wall_destroyed_meanwhile(self):
        with Spawner(options("runsc")) as spawner, spawner.client() as client:
            path = self.start(client)
            with reach(path) as guest:
                guest.suspend()
            with spawner.client() as other:
                asked = threading.Thread(target=self.attempt, args=(other, "one"))
                asked.start()
                time.sleep(0.05)
                client.destroy("vm")
                asked.join()
            for name in client.checkpoints():
                client.checkpoint_remove(name)

    def test_tmpfs_layers_have_no_checkpoints(self):
        with Spawner(options("runsc"), layers="tmpfs") as spawner, spawner.client() as client:
            client.create("vm", runtime="runsc")
            self.refused("find-checkpoints", 95, client.checkpoint, "vm", "one")
            self.assertEqual(client.checkpoints(), {})


def makers():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/comm" % pid) as file:
                if file.read().strip() == "tinyvm-checkpnt":
                    found.append(int(pid))
        except OSError:
            pass
    return found
