"""Routed interfaces: what passes, what does not, and that each of the two locks holds alone."""
import errno
import os
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

from outside import Outside, ip, links, tables, try_inside
from spawner import BOTH, TCP, UDP, Guest, Refused, Spawner, eventually, rule

EVERYWHERE = rule("0.0.0.0/0")

# Sends one UDP datagram with a source address of the caller's choice; run in the Tiny VM's network namespace by root.
RAW = r"""
import socket, struct, sys
source, target, port, text = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4].encode()
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
udp = struct.pack(">HHHH", 5353, port, 8 + len(text), 0) + text
s.sendto(struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 7, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(target)) + udp, (target, 0))
"""

# Holds a flow open: prints the greeting's end, then for each line on a pipe sends and tells what came of it.
FLOW = r"""
import errno, os, socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
s.recv(4096)
open("/tmp/up", "w").close()
end = time.time() + 10
while not os.path.exists("/tmp/go"):
    time.sleep(0.01)
s.settimeout(3)
try:
    s.sendall(b"more")
    print("ok" if s.recv(4096) == b"more" else "closed")
except socket.timeout:
    print("ETIMEDOUT")
except OSError as e:
    print(errno.errorcode[e.errno])
"""


class World(unittest.TestCase):
    """One outside and one spawner for all tests of a class."""

    program = "tinyvm-spawner-test"
    arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.outside = Outside()
        cls.addClassCleanup(cls.outside.stop)
        cls.spawner = Spawner(program=cls.program, arguments=cls.arguments, blanks=1)
        cls.addClassCleanup(cls.spawner.stop)
        cls.client = cls.spawner.client()
        cls.addClassCleanup(cls.client.close)
        cls.number = 0

    def fail_step(self, name):
        with open(os.path.join(self.spawner.run, "fail-step"), "w") as file:
            file.write(name)
        self.addCleanup(lambda: os.path.exists(file.name) and os.unlink(file.name))

    def vm(self, *rules, filter=True, attach=True):
        """A wall with an interface: (id, guest). filter=False: only the first lock is there."""
        type(self).number += 1
        id = "n%d" % self.number
        pid, path = self.client.create(id)
        self.addCleanup(self.client.destroy, id)
        guest = Guest(path)
        self.addCleanup(guest.close)
        self.pid = pid
        if attach:
            if not filter:
                self.fail_step("skip-filter")
            name, self.address, self.gateway, has = self.client.network_attach(id, *rules)
            if not filter:
                os.unlink(os.path.join(self.spawner.run, "fail-step"))
            self.assertEqual(("eth0", filter), (name, bool(has)))
            self.address = self.address.split("/")[0]
        return id, guest


