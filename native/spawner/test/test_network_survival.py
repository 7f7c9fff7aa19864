"""Routed interfaces: nothing is left behind whatever fails, and killed spawners lose none."""
import errno
import os
import random
import re
import signal
import subprocess
import sys
import threading
import unittest

from outside import DELRULE, DELTABLE, Outside, change_table, forwarding, ip, links, tables, try_inside
from spawner import Guest, Refused, Spawner, eventually, rule
from test_runtimes import find, options
from wire import Closed

HERE = os.path.dirname(os.path.abspath(__file__))
EVERYWHERE = rule("0.0.0.0/0")


def attach_steps():
    with open(os.path.join(HERE, "..", "src", "network.c")) as file:
        steps = re.findall(r'step\("([a-z-]+)"', file.read())
    return [name for name in steps if name != "replace-rules"]


def network_remains(spawner):
    """What a spawner's interfaces leave on the host."""
    left = links("tvm%ds" % spawner.block)
    left += [name for name in tables() if name.startswith("tinyvm-%d" % spawner.block)]
    unified = "/sys/fs/cgroup/unified/tinyvm-%d" % spawner.block
    return left + (os.listdir(unified) if os.path.isdir(unified) else [])


class NothingIsLeft(unittest.TestCase):
    def setUp(self):
        self.outside = Outside()
        self.addCleanup(self.outside.stop)

    def start(self, *arguments, program="tinyvm-spawner-test"):
        spawner = Spawner(program=program, arguments=arguments, blanks=0)
        self.addCleanup(spawner.stop)
        client = spawner.client()
        self.addCleanup(client.close)
        return spawner, client

    def test_after_a_failed_attachment_at_every_step(self):
        spawner, client = self.start()
        steps = attach_steps()
        self.assertIn("raise-veth", steps)
        self.assertIn("enter-cgroup", steps)
        for neighbour in (False, True):
            if neighbour:  # one whose interface has to stay as it is
                client.create("other")
                client.network_attach("other", rule(self.outside.first + "/32", [80]))
            _, path = client.create("vm")
            before = network_remains(spawner)
            fds = len(os.listdir("/proc/%d/fd" % spawner.pids()[0]))
            with Guest(path) as guest:
                cgroup = guest.shell("cat /proc/self/cgroup")
                for step in steps:
                    with self.subTest(step, neighbour=neighbour):
                        with open(os.path.join(spawner.run, "fail-step"), "w") as file:
                            file.write(step)
                        for _ in range(2):
                            with self.assertRaises(Refused) as caught:
                                client.network_attach("vm", EVERYWHERE)
                            self.assertEqual((errno.EIO, step), (caught.exception.errno, caught.exception.step))
                        self.assertEqual(before, network_remains(spawner))
                        self.assertEqual("lo", guest.shell("tail -n +3 /proc/net/dev | cut -d: -f1"))
                        self.assertEqual(cgroup, guest.shell("cat /proc/self/cgroup"))
                        self.assertLessEqual(len(os.listdir("/proc/%d/fd" % spawner.pids()[0])), fds + 2)
                os.unlink(file.name)
                client.network_attach("vm", rule(self.outside.first + "/32", [81]))
                self.assertIn("ok", try_inside(guest, "tcp", self.outside.first, 81))
            if neighbour:
                with Guest(client.list()["other"][2]) as guest:
                    self.assertIn("ok", try_inside(guest, "tcp", self.outside.first, 80))
            client.destroy("vm")
        client.destroy("other")
        self.assertEqual([], network_remains(spawner))
        self.assert_closed()

    def assert_closed(self):
        """Forwarding is off again, unless another TinyVM on this machine has an interface just now."""
        eventually(lambda: forwarding(self.outside.link) == "0" or links("tvm"), "forwarding is off again")

    def test_after_detach_destroy_kill_and_quit(self):
        spawner, client = self.start(program="tinyvm-spawner")
        self.assertEqual("0", forwarding(self.outside.link))
        for i in range(4):
            client.create("vm%d" % i)
            client.network_attach("vm%d" % i, EVERYWHERE)
        self.assertEqual("1", forwarding(self.outside.link))
        self.assertEqual(4, len(links("tvm%ds" % spawner.block)))
        client.network_detach("vm0")
        self.assertEqual(3, len(links("tvm%ds" % spawner.block)))
        client.freeze("vm1")
        client.destroy("vm1")
        self.assertEqual(2, len(links("tvm%ds" % spawner.block)))
        client.kill("vm2")
        eventually(lambda: len(links("tvm%ds" % spawner.block)) == 1, "the interface goes with the namespace")
        client.destroy("vm2")
        client.quit()
        eventually(lambda: not network_remains(spawner), "nothing is left")
        self.assert_closed()

    def test_others_interfaces_and_addresses_are_left_alone(self):
        spawner, client = self.start(program="tinyvm-spawner")
        other = "tvm0s7"  # no spawner has block 0
        ip("link", "add", other, "type", "veth", "peer", "name", self.outside.link[:13] + "x")
        self.addCleanup(subprocess.run, ["ip", "link", "del", other], capture_output=True)
        client.create("vm")
        client.network_attach("vm", EVERYWHERE)
        client.destroy("vm")
        self.assertEqual([other], links("tvm0s"))
        self.assertEqual("1", forwarding(self.outside.link), "somebody's interface still needs it")
        os.kill(spawner.pids()[0], signal.SIGKILL)
        eventually(lambda: self.answers(spawner), "the next one answers")
        self.assertEqual([other], links("tvm0s"))
        self.assertEqual("1", forwarding(self.outside.link))
        subprocess.run(["ip", "link", "del", other], check=True)

    def test_addresses_that_the_host_uses_are_skipped_and_the_last_one_is_told(self):
        network = "10.%d.%d" % (random.randrange(200, 250), random.randrange(256))
        ip("route", "add", "blackhole", network + ".4/31")
        self.addCleanup(subprocess.run, ["ip", "route", "del", "blackhole", network + ".4/31"], capture_output=True)
        spawner, client = self.start("--routed-pool", network + ".0/28", program="tinyvm-spawner")
        given = []
        for i in range(5):
            client.create("vm%d" % i)
            given.append(client.network_attach("vm%d" % i)[1])
        self.assertEqual(sorted("%s.%d/31" % (network, last) for last in (3, 7, 9, 11, 13)), sorted(given, key=lambda a: a))
        client.create("one-more")
        with self.assertRaises(Refused) as caught:
            client.network_attach("one-more")
        self.assertEqual((errno.EADDRNOTAVAIL, "pick-address"), (caught.exception.errno, caught.exception.step))
        client.network_detach("vm2")
        self.assertEqual(given[2], client.network_attach("one-more")[1])

    def test_without_a_pool_it_is_refused_in_words(self):
        spawner, client = self.start("--routed-pool", "none", program="tinyvm-spawner")
        self.assertIn("routed-missing:switched off by --routed-pool none", client.ping()["features"])
        client.create("vm")
        with self.assertRaises(Refused) as caught:
            client.network_attach("vm")
        self.assertEqual((errno.ENOSYS, "probe-network"), (caught.exception.errno, caught.exception.step))
        self.assertIn("--routed-pool", caught.exception.message)

    def answers(self, spawner):
        try:
            with spawner.client() as client:
                return client.ping()
        except (OSError, Closed):
            return None


