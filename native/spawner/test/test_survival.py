"""Nothing is left behind, whatever fails; killed spawners and supervisors lose no wall."""
import errno
import os
import random
import re
import signal
import subprocess
import tempfile
import threading
import unittest

from spawner import Client, Guest, Refused, Spawner, eventually
from wire import Closed

HERE = os.path.dirname(os.path.abspath(__file__))


def child_steps(table="steps"):
    """The names in one of the tables of steps."""
    with open(os.path.join(HERE, "..", "src", "child.c")) as file:
        text = file.read()
    begin = text.index("struct step %s[] = {" % table)
    return re.findall(r'^    \{"([a-z-]+)", [a-z_]+\},$', text[begin:text.index("};", begin)], re.M)


OWN_STEPS = ["make-cgroup", "make-layer", "clone", "limit-cgroup", "limit-layer", "bind-socket", "send-request"]


class Census:
    """What a spawner holds: cgroups, layers, files, descriptors, processes, mounts."""

    def __init__(self, spawner):
        self.spawner = spawner

    def take(self):
        pid, _ = self.spawner.pids()
        counts = {"fds": len(os.listdir("/proc/%d/fd" % pid))}
        for name in sorted(os.listdir("/sys/fs/cgroup")):
            path = "/sys/fs/cgroup/%s/tinyvm-%d" % (name, self.spawner.block)
            if os.path.isdir(path):
                counts[name] = sum(1 for entry in os.scandir(path) if entry.is_dir())
        with open("/proc/%d/mountinfo" % pid) as file:
            counts["mounts"] = len(file.readlines())
        counts["vms"] = os.listdir(os.path.join(self.spawner.run, "vms"))
        root = "/proc/%d/root" % pid
        counts["state"] = os.listdir(root + "/fast/state")
        counts["layers"] = len(os.listdir(root + "/pool"))
        uids = 0
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                uids += self.spawner.uid <= os.stat("/proc/" + entry).st_uid < self.spawner.uid + (1 << 28)
            except OSError:
                pass
        counts["processes"] = uids
        return counts


