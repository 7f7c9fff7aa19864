"""Limits hold, are reported with their true reason, and neighbours are unharmed."""
import errno
import os
import time
import unittest

from spawner import MIB, Guest, Refused, Spawner, eventually


# Children that stay until their parent ends.
FORKS = """
import os, signal, time
children = []
try:
    for _ in range(%d):
        child = os.fork()
        if child == 0:
            time.sleep(1000)
        children.append(child)
finally:
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
"""


def merging(text):
    return [line.split()[-1] for line in text.splitlines() if line.startswith("ksm_merge_any")]


class Limits(unittest.TestCase):
    LAYERS = "auto"

    @classmethod
    def setUpClass(cls):
        cls.spawner = Spawner(layers=cls.LAYERS)
        cls.client = cls.spawner.client()
        cls.client.create("neighbour")

    @classmethod
    def tearDownClass(cls):
        try:
            with Guest(cls.client.list()["neighbour"][2]) as guest:
                guest.shell("true")
        finally:
            cls.client.close()
            cls.spawner.stop()

    def wall(self, id, **options):
        _, path = self.client.create(id, **options)
        self.addCleanup(self.client.destroy, id)
        guest = Guest(path)
        self.addCleanup(guest.close)
        return guest

    def test_memory_is_merged_for_all_processes_of_a_wall_that_asks_for_it(self):
        with open("/proc/self/ksm_stat") as file:
            if not merging(file.read()):
                self.skipTest("this kernel does not say which processes have merged memory")
        for id, flags, expected in (("merges", 2, "yes"), ("merges-not", 0, "no")):
            _, path = self.client.create(id, read_only=flags)
            with Guest(path) as guest:
                text = guest.shell("/usr/bin/python3 -c \"print(open('/proc/self/ksm_stat').read())\"", user="user")
                self.assertEqual(merging(text), [expected])
                self.assertGreaterEqual(self.client.stats(id)["merged"], 0)
            self.client.destroy(id)
        with self.assertRaises(Refused) as caught:
            self.client.create("odd", read_only=4)
        self.assertEqual(caught.exception.step, "validate-flags")

    def test_the_switch_of_its_freezer_belongs_to_the_manager_and_nothing_else_does(self):
        self.client.create("switch")
        self.addCleanup(self.client.destroy, "switch")
        with open("/proc/%d/cgroup" % self.client.list()["switch"][0]) as file:
            paths = {part: line.split(":", 2)[2] for line in file.read().splitlines() for part in line.split(":", 2)[1].split(",")}
        if "freezer" in paths:
            directory, switch = "/sys/fs/cgroup/freezer" + paths["freezer"], "freezer.state"
        else:
            directory, switch = "/sys/fs/cgroup" + paths[""], "cgroup.freeze"
        owners = {name: os.stat(os.path.join(directory, name)).st_uid for name in os.listdir(directory)}
        self.assertEqual(owners.pop(switch), self.client.ping()["uid"])
        self.assertEqual(set(owners.values()), {0})
        self.assertEqual(os.stat(directory).st_uid, 0)

    def test_a_memory_bomb_is_killed_and_reported(self):
        with self.spawner.client() as watcher:
            watcher.subscribe()
            guest = self.wall("bomb", memory=64 * MIB)
            code, number, _ = guest.run(["/usr/bin/python3", "-c", "b=[]\nwhile True: b.append(bytearray(1<<20))"])
            self.assertEqual((code, number), (-1, 9))
            event = watcher.next_event(lambda e: e[0] == 2 and e[1] == "bomb")
            self.assertGreaterEqual(event[3], 1)
        stats = self.client.stats("bomb")
        self.assertGreaterEqual(stats["oom"], 1)
        self.assertLessEqual(stats["peak"], 64 * MIB)
        self.assertGreater(stats["peak"], 32 * MIB)
        self.assertEqual(guest.shell("echo alive"), "alive")

    def test_a_fork_bomb_stays_within_its_pids(self):
        guest = self.wall("forks", pids=32)
        output = guest.run(["/usr/bin/python3", "-c", FORKS % 100])[2]
        self.assertIn("Resource temporarily unavailable", output)
        self.assertLessEqual(self.client.stats("forks")["pids"], 32)
        self.assertEqual(guest.shell("echo alive"), "alive")

    def test_a_disk_filler_gets_no_space(self):
        guest = self.wall("disk", disk=64 * MIB)
        code, _, output = guest.run(["/bin/sh", "-c", "dd if=/dev/urandom of=/tmp/fill bs=1M count=64 conv=fsync"])
        self.assertNotEqual(code, 0)
        self.assertRegex(output, "No space left|Disk quota exceeded")
        size = int(guest.shell("stat -c %s /tmp/fill"))
        self.assertLessEqual(size, 64 * MIB * 1.05)
        self.assertGreaterEqual(size, 48 * MIB)
        code, _, _ = guest.run(["/bin/sh", "-c", "head -c 80M /dev/urandom > /usr/fill"], user="root")
        self.assertNotEqual(code, 0, "/usr shares the bound")
        guest.shell("rm /tmp/fill; sync")
        self.assertEqual(self.client.stats("disk")["disk_total"], 64 * MIB)

    def test_small_files_count_too(self):
        guest = self.wall("inodes", disk=8 * MIB)
        code, _, output = guest.run(["/usr/bin/python3", "-c", "\nfor i in range(100000):\n with open('/tmp/%d' % i, 'w') as f: f.write('x' * 3000)"])
        self.assertNotEqual(code, 0)
        self.assertRegex(output, "No space left|Disk quota exceeded")

    def test_used_disk_is_reported(self):
        guest = self.wall("used", disk=64 * MIB)
        guest.shell("head -c 20M /dev/urandom > /tmp/f; sync")
        eventually(lambda: self.client.stats("used")["disk"] >= 16 * MIB, "the use is seen")

    def test_descriptors_are_bounded(self):
        guest = self.wall("fds")
        self.assertEqual(guest.shell("ulimit -Sn; ulimit -c; ulimit -l"), "1024\n0\n64")
        code, _, output = guest.run(["/usr/bin/python3", "-c", "f=[]\nwhile True: f.append(open('/dev/null'))"])
        self.assertNotEqual(code, 0)
        self.assertIn("Too many open files", output)

    def share(self, id, guest, seconds):
        """CPU seconds per second of one busy loop."""
        loop = guest.start(["/bin/sh", "-c", "while :; do :; done"])
        del loop
        start, used = time.monotonic(), self.client.stats(id)["cpu"]
        end = start + seconds
        while time.monotonic() < end:
            time.sleep(0.05)
        used = self.client.stats(id)["cpu"] - used
        return used / 1e6 / (time.monotonic() - start)

    def test_a_tenth_of_a_core_is_never_exceeded(self):
        guest = self.wall("tenth", cpu=100)
        self.assertLessEqual(self.share("tenth", guest, 4), 0.12)
        self.assertGreater(self.client.stats("tenth")["throttled"], 0)
        self.client.resize("tenth", cpu=500, memory=256 * MIB, pids=64)
        before, start = self.client.stats("tenth")["cpu"], time.monotonic()
        # A loaded machine may give less than the quota, so the wait is for the work, not for a time.
        eventually(lambda: self.client.stats("tenth")["cpu"] - before > 300000, "work after the resize")
        self.assertLessEqual((self.client.stats("tenth")["cpu"] - before) / 1e6 / (time.monotonic() - start), 0.65)

    def test_a_frozen_wall_uses_no_cpu(self):
        guest = self.wall("still")
        guest.start(["/bin/sh", "-c", "while :; do :; done"])
        eventually(lambda: self.client.stats("still")["cpu"] > 50000, "the loop runs")
        self.client.freeze("still")
        before = self.client.stats("still")["cpu"]
        time.sleep(0.3)
        self.assertEqual(self.client.stats("still")["cpu"], before)
        usage = self.client.usage("still")
        self.assertEqual(usage["cpu"], before)
        self.assertGreater(usage["memory"], 0)
        self.client.thaw("still")
        eventually(lambda: self.client.stats("still")["cpu"] > before, "the loop goes on")

    def test_a_frozen_wall_can_be_destroyed(self):
        self.wall("cold")
        self.client.freeze("cold")
        self.client.destroy("cold")
        self.assertNotIn("cold", self.client.list())

    def test_what_was_used_is_told_after_the_end_and_not_of_what_is_gone(self):
        self.wall("spent")
        before = self.client.usage("spent")["cpu"]
        self.assertGreater(before, 0)
        self.client.kill("spent")
        eventually(lambda: self.client.list()["spent"][1] == 3, "it ends")
        self.assertGreaterEqual(self.client.usage("spent")["cpu"], before)
        self.client.destroy("spent")
        with self.assertRaises(Refused) as refused:
            self.client.usage("spent")
        self.assertEqual(refused.exception.errno, errno.ENOENT)

    def test_little_of_the_spawner_is_copied_for_each_wall(self):
        """Each wall's first process is a copy of the spawner: pages that it has touched are paid for with each wall."""
        self.wall("copied")
        for pid in self.spawner.pids():
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                anonymous = next(int(line.split()[1]) for line in file if line.startswith("Anonymous:"))
            self.assertLess(anonymous, 1024, "KiB")

    def test_memory_can_be_resized_both_ways(self):
        guest = self.wall("resize", memory=64 * MIB)
        take = "b=bytearray(100<<20)\nfor i in range(0,len(b),4096): b[i]=1\nprint('ok')"
        self.assertEqual(guest.run(["/usr/bin/python3", "-c", take])[1], 9)
        self.client.resize("resize", memory=256 * MIB)
        self.assertEqual(guest.run(["/usr/bin/python3", "-c", take])[2].strip(), "ok")
        self.client.resize("resize", memory=64 * MIB)
        self.assertEqual(self.client.stats("resize")["limit"], 64 * MIB)

    def test_a_limit_below_the_use_is_busy_and_changes_nothing(self):
        guest = self.wall("busy", memory=256 * MIB)
        guest.start(["/usr/bin/python3", "-c", "import time\nb=bytearray(100<<20)\nfor i in range(0,len(b),4096): b[i]=1\ntime.sleep(1000)"])
        eventually(lambda: self.client.stats("busy")["memory"] > 100 * MIB, "the memory is in use")
        with self.assertRaises(Refused) as caught:
            self.client.resize("busy", cpu=200, memory=32 * MIB)
        self.assertEqual(caught.exception.errno, errno.EBUSY)
        self.assertEqual(self.client.stats("busy")["limit"], 256 * MIB)
        self.assertEqual(self.client.stats("busy")["oom"], 0)

    def test_pids_can_be_resized(self):
        guest = self.wall("pids", pids=8)
        self.assertIn("Resource temporarily unavailable", guest.run(["/usr/bin/python3", "-c", FORKS % 20])[2])
        self.client.resize("pids", pids=64)
        self.assertEqual(guest.run(["/usr/bin/python3", "-c", FORKS % 20])[2], "")

    def test_io_is_counted_where_the_host_counts_it(self):
        if "io-statistics" not in self.client.ping()["features"]:
            self.skipTest("this host counts no I/O per cgroup")
        self.assertGreaterEqual(self.client.stats("neighbour")["write"], 0)


class LimitsOnTmpfs(Limits):
    LAYERS = "tmpfs"