class BothLocks(World):
    def test_the_host_tells_that_it_can(self):
        features = self.client.ping()["features"]
        self.assertIn("routed", features)
        self.assertIn("connect-filter", features)

    def test_only_what_a_rule_names_is_reached(self):
        o = self.outside
        _, guest = self.vm(rule(o.first + "/32", [80], TCP), rule(o.second + "/32", [(81, 81)], UDP))
        seen = "ok %s" % o.gateway  # the host's own address: NAT
        self.assertEqual(seen, try_inside(guest, "tcp", o.first, 80))
        self.assertEqual(seen, try_inside(guest, "udp", o.second, 81))
        for kind, host, port in (("tcp", o.first, 81), ("udp", o.first, 80), ("tcp", o.second, 80), ("tcp", o.second, 81),
                                 ("udp", o.second, 80), ("connected-udp", o.second, 80)):
            self.assertEqual("EPERM", try_inside(guest, kind, host, port), (kind, host, port))

    def test_the_first_rule_that_matches_decides(self):
        o = self.outside
        _, guest = self.vm(rule(o.first + "/32", [80]), rule(o.first + "/32", deny=True), rule(o.network))
        self.assertIn("ok", try_inside(guest, "tcp", o.first, 80))
        self.assertEqual("EPERM", try_inside(guest, "tcp", o.first, 81))
        self.assertIn("ok", try_inside(guest, "tcp", o.second, 81))

    def test_loopback_inside_stays_open_and_v6_is_refused(self):
        o = self.outside
        _, guest = self.vm(rule(o.first + "/32", [80]), rule("::/0"))
        guest.start(["python3", "-m", "http.server", "4000", "--bind", "::"])
        for host in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"):
            eventually(lambda: guest.shell("curl -s -o /dev/null -w %%{http_code} 'http://[%s]:4000/'" % host if ":" in host else
                                           "curl -s -o /dev/null -w %%{http_code} http://%s:4000/" % host, check=False) == "200", host)
        self.assertIn("ok", try_inside(guest, "tcp", "::ffff:" + o.first, 80))
        self.assertEqual("EPERM", try_inside(guest, "tcp", "::ffff:" + o.first, 81))
        self.assertEqual("EPERM", try_inside(guest, "udp", "::ffff:" + o.first, 81))
        self.assertEqual("EPERM", try_inside(guest, "tcp", "2001:db8::1", 80))
        self.assertEqual("EPERM", try_inside(guest, "udp", "2001:db8::1", 80))
        self.assertNotIn("fe80", guest.shell("cat /proc/net/if_inet6"))

    def test_counts_are_told(self):
        o = self.outside
        id, guest = self.vm(rule(o.first + "/32", [80]))
        self.assertEqual(dict.fromkeys(("attached", "out", "in", "allowed", "refused", "dropped"), 0) | {"attached": 1},
                         self.client.network_stats(id))
        try_inside(guest, "tcp", o.first, 80)
        try_inside(guest, "tcp", o.first, 81)
        stats = self.client.network_stats(id)
        self.assertEqual((1, 1, 1), (stats["attached"], stats["allowed"], stats["refused"]))
        self.assertGreater(stats["out"], 100)
        self.assertGreater(stats["in"], 100)
        self.client.network_detach(id)
        self.assertEqual(0, sum(self.client.network_stats(id).values()))

    def test_a_frozen_wall_can_be_attached(self):
        o = self.outside
        id, guest = self.vm(attach=False)
        self.client.freeze(id)
        self.client.network_attach(id, rule(o.first + "/32", [80]))
        self.assertTrue(self.client.stats(id)["frozen"])
        self.client.thaw(id)
        self.assertIn("ok", try_inside(guest, "tcp", o.first, 80))
        self.assertEqual("EPERM", try_inside(guest, "tcp", o.first, 81))

    def test_attach_and_detach_are_refused_or_repeated_as_the_protocol_says(self):
        id, guest = self.vm()
        with self.assertRaises(Refused) as caught:
            self.client.network_attach(id)
        self.assertEqual(errno.EEXIST, caught.exception.errno)
        self.client.network_detach(id)
        self.client.network_detach(id)
        self.client.network_detach("nobody")
        self.assertEqual("lo", guest.shell("tail -n +3 /proc/net/dev | cut -d: -f1"))
        with self.assertRaises(Refused) as caught:
            self.client.network_rules(id)
        self.assertEqual((errno.ENOENT, "find-interface"), (caught.exception.errno, caught.exception.step))
        with self.assertRaises(Refused) as caught:
            self.client.network_attach("nobody")
        self.assertEqual(errno.ENOENT, caught.exception.errno)
        self.client.kill(id)
        eventually(lambda: self.client.list()[id][1] == 3, "it has ended")
        with self.assertRaises(Refused) as caught:
            self.client.network_attach(id)
        self.assertEqual(errno.ESRCH, caught.exception.errno)

    def test_rules_out_of_range_are_refused_by_name(self):
        id, _ = self.vm()
        whole = rule("10.0.0.0/8", [80])
        for at, value in ((0, 2), (1, 5), (2, 1), (18, 33), (len(whole) - 1, 0), (len(whole) - 1, 4)):
            bad = bytearray(whole)
            bad[at] = value
            with self.assertRaises(Refused) as caught:
                self.client.network_rules(id, bytes(bad))
            self.assertEqual((errno.EINVAL, "validate-rule"), (caught.exception.errno, caught.exception.step))
        for bad in ([rule("10.0.0.0/8", [(80, 79)])], [rule("10.0.0.0/8", [(0, 1)])], [rule("10.0.0.0/8", [1] * 9)], [whole] * 1025):
            with self.assertRaises(Refused) as caught:
                self.client.network_rules(id, *bad)
            self.assertEqual((errno.EINVAL, "validate-rule"), (caught.exception.errno, caught.exception.step))

    def test_lists_of_every_shape_are_taken_by_both_locks(self):
        o = self.outside
        id, guest = self.vm()
        self.assertEqual("EPERM", try_inside(guest, "tcp", o.first, 80))
        for rules, passes in (([EVERYWHERE], True), ([EVERYWHERE, rule(o.network)], True), ([rule("0.0.0.0/0", deny=True), EVERYWHERE], False),
                              ([rule("0.0.0.0/0", protocols=TCP)], True), ([rule("0.0.0.0/0", protocols=UDP)], False),
                              ([rule("0.0.0.0/0", [(1, 65535)])], True), ([rule("0.0.0.0/0", [80, (1, 65535), 80])], True),
                              ([rule("0.0.0.0/1"), rule("128.0.0.0/1")], True), ([rule("::/0"), rule("::/0", deny=True)], False), ([], False)):
            self.client.network_rules(id, *rules)
            self.assertEqual(passes, "ok" in try_inside(guest, "tcp", o.first, 80), rules)

    def test_the_longest_list_works(self):
        o = self.outside
        filler = [rule("10.%d.%d.0/24" % (i >> 8, i & 255), [(p, p + 1) for p in range(1, 17, 2)], TCP if i % 2 else UDP) for i in range(1023)]
        id, guest = self.vm(*filler, rule(o.first + "/32", [80]))
        self.assertIn("ok", try_inside(guest, "tcp", o.first, 80))
        self.assertEqual("EPERM", try_inside(guest, "tcp", o.first, 81))
        self.client.network_rules(id, rule(o.first + "/32", [81]), *filler)
        self.assertEqual("EPERM", try_inside(guest, "tcp", o.first, 80))
        self.assertIn("ok", try_inside(guest, "tcp", o.first, 81))