class NothingIsLeft(unittest.TestCase):
    def test_after_create_and_destroy(self):
        with Spawner(blanks=0) as spawner, spawner.client() as client:
            client.create("warm")  # makes the slot's user namespace, which stays for the next wall
            client.destroy("warm")
            census = Census(spawner)
            before = census.take()
            for i in range(50):
                client.create("w%d" % i)
                client.destroy("w%d" % i)
            eventually(lambda: census.take() == before, "all as before")

    def test_after_a_failure_at_every_step(self):
        steps = child_steps()
        self.assertIn("install-seccomp", steps)
        with Spawner(program="tinyvm-spawner-test", blanks=0) as spawner, spawner.client() as client:
            census = Census(spawner)
            for step in steps + OWN_STEPS:
                with self.subTest(step):
                    self.fail_at(spawner, step)
                    for _ in range(3):
                        with self.assertRaises(Refused) as caught:
                            client.create("broken")
                        self.assertEqual((caught.exception.errno, caught.exception.step), (errno.EIO, step))
                    self.assertEqual(client.list(), {})
                    counts = census.take()
                    self.assertEqual((counts["vms"], counts["state"], counts["layers"], counts["processes"]), ([], [], 0, 0))
                    self.assertEqual({counts[k] for k in counts if k in ("cpu", "memory", "pids", "freezer")} - {0}, set())
            self.fail_at(spawner, "nothing")
            client.create("whole")

    def fail_at(self, spawner, step):
        with open(os.path.join(spawner.run, "fail-step"), "w") as file:
            file.write(step)

    def test_when_blank_walls_cannot_be_made(self):
        with Spawner(program="tinyvm-spawner-test", blanks=2) as spawner, spawner.client() as client:
            self.fail_at(spawner, "unshare")
            for _ in range(20):
                try:  # the blank walls that exist already still serve
                    client.create("broken")
                    client.destroy("broken")
                except Refused as refused:
                    self.assertEqual(refused.step, "unshare")
            with self.assertRaises(Refused):
                client.create("broken")
            self.fail_at(spawner, "nothing")
            client.create("whole")

    def test_a_guest_that_ends_at_once_is_an_event_not_a_leak(self):
        with tempfile.TemporaryDirectory() as directory:
            source, program = directory + "/g.c", directory + "/g"
            with open(source, "w") as file:
                file.write("int main(void) { return 7; }\n")
            subprocess.run(["cc", "-static", "-o", program, source], check=True)
            with Spawner(guest=program) as spawner, spawner.client() as client, spawner.client() as watcher:
                watcher.subscribe()
                client.create("brief")
                self.assertEqual(watcher.next_event(lambda e: e[1] == "brief")[:3], (1, "brief", 7 << 8))
                self.assertEqual(client.list()["brief"][:2], (0, 3))
                client.destroy("brief")

    def test_an_image_that_appears_in_no_directory_leaves_nothing(self):
        with Spawner(blanks=0) as spawner, spawner.client() as client:
            with self.assertRaises(Refused) as caught:
                client.create("x", image="missing")
            self.assertEqual(caught.exception.errno, errno.ENOENT)
            self.assertEqual(Census(spawner).take()["vms"], [])

    def test_quit_ends_running_frozen_and_blank_walls(self):
        spawner = Spawner()
        with spawner.client() as client:
            for i in range(5):
                client.create("w%d" % i)
            client.freeze("w3")
            pid = client.list()["w1"][0]
        spawner.stop()  # looks for remains
        self.assertEqual(spawner.process.returncode, 0)
        self.assertFalse(os.path.exists("/proc/%d" % pid))

    def test_sigterm_is_an_orderly_end(self):
        for which in (0, 1):
            spawner = Spawner()
            with spawner.client() as client:
                client.create("w")
            os.kill(spawner.pids()[which], signal.SIGTERM)
            spawner.process.wait(30)
            spawner.stop()

    def test_the_claim_is_given_back(self):
        with Spawner(blanks=0) as spawner:
            path = "/run/tinyvm/uids/%d" % spawner.block
            with open(path) as file:
                self.assertEqual(file.read(), spawner.run)
        self.assertFalse(os.path.exists(path))


