"""Sandboxes of gVisor that are kept ready: what they are, who gets them, and that none is left over."""
import os
import time
import unittest

from spawner import Guest, Spawner, eventually
from test_runtimes import comm, connect, find, options, processes_of_block, uid
from wire import string


def keepers(spawner):
    """Pids of the walls that a runtime made, claimed or not."""
    return {pid for pid in processes_of_block(spawner.uid + 65536) if comm(pid) == "tinyvm-keeper"}


def ticks(pids):
    total = 0
    for pid in pids:
        try:
            with open("/proc/%d/stat" % pid) as file:
                fields = file.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return total


def frozen(spawner, pid):
    try:
        with open("/proc/%d/cgroup" % pid) as file:
            line = [entry for entry in file.read().splitlines() if ":freezer:" in entry or entry.startswith("0::")]
        for entry in line:
            path = entry.split(":", 2)[2]
            for name in ("/sys/fs/cgroup/freezer" + path + "/freezer.state", "/sys/fs/cgroup" + path + "/cgroup.events"):
                if os.path.exists(name):
                    with open(name) as file:
                        text = file.read()
                    return "FROZEN" in text or "frozen 1" in text
    except OSError:
        pass
    return False


class Pool(unittest.TestCase):
    def setUp(self):
        if find("runsc") is None:
            self.skipTest("runsc is not installed")

    def start(self, count=1, more=()):
        return Spawner(options("runsc") + ["--sandboxes", str(count), *more])

    def ready(self, spawner, used, count=1):
        """The pooled walls, once there are `count` of them and all are frozen."""
        def waiting():
            found = keepers(spawner) - used
            return found if len(found) == count and all(frozen(spawner, pid) for pid in found) else None
        return eventually(waiting, "%d sandboxes ready" % count, 60)

    def test_nothing_is_made_before_gvisor_is_used(self):
        with self.start() as spawner, spawner.client() as client:
            client.create("own")
            time.sleep(0.3)
            self.assertEqual(keepers(spawner), set())

    def test_the_next_one_is_taken_from_the_pool_and_gets_its_name(self):
        with self.start() as spawner, spawner.client() as client:
            first, _ = client.create("first", runtime="runsc")
            waiting = self.ready(spawner, {first})
            family = [p for p in processes_of_block(spawner.uid) if uid(p) // 65536 == uid(next(iter(waiting))) // 65536]
            before = ticks(family)
            time.sleep(0.5)
            self.assertEqual(ticks(family), before, "a waiting sandbox uses no processor")
            second, path = client.create("second", runtime="runsc", hostname="second")
            self.assertEqual({second}, waiting)
            with Guest(path) as guest:
                guest.send(0x52, 1000, string("second") + string("user"))
                self.assertEqual(guest.receive()[0], 0x08)
                self.assertEqual(guest.shell("hostname; cat /etc/hostname; id -un; grep CapBnd /proc/self/status"),
                                 "second\nsecond\nuser\nCapBnd:\t00000000a00405fb")
            third = self.ready(spawner, {first, second})
            self.assertNotIn(second, third, "never used twice")

    def test_what_it_used_before_it_was_taken_is_not_counted(self):
        with self.start() as spawner:
            with spawner.client() as client:
                first, _ = client.create("first", runtime="runsc")
                made_anew = client.stats("first")["cpu"]
                waiting = self.ready(spawner, {first})
                second, path = client.create("second", runtime="runsc")
                self.assertEqual({second}, waiting)
                taken = client.stats("second")["cpu"]
                self.assertLess(taken, made_anew / 2, "the start of the sandbox is not in it")
                with Guest(path) as guest:
                    guest.shell("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")
                worked = client.stats("second")["cpu"]
                self.assertGreater(worked, taken)
            os.kill(spawner.pids()[0], 9)
            with eventually(lambda: connect(spawner), "the next spawner") as client:
                again = client.stats("second")["cpu"]
                self.assertGreaterEqual(again, worked)
                self.assertLess(again, worked + made_anew / 2, "the next spawner knows, too")

    def test_volumes_and_a_changed_image_are_made_anew(self):
        with self.start(more=("--allow-volume", "/usr/share")) as spawner, spawner.client() as client:
            root = os.path.join(spawner.images, "pooled", "rootfs")
            for name in ("proc", "sys", "dev", "tmp", "etc", "run"):
                os.makedirs(os.path.join(root, name))
            first, _ = client.create("first", image="pooled", runtime="runsc")
            waiting = self.ready(spawner, {first})
            second, _ = client.create("second", image="pooled", runtime="runsc", mounts=[("/usr/share", "/data", 1)])
            self.assertNotIn(second, waiting)
            os.rename(os.path.dirname(root), os.path.dirname(root) + ".old")
            for name in ("proc", "sys", "dev", "tmp", "etc", "run"):
                os.makedirs(os.path.join(root, name))
            third, _ = client.create("third", image="pooled", runtime="runsc")
            self.assertNotIn(third, waiting)
            eventually(lambda: not waiting & keepers(spawner), "the old one is removed")

    def test_what_waited_is_gone_with_the_spawner(self):
        with self.start() as spawner:
            with spawner.client() as client:
                first, _ = client.create("first", runtime="runsc")
            waiting = self.ready(spawner, {first})
            os.kill(spawner.pids()[0], 9)
            eventually(lambda: not waiting & keepers(spawner), "the next spawner removes what waited")
            self.assertIn(first, keepers(spawner))