class FirstLock(World):
    """The connect filter is switched off: nf_tables alone."""

    def test_only_what_a_rule_names_is_reached_by_the_first_lock_alone(self):
        o = self.outside
        id, guest = self.vm(rule(o.first + "/32", [80], TCP), rule(o.second + "/32", [81], UDP), filter=False)
        seen = "ok %s" % o.gateway
        self.assertEqual(seen, try_inside(guest, "tcp", o.first, 80))
        self.assertEqual(seen, try_inside(guest, "udp", o.second, 81))
        self.assertEqual("ECONNREFUSED", try_inside(guest, "tcp", o.first, 81))
        self.assertEqual("ECONNREFUSED", try_inside(guest, "tcp", o.second, 81))
        self.assertNotIn("ok", try_inside(guest, "udp", o.first, 80))
        self.assertEqual([("hello", o.gateway)], o.datagrams())
        stats = self.client.network_stats(id)
        self.assertEqual((0, 0), (stats["allowed"], stats["refused"]))
        self.assertGreaterEqual(stats["dropped"], 3)

    def test_deny_rules_ports_and_prefixes(self):
        o = self.outside
        _, guest = self.vm(rule(o.second + "/32", [(81, 400)], deny=True), rule(o.network, [(80, 81), 443]), filter=False)
        for host, port, passes in ((o.first, 80, True), (o.first, 81, True), (o.first, 443, True), (o.second, 80, True),
                                   (o.second, 81, False), (o.second, 443, True)):
            self.assertEqual(passes, "ok" in try_inside(guest, "tcp", host, port), (host, port))

    def test_a_spoofed_source_is_dropped(self):
        o = self.outside
        id, _ = self.vm(EVERYWHERE, filter=False)
        raw = ["nsenter", "-t", str(self.pid), "-n", sys.executable, "-c", RAW]
        o.datagrams(0.05)
        for source in (o.second, self.gateway, "10.1.2.3", "127.0.0.1"):
            subprocess.run([*raw, source, o.first, "80", "spoofed"], check=True, timeout=10)
        self.assertEqual([], o.datagrams())
        self.assertEqual(4, self.client.network_stats(id)["dropped"])
        subprocess.run([*raw, self.address, o.first, "80", "honest"], check=True, timeout=10)
        self.assertEqual([("honest", o.gateway)], o.datagrams())

    def test_loopback_broadcast_and_multicast_are_dropped(self):
        id, _ = self.vm(EVERYWHERE, rule("127.0.0.1/32"), rule("255.255.255.255/32"), filter=False)
        raw = ["nsenter", "-t", str(self.pid), "-n"]
        subprocess.run([*raw, "ip", "route", "add", "multicast", "224.0.0.0/4", "dev", "eth0"], check=True)
        program = ("import socket;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.setsockopt(socket.SOL_SOCKET,socket.SO_BROADCAST,1);"
                   "s.sendto(b'x',('255.255.255.255',80));s.sendto(b'x',('224.0.0.251',5353));s.sendto(b'x',('239.1.1.1',80))")
        subprocess.run([*raw, sys.executable, "-c", program], check=True, timeout=10)
        self.assertEqual(3, self.client.network_stats(id)["dropped"])

    def test_headers_with_options_are_dropped(self):
        o = self.outside
        id, guest = self.vm(rule(o.first + "/32", [80]), filter=False)
        program = ("import socket;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.sendto(b'plain',('%s',80));"
                   "s.setsockopt(socket.IPPROTO_IP,socket.IP_OPTIONS,bytes(%r));s.sendto(b'routed',('%s',80))")
        o.datagrams(0.05)
        for options in ([1, 1, 1, 0], [131, 7, 4, *socket.inet_aton(o.second), 0]):  # no operation; a loose source route
            before = self.client.network_stats(id)["dropped"]
            subprocess.run(["nsenter", "-t", str(self.pid), "-n", sys.executable, "-c", program % (o.first, options, o.first)], check=True, timeout=10)
            self.assertEqual([("plain", o.gateway)], o.datagrams())
            self.assertGreater(self.client.network_stats(id)["dropped"], before)

    def test_connections_are_limited(self):
        """2,048 open ones for each Tiny VM: it must not fill the host's table."""
        o = self.outside
        id, guest = self.vm(EVERYWHERE, filter=False)
        many = "python3 -c 'import socket\nfor i in range(%d): s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind((\"\",20000+i)); s.sendto(b\"x\",(\"%s\",9)); s.close()'"
        guest.shell(many % (2000, o.first))
        self.assertEqual(0, self.client.network_stats(id)["dropped"])
        guest.shell(many % (2500, o.first))
        self.assertGreater(self.client.network_stats(id)["dropped"], 400)
        with open("/proc/net/nf_conntrack") as file:
            self.assertLessEqual(sum("src=%s " % self.address in line for line in file), 2048)
        _, neighbour = self.vm(EVERYWHERE, filter=False)
        self.assertIn("ok", try_inside(neighbour, "tcp", o.first, 80))

    def test_the_host_is_reached_only_through_a_rule_for_that_address(self):
        o = self.outside
        id, guest = self.vm(EVERYWHERE, filter=False)
        o.serve([o.gateway, self.gateway], [18080, 18081], here=True)
        for address in (self.gateway, o.gateway):
            self.assertEqual("ECONNREFUSED", try_inside(guest, "tcp", address, 18080), address)
            self.assertNotIn("ok", try_inside(guest, "udp", address, 18080, 0.5), address)
        self.client.network_rules(id, EVERYWHERE, rule(o.gateway + "/32", [18080]))
        self.assertEqual("ok %s" % self.address, try_inside(guest, "tcp", o.gateway, 18080))
        self.assertEqual("ok %s" % self.address, try_inside(guest, "udp", o.gateway, 18080))
        self.assertEqual("ECONNREFUSED", try_inside(guest, "tcp", o.gateway, 18081))
        self.assertEqual("ECONNREFUSED", try_inside(guest, "tcp", self.gateway, 18080))
        self.client.network_rules(id, rule(o.gateway + "/32", [18080], deny=True), rule(o.gateway + "/32"))
        self.assertEqual("ECONNREFUSED", try_inside(guest, "tcp", o.gateway, 18080))
        self.assertIn("ok", try_inside(guest, "tcp", o.gateway, 18081))

    def test_another_tiny_vm_is_not_reached(self):
        o = self.outside
        _, listener = self.vm(EVERYWHERE, filter=False)
        address = self.address
        listener.start(["python3", "-m", "http.server", "8000"])
        eventually(lambda: listener.shell("curl -s -o /dev/null -w %{http_code} http://127.0.0.1:8000/", check=False) == "200", "it serves")
        _, guest = self.vm(EVERYWHERE, rule(address + "/32"), filter=False)
        self.assertNotIn("ok", try_inside(guest, "tcp", address, 8000, 1.0))
        self.assertEqual("200", listener.shell("curl -s -o /dev/null -w %%{http_code} http://%s:8000/" % address))

    def test_nobody_comes_in(self):
        o = self.outside
        id, guest = self.vm(EVERYWHERE, filter=False)
        guest.start(["python3", "-m", "http.server", "8000"])
        eventually(lambda: guest.shell("curl -s -o /dev/null -w %{http_code} http://127.0.0.1:8000/", check=False) == "200", "it serves")
        o.inside("ip", "route", "add", self.address, "via", o.gateway)
        connect = [sys.executable, "-c", "import socket,sys;socket.create_connection((sys.argv[1],8000),1)", self.address]
        for words in (o.command(*connect), connect):
            before = self.client.network_stats(id)["dropped"]
            done = subprocess.run(words, capture_output=True, text=True, timeout=10)
            self.assertNotEqual(0, done.returncode)
            self.assertGreater(self.client.network_stats(id)["dropped"], before)

    def test_other_traffic_of_the_host_is_not_forwarded(self):
        with Outside() as other:
            for here, there in ((self.outside, other), (other, self.outside)):
                here.inside("ip", "route", "add", there.network, "via", here.gateway)
            ask = other.command(sys.executable, "-c", "import socket,sys;print(socket.create_connection((sys.argv[1],80),1).recv(99))",
                                self.outside.first)
            self.assertNotEqual(0, subprocess.run(ask, capture_output=True, timeout=10).returncode)
            self.vm(EVERYWHERE, filter=False)
            self.assertNotEqual(0, subprocess.run(ask, capture_output=True, timeout=10).returncode)

    def test_new_rules_cut_an_open_flow(self):
        o = self.outside
        for kept in (True, False):
            id, guest = self.vm(rule(o.network, [80]), filter=False)
            flow = guest.start(["python3", "-c", FLOW, o.first, "80"])
            watcher = self.guest_of(id)
            eventually(lambda: watcher("test -e /tmp/up && echo yes") == "yes", "the flow is open")
            self.client.network_rules(id, rule(o.first + "/32" if kept else o.second + "/32", [80]))
            watcher("touch /tmp/go")
            self.assertEqual("ok" if kept else "ECONNRESET", guest.finish(flow)[2].strip())

    def guest_of(self, id):
        """Runs commands in a wall by entering its namespaces, while its guest is busy."""
        pid = self.client.list()[id][0]
        return lambda script: subprocess.run(["nsenter", "-t", str(pid), "-m", "sh", "-c", script], capture_output=True,
                                             text=True, timeout=10).stdout.strip()