class Survival(unittest.TestCase):
    def setUp(self):
        self.spawner = Spawner()
        self.addCleanup(self.spawner.stop)

    def connect(self):
        """A client that works; waits for a spawner that is being replaced."""
        def attempt():
            try:
                client = self.spawner.client()
                client.ping()
                return client
            except (OSError, Closed):
                return None
        return eventually(attempt, "a spawner answers")

    def kill(self, which):
        pid = eventually(lambda: self.spawner.pids()[which], "it runs")
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: self.spawner.pids()[which] not in (None, pid), "another one runs")

    def check_wall(self, client, id, expected):
        self.assertEqual(client.list()[id], expected)
        with Guest(expected[2]) as guest:
            self.assertEqual(guest.shell("cat /tmp/mark"), id)

    def test_walls_survive_the_spawner(self):
        with self.connect() as client:
            for id in ("a", "b"):
                _, path = client.create(id)
                with Guest(path) as guest:
                    guest.shell("echo %s > /tmp/mark" % id)
            client.freeze("b")
            before = client.list()
        for _ in range(3):
            self.kill(0)
        with self.connect() as client:
            self.assertEqual(client.list(), before)
            client.thaw("b")
            for id in ("a", "b"):
                self.check_wall(client, id, (before[id][0], 1, before[id][2]))
            client.create("c")
            client.resize("a", cpu=200)
            client.destroy("a")
            self.assertEqual(sorted(client.list()), ["b", "c"])

    def test_walls_survive_the_supervisor_and_then_the_spawner(self):
        with self.connect() as client:
            _, path = client.create("a")
            with Guest(path) as guest:
                guest.shell("echo a > /tmp/mark")
            before = client.list()
            self.kill(1)
            self.assertEqual(client.list(), before)
        for which in (0, 1, 1, 0):
            self.kill(which)
        with self.connect() as client:
            self.check_wall(client, "a", before["a"])

    def test_walls_survive_both(self):
        with self.connect() as client:
            _, path = client.create("a", cpu=500)
            with Guest(path) as guest:
                guest.shell("echo a > /tmp/mark; head -c 3M /dev/urandom > /tmp/data; sha1sum /tmp/data > /tmp/sum")
            before, uid = client.list(), self.spawner.uid
        for pid in sorted(self.spawner.pids()):
            os.kill(pid, signal.SIGSTOP)
        for pid in self.spawner.pids():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: self.spawner.pids() == (None, None), "both are gone")
        self.spawner.process.wait(30)
        self.spawner.process.stderr.close()
        self.again = Spawner(dir=self.spawner.dir)
        self.spawner.process = self.again.process
        self.assertTrue(self.again.ready.startswith(b"ready"), self.again.ready)
        self.assertEqual(self.again.uid, uid)
        with self.connect() as client:
            self.check_wall(client, "a", before["a"])
            with Guest(before["a"][2]) as guest:
                guest.shell("sha1sum -c /tmp/sum && head -c 3M /dev/urandom > /tmp/more")
            client.create("b")
            client.destroy("a")
            self.assertEqual(list(client.list()), ["b"])

    def test_a_wall_that_ends_while_nobody_serves_is_found_ended(self):
        with self.connect() as client:
            pid, _ = client.create("a")
        spawner = self.spawner.pids()[0]
        os.kill(spawner, signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)
        os.kill(spawner, signal.SIGKILL)
        with self.connect() as client:
            eventually(lambda: client.list()["a"][:2] == (0, 3), "it is seen to have ended")
            client.destroy("a")

    def test_an_adopted_walls_end_is_an_event(self):
        with self.connect() as client:
            pid, _ = client.create("a")
        self.kill(0)
        with self.connect() as client:
            client.subscribe()
            os.kill(pid, signal.SIGKILL)
            event = client.next_event(lambda e: e[1] == "a")
            self.assertIn(event[2], (9, -1))

    def test_kills_at_random_moments_lose_and_leak_nothing(self):
        dice = random.Random(7)
        kept, problems, stop = {}, [], threading.Event()

        def work():
            count = 0
            while not stop.is_set():
                try:
                    with Client(self.spawner.socket) as client:
                        while not stop.is_set():
                            id = "r%d" % count
                            if id not in client.list():
                                client.create(id)
                            kept[id] = client.list()[id][0]
                            count += 1
                            if count > 6:
                                client.destroy("r%d" % (count - 6))
                                kept.pop("r%d" % (count - 6), None)
                except (OSError, Closed):
                    continue
                except Refused as error:
                    if error.errno not in (errno.EEXIST, errno.ECANCELED):
                        problems.append(error)
                        return
                    continue

        worker = threading.Thread(target=work)
        worker.start()
        try:
            for _ in range(12):
                stop.wait(dice.random() * 0.3)
                self.kill(dice.randrange(2))
        finally:
            stop.set()
            worker.join()
        self.assertEqual(problems, [])
        eventually(lambda: sorted(name for name, _ in self.spawner.family()) == ["tinyvm-spawner", "tinyvm-superv"],
                   "one spawner and one supervisor")
        with self.connect() as client:
            now = client.list()
            for id, pid in kept.items():
                if id in now:
                    self.assertEqual(now[id][:2], (pid, 1), id)
            self.assertGreaterEqual(len(now), min(3, len(kept)))
            for id in list(now):
                client.destroy(id)
            census = Census(self.spawner)
            eventually(lambda: census.take()["vms"] == [] and census.take()["state"] == [], "nothing is left")