class Runtimes(unittest.TestCase):
    def check(self, name):
        if find(name) is None:
            self.skipTest("%s is not installed" % name)
        with Outside() as o, Spawner(options(name)) as spawner, spawner.client() as client:
            _, path = client.create("vm", runtime=name)
            client.network_attach("vm", rule(o.first + "/32", [80]))
            with Guest(path) as guest:
                self.assertEqual("ok " + o.gateway, try_inside(guest, "tcp", o.first, 80))
                self.assertEqual("EPERM", try_inside(guest, "tcp", o.first, 81))
                client.network_rules("vm", rule(o.first + "/32", [81]))
                self.assertIn("ok", try_inside(guest, "tcp", o.first, 81))
                client.network_detach("vm")
                self.assertEqual("lo", guest.shell("tail -n +3 /proc/net/dev | cut -d: -f1"))
            client.network_attach("vm", EVERYWHERE)
            client.destroy("vm")
            self.assertEqual([], network_remains(spawner))

    def test_crun_is_like_the_own_wall(self):
        self.check("crun")

    def test_runc_is_like_the_own_wall(self):
        self.check("runc")

    def test_gvisor_is_refused_in_words(self):
        if find("runsc") is None:
            self.skipTest("runsc is not installed")
        with Spawner(options("runsc")) as spawner, spawner.client() as client:
            client.create("vm", runtime="runsc")
            with self.assertRaises(Refused) as caught:
                client.network_attach("vm")
            self.assertEqual((errno.EOPNOTSUPP, "enter-network"), (caught.exception.errno, caught.exception.step))
            self.assertEqual([], network_remains(spawner))