class SecondLock(World):
    def test_refusals_are_told_at_once_and_by_the_kernel(self):
        """EPERM comes from the filter alone: nf_tables could only reset or answer with ICMP."""
        o = self.outside
        id, guest = self.vm(rule(o.first + "/32", [80]))
        self.assertEqual("EPERM", try_inside(guest, "tcp", o.second, 80))
        self.assertEqual("EPERM", try_inside(guest, "udp", o.second, 80))
        self.assertEqual("EPERM", try_inside(guest, "udp", "224.0.0.251", 5353))
        self.assertEqual("EPERM", try_inside(guest, "udp", "255.255.255.255", 80))
        stats = self.client.network_stats(id)
        self.assertEqual((0, 4, 0, 0), (stats["allowed"], stats["refused"], stats["dropped"], stats["out"]))

    def test_processes_that_ran_before_and_children_after_are_held(self):
        o = self.outside
        id, guest = self.vm(attach=False)
        script = "while ! test -e /tmp/go; do sleep 0.02; done; python3 -c 'import socket;socket.socket().connect((\"%s\",81))' 2>&1 | tail -1" % o.first
        waiting = guest.start(["/bin/bash", "-c", script])
        self.client.network_attach(id, rule(o.first + "/32", [80]))
        pid = self.client.list()[id][0]
        subprocess.run(["nsenter", "-t", str(pid), "-m", "touch", "/tmp/go"], check=True)
        self.assertIn("Operation not permitted", guest.finish(waiting)[2])

    def test_a_wall_that_forks_without_end_is_moved_whole(self):
        id, guest = self.vm(attach=False)
        guest.start(["python3", "-c", "import os\nfor i in range(6): os.fork()\nwhile True:\n p=os.fork()\n if p: os._exit(0)\n"])
        self.client.network_attach(id)
        def of(path):
            with open(path + "/cgroup.procs") as file:
                return set(file.read().split())
        slot = next(name for name in os.listdir("/sys/fs/cgroup/pids/tinyvm-%d" % self.spawner.block)
                    if name.startswith("s") and str(self.pid) in of("/sys/fs/cgroup/pids/tinyvm-%d/%s" % (self.spawner.block, name)))
        self.client.freeze(id)
        self.assertEqual(of("/sys/fs/cgroup/pids/tinyvm-%d/%s" % (self.spawner.block, slot)),
                         of("/sys/fs/cgroup/unified/tinyvm-%d/%s" % (self.spawner.block, slot)))


if __name__ == "__main__":
    unittest.main()
