"""Walls that an OCI runtime makes: what holds for all of them, and what is refused."""
import os
import time
import unittest

from spawner import MIB, Guest, Refused, Spawner, eventually
from test_survival import child_steps

PLACES = ("/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin")


def find(name):
    for place in PLACES:
        path = os.path.join(place, name)
        if os.access(path, os.X_OK):
            return path
    return None


def options(*names):
    return [word for name in names for word in ("--runtime", "%s=%s" % (name, find(name)))]


class Runtime:
    """The tests of one runtime."""
    name = ""

    def setUp(self):
        if find(self.name) is None:
            self.skipTest("%s is not installed" % self.name)

    def test_it_is_on_offer_and_listed(self):
        with Spawner(options(self.name)) as spawner, spawner.client() as client:
            self.assertIn("runtime-" + self.name, client.ping()["features"])
            client.create("under", runtime=self.name)
            client.create("own")
            self.assertEqual(set(client.list()), {"under", "own"})
            self.assertEqual(client.runtimes, {"under": self.name, "own": ""})

    def test_commands_run_as_inside_every_wall(self):
        with Spawner(options(self.name)) as spawner, spawner.client() as client:
            _, path = client.create("vm", runtime=self.name, hostname="tiny")
            with Guest(path) as guest:
                self.assertEqual(guest.shell("id -un; hostname; cat /etc/hostname; echo $$ > /tmp/x; cat /proc/1/comm"),
                                 "user\ntiny\ntiny\nguest")
                self.assertEqual(guest.shell("id -u; grep -c . /etc/shadow > /dev/null && echo read", user="root"), "0\nread")
                self.assertIn("ermission denied", guest.shell("cat /etc/shadow", check=False))

    def test_limits_are_the_cgroups(self):
        with Spawner(options(self.name)) as spawner, spawner.client() as client:
            client.create("vm", runtime=self.name, memory=128 * MIB)
            self.assertEqual(client.stats("vm")["limit"], 128 * MIB)
            client.resize("vm", memory=192 * MIB)
            self.assertEqual(client.stats("vm")["limit"], 192 * MIB)
            client.freeze("vm")
            self.assertEqual(client.stats("vm")["frozen"], 1)
            before = client.stats("vm")["cpu"]
            time.sleep(0.3)
            self.assertEqual(client.stats("vm")["cpu"], before, "a frozen wall uses no processor")
            client.thaw("vm")

    def test_it_can_be_frozen_as_soon_as_it_is_there(self):
        with Spawner(options(self.name)) as spawner, spawner.client() as client:
            for i in range(8):
                client.create("vm-%d" % i, runtime=self.name)
                client.freeze("vm-%d" % i)

    def test_a_tenth_of_a_core_is_one_once_it_has_started(self):
        with Spawner(options(self.name)) as spawner, spawner.client() as client:
            pid, path = client.create("vm", runtime=self.name, cpu=100)
            with open("/proc/%d/cgroup" % pid) as file:
                paths = [line.strip().split(":", 2) for line in file]
            for _, controllers, group in paths:
                for root in ("/sys/fs/cgroup/cpu" if "cpu" in controllers.split(",") else None, "/sys/fs/cgroup" if not controllers else None):
                    quota = root and root + group + ("/cpu.cfs_quota_us" if controllers else "/cpu.max")
                    if quota and os.path.exists(quota):
                        with open(quota) as file:
                            self.assertEqual(int(file.read().split()[0]), 5000, "a tenth of the period of 50 ms")

    def test_the_disk_is_bounded(self):
        with Spawner(options(self.name)) as spawner, spawner.client() as client:
            _, path = client.create("vm", runtime=self.name, disk=8 * MIB)
            with Guest(path) as guest:
                said = guest.shell("dd if=/dev/zero of=/var/tmp/fill bs=1M count=64; sync; stat -c %s /var/tmp/fill", check=False)
                self.assertLessEqual(int(said.splitlines()[-1]), 8 * MIB, said)

    def test_everything_dies_with_the_first_process(self):
        with Spawner(options(self.name)) as spawner, spawner.client() as client:
            client.subscribe()
            pid, _ = client.create("vm", runtime=self.name)
            base = os.stat("/proc/%d" % pid).st_uid
            self.assertGreater(len(processes_of(base)), 1)
            os.kill(pid, 9)
            self.assertEqual(client.next_event(lambda e: e[:2] == (1, "vm"))[2], 9)
            eventually(lambda: not processes_of(base), "the end of every process")

    def test_nothing_is_left_when_a_step_fails(self):
        with Spawner(options(self.name), program="tinyvm-spawner-test") as spawner, spawner.client() as client:
            steps = [step for step in child_steps("runtime_steps") if step != "keep"]  # which never returns
            self.assertIn("start-runtime", steps)
            for step in steps + ["make-cgroup", "send-request"]:
                with open(os.path.join(spawner.run, "fail-step"), "w") as file:
                    file.write(step)
                with self.assertRaises(Refused) as caught:
                    client.create("vm", runtime=self.name)
                self.assertEqual(caught.exception.step, step)
                os.unlink(os.path.join(spawner.run, "fail-step"))
                self.assertEqual(client.list(), {})
                self.assertEqual([p for p in processes_of_block(spawner.uid) if "keeper" in comm(p)], [])
            client.create("vm", runtime=self.name)

    def test_walls_survive_the_spawner(self):
        with Spawner(options(self.name)) as spawner:
            with spawner.client() as client:
                _, path = client.create("vm", runtime=self.name)
            os.kill(spawner.pids()[0], 9)
            with eventually(lambda: connect(spawner), "the next spawner") as client:
                self.assertEqual(client.list()["vm"][1], 1)
                self.assertEqual(client.runtimes["vm"], self.name)
                with Guest(path) as guest:
                    self.assertEqual(guest.shell("echo alive"), "alive")

    def test_a_link_of_the_image_leads_nowhere(self):
        """/etc of the image is a link to the stage's own /bundle, where the runtime's configuration lies."""
        with Spawner(options(self.name)) as spawner, spawner.client() as client:
            root = os.path.join(spawner.images, "sly", "rootfs")
            for name in ("proc", "sys", "dev", "tmp", "usr", "run"):
                os.makedirs(os.path.join(root, name))
            os.symlink("/bundle", os.path.join(root, "etc"))
            try:
                client.create("vm", image="sly", runtime=self.name)
            except Refused as refused:
                self.assertNotIn("bundle/hostname", refused.message)
            client.destroy("vm")