class Survival(unittest.TestCase):
    def setUp(self):
        self.outside = Outside()
        self.addCleanup(self.outside.stop)
        self.spawner = Spawner(blanks=0)
        self.addCleanup(self.spawner.stop)

    def connect(self):
        def attempt():
            try:
                client = self.spawner.client()
                client.ping()
                return client
            except (OSError, Closed):
                return None
        client = eventually(attempt, "a spawner answers")
        self.addCleanup(client.close)
        return client

    def kill_spawner(self):
        pid = eventually(lambda: self.spawner.pids()[0], "it runs")
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: self.spawner.pids()[0] not in (None, pid), "another one runs")

    def test_an_interface_outlives_the_spawner_with_rules_counts_and_address(self):
        o, client = self.outside, self.connect()
        _, path = client.create("vm")
        _, address, gateway, _ = client.network_attach("vm", rule(o.first + "/32", [80]))
        with Guest(path) as guest:
            try_inside(guest, "tcp", o.first, 80)
            try_inside(guest, "tcp", o.first, 81)
            before = client.network_stats("vm")
            self.kill_spawner()
            client = self.connect()
            self.assertEqual(before, client.network_stats("vm"))
            self.assertEqual("ok " + o.gateway, try_inside(guest, "tcp", o.first, 80))
            self.assertEqual("EPERM", try_inside(guest, "tcp", o.first, 81))
            client.network_rules("vm", rule(o.first + "/32", [81]))
            self.assertEqual("EPERM", try_inside(guest, "tcp", o.first, 80))
            self.assertIn("ok", try_inside(guest, "tcp", o.first, 81))
            self.assertEqual(before["refused"] + 2, client.network_stats("vm")["refused"])
            with self.assertRaises(Refused) as caught:
                client.network_attach("vm")
            self.assertEqual(errno.EEXIST, caught.exception.errno)
            client.create("next")
            self.assertNotEqual(address, client.network_attach("next")[1])
            client.destroy("next")
            client.network_detach("vm")
            self.assertEqual([], network_remains(self.spawner))
            self.assertIn(client.network_attach("vm")[0], "eth0")

    def test_a_firewall_that_is_flushed_is_made_anew(self):
        """`nft flush ruleset`, as nftables.service does it on reload, takes everybody's tables away."""
        o, client = self.outside, self.connect()
        table = "tinyvm-%d" % self.spawner.block
        walls = {id: client.create(id)[1] for id in ("one", "two")}
        for id in walls:
            client.network_attach(id, rule(o.first + "/32", [80]), EVERYWHERE if id == "two" else rule(o.second + "/32", deny=True))
        with Guest(walls["one"]) as one, Guest(walls["two"]) as two:
            try_inside(one, "tcp", o.first, 80)
            counted = client.network_stats("one")["out"]
            for kind in (DELTABLE, DELRULE):
                change_table(kind, table)
                client.ping()
                self.assertIn("ok", try_inside(one, "tcp", o.first, 80))
                self.assertEqual("ECONNREFUSED", try_inside(two, "tcp", o.gateway, 80), "the host is behind the first lock alone")
                self.assertIn("ok", try_inside(two, "tcp", o.second, 80))
                self.assertGreater(client.network_stats("one")["out"], counted)
            self.assertGreater(client.network_stats("one")["out"], 2 * counted, "counts go on")
            self.kill_spawner()
            client = self.connect()
            change_table(DELTABLE, table)  # this spawner was never given the lists
            eventually(lambda: not network_remains(self.spawner), "the interfaces are unplugged")
            self.assertEqual(0, client.network_stats("one")["attached"])
            client.network_attach("one", rule(o.first + "/32", [80]))
            self.assertIn("ok", try_inside(one, "tcp", o.first, 80))

    def test_a_wall_that_died_while_no_spawner_lived_leaves_no_interface(self):
        o, client = self.outside, self.connect()
        pid, _ = client.create("vm")
        _, path = client.create("next")
        client.network_attach("vm", EVERYWHERE)
        client.network_attach("next", rule(o.first + "/32", [80]))
        spawner, supervisor = self.spawner.pids()
        os.kill(supervisor, signal.SIGSTOP)  # so that it starts no spawner yet
        os.kill(spawner, signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: len(links("tvm%ds" % self.spawner.block)) == 1, "the wire goes with the namespace")
        os.kill(supervisor, signal.SIGCONT)
        client = self.connect()
        self.assertEqual(0, client.network_stats("vm")["attached"])
        with Guest(path) as guest:
            self.assertEqual("ok " + o.gateway, try_inside(guest, "tcp", o.first, 80))
        client.network_detach("next")
        self.assertEqual([], network_remains(self.spawner))

    def test_two_spawners_share_the_host(self):
        o, client = self.outside, self.connect()
        with Spawner(blanks=0) as other, other.client() as neighbour:
            _, path = client.create("vm")
            _, address, _, _ = client.network_attach("vm", EVERYWHERE)
            _, other_path = neighbour.create("vm")
            _, other_address, _, _ = neighbour.network_attach("vm", EVERYWHERE)
            self.assertNotEqual(address, other_address)
            with Guest(path) as guest, Guest(other_path) as theirs:
                guest.start(["python3", "-m", "http.server", "8000"])
                eventually(lambda: guest.shell("curl -s -o /dev/null -w %{http_code} http://127.0.0.1:8000/", check=False) == "200", "it serves")
                self.assertNotIn("ok", try_inside(theirs, "tcp", address.split("/")[0], 8000, 1.0))
                self.assertIn("ok", try_inside(theirs, "tcp", o.first, 80))
                client.network_detach("vm")
                self.assertEqual("1", forwarding(o.link))
                self.assertIn("ok", try_inside(theirs, "tcp", o.first, 80))
                client.network_attach("vm", EVERYWHERE)
                neighbour.quit()
                self.assertIn("ok", try_inside(guest, "tcp", o.first, 80))
            client.network_detach("vm")
        eventually(lambda: forwarding(o.link) == "0" or links("tvm"), "forwarding is off again")

    def test_kills_at_random_moments_leak_nothing_and_open_nothing(self):
        o = self.outside
        walls = ["w%d" % i for i in range(3)]
        client = self.connect()
        for id in walls:
            client.create(id)
        stop = threading.Event()

        def trouble(seed):
            dice = random.Random(seed)
            mine = None
            while not stop.is_set():
                try:
                    mine = mine or self.spawner.client()
                    id = dice.choice(walls)
                    choice = dice.randrange(4)
                    if choice < 2:
                        mine.network_attach(id, rule(o.first + "/32", [80]))
                    elif choice == 2:
                        mine.network_rules(id, rule(o.first + "/32", [80, 81]), rule(o.second + "/32", [80], deny=True))
                    else:
                        mine.network_detach(id)
                except Refused:
                    pass
                except (OSError, Closed):
                    mine = None
                    stop.wait(0.02)

        threads = [threading.Thread(target=trouble, args=(seed,)) for seed in range(2)]
        for thread in threads:
            thread.start()
        dice = random.Random(4)
        try:
            for _ in range(12):
                stop.wait(dice.uniform(0.25, 0.6))
                self.kill_spawner()
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        client = self.connect()
        for id in walls:
            with Guest(client.list()[id][2]) as guest:
                attached = client.network_stats(id)["attached"]
                self.assertEqual("eth0" if attached else "", guest.shell("tail -n +3 /proc/net/dev | cut -d: -f1 | grep -v lo; true").strip())
                self.assertNotIn("ok", try_inside(guest, "tcp", o.second, 80))
                if attached:
                    self.assertIn("ok", try_inside(guest, "tcp", o.first, 80))
                    client.network_detach(id)
                else:
                    self.assertEqual("ENETUNREACH", try_inside(guest, "tcp", o.first, 80))
                client.network_attach(id, rule(o.first + "/32", [80]))
                self.assertIn("ok", try_inside(guest, "tcp", o.first, 80))
            client.destroy(id)
        self.assertEqual([], network_remains(self.spawner))
        eventually(lambda: forwarding(o.link) == "0" or links("tvm"), "forwarding is off again")


if __name__ == "__main__":
    unittest.main()