class Crun(Runtime, unittest.TestCase):
    name = "crun"


class Runc(Runtime, unittest.TestCase):
    name = "runc"


class Runsc(Runtime, unittest.TestCase):
    name = "runsc"

    def test_the_right_to_name_the_machine_is_the_guests_alone(self):
        """CAP_SYS_ADMIN inside the sandbox: permitted to PID 1, in effect for nobody, out of reach for root's commands."""
        def capabilities(text):
            return {line.split(":")[0]: bool(int(line.split()[1], 16) >> 21 & 1) for line in text.splitlines()}
        with Spawner(options(self.name)) as spawner, spawner.client() as client:
            _, path = client.create("vm", runtime=self.name)
            with Guest(path) as guest:
                guest.identify("named")
                self.assertEqual(guest.shell("hostname"), "named")
                mine = capabilities(guest.shell("grep -E 'Cap(Inh|Prm|Eff|Bnd)' /proc/self/status", user="root"))
                self.assertEqual(set(mine.values()), {False}, mine)
                first = capabilities(guest.shell("grep -E 'Cap(Eff|Bnd)' /proc/1/status", user="root"))
                self.assertEqual(set(first.values()), {False}, first)
                self.assertNotEqual(guest.run(["/bin/hostname", "taken"], user="root")[0], 0)
                guest.identify("again")
                self.assertEqual(guest.shell("hostname"), "again")


class Refusals(unittest.TestCase):
    def test_a_runtime_that_is_not_on_offer(self):
        with Spawner() as spawner, spawner.client() as client:
            with self.assertRaises(Refused) as caught:
                client.create("vm", runtime="crun")
            self.assertEqual(caught.exception.step, "find-runtime")
            self.assertEqual(client.list(), {})

    def test_a_runtime_that_nobody_knows(self):
        with Spawner() as spawner, spawner.client() as client:
            for name in ("", "sh", "/bin/sh", "crun\x01", "runscrunsc", "x" * 4000):
                with self.assertRaises(Refused) as caught:
                    client.create("vm", runtime=name)
                self.assertEqual(caught.exception.step, "validate-runtime")

    def test_a_program_that_others_may_write_is_no_runtime(self):
        path = "/tmp/tinyvm-runtime-%d" % os.getpid()
        with open(path, "w") as file:
            file.write("#!/bin/sh\n")
        try:
            for mode, owner in ((0o777, 0), (0o755, 1000), (0o644, 0)):
                os.chmod(path, mode)
                os.chown(path, owner, 0)
                with Spawner(["--runtime", "crun=" + path]) as spawner:
                    self.assertEqual(spawner.process.returncode, 64)
        finally:
            os.unlink(path)

    def test_a_runtime_that_fails_says_why_and_leaves_nothing(self):
        path = "/usr/local/bin/tinyvm-runtime-%d" % os.getpid()
        with open(path, "w") as file:
            file.write('#!/bin/sh\nwhile [ "$1" != --log ]; do shift; done\necho "first" > "$2"\nprintf "no\\001good" >> "$2"\nexit 3\n')
        os.chmod(path, 0o755)
        try:
            with Spawner(["--runtime", "crun=" + path]) as spawner, spawner.client() as client:
                with self.assertRaises(Refused) as caught:
                    client.create("vm", runtime="crun")
                self.assertEqual(caught.exception.step, "start-runtime")
                self.assertIn("crun ended with 3: no?good", caught.exception.message)
                self.assertEqual(client.list(), {})
        finally:
            os.unlink(path)

    def test_a_target_that_is_not_utf8(self):
        if find("crun") is None:
            self.skipTest("crun is not installed")
        with Spawner(options("crun") + ["--allow-volume", "/usr/share"]) as spawner, spawner.client() as client:
            with self.assertRaises(Refused) as caught:
                client.create("vm", runtime="crun", mounts=[("/usr/share", b"/data\xff", 1)])
            self.assertEqual((caught.exception.step, caught.exception.errno), ("validate-mount", 22))


def connect(spawner):
    try:
        client = spawner.client()
    except OSError:
        return None
    try:
        client.ping()
        return client
    except Exception:
        client.close()
        return None


def comm(pid):
    try:
        with open("/proc/%d/comm" % pid) as file:
            return file.read().strip()
    except OSError:
        return ""


def processes_of_block(low):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if low <= os.stat("/proc/" + pid).st_uid < low + (1 << 28):
                found.append(int(pid))
        except OSError:
            pass
    return found


def processes_of(base):
    """Processes of the uid range that starts at base."""
    return [p for p in processes_of_block(base) if uid(p) < base + 65536]


def uid(pid):
    try:
        return os.stat("/proc/%d" % pid).st_uid
    except OSError:
        return 1 << 32
