"""A world outside of the host for tests of routed interfaces: a network namespace of the test's own behind a veth pair.

Servers there tell who they think is asking. No packet leaves the machine: the namespace has no route but to the host's end.
"""
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

SERVER = r"""
import json, socket, sys, threading
addresses, ports = json.loads(sys.argv[1]), json.loads(sys.argv[2])
def speak(peer, who):
    with peer:
        try:
            peer.sendall((json.dumps(who) + "\n").encode())
            while (data := peer.recv(4096)):
                peer.sendall(data)
        except OSError:
            pass
def tcp(listener):
    while True:
        peer, who = listener.accept()
        threading.Thread(target=speak, args=(peer, who[0]), daemon=True).start()
def udp(server):
    while True:
        data, who = server.recvfrom(4096)
        print(json.dumps([data.decode(errors="replace"), who[0]]), flush=True)
        server.sendto((json.dumps(who[0]) + "\n").encode() + data, who)
for address in addresses:
    for port in ports:
        listener = socket.create_server((address, port), backlog=16)
        threading.Thread(target=tcp, args=(listener,), daemon=True).start()
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((address, port))
        threading.Thread(target=udp, args=(server,), daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
"""

# What a process inside says after its try: "ok <who the server saw>", or the name of the error.
CLIENT = r"""
import errno, json, socket, sys
kind, host, port, wait = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
family = socket.AF_INET6 if ":" in host else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.settimeout(wait)
try:
    if kind == "tcp":
        s.connect((host, port))
    elif kind == "connected-udp":
        s.connect((host, port)); s.send(b"hello")
    else:
        s.sendto(b"hello", (host, port))
    print("ok", json.loads(s.recv(4096).split(b"\n")[0]))
except socket.timeout:
    print("ETIMEDOUT")
except OSError as e:
    print(errno.errorcode[e.errno])
"""


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=20)
    if done.returncode != 0:
        raise AssertionError("ip %s: %s" % (" ".join(words), done.stderr.strip()))
    return done.stdout


def try_inside(guest, kind, host, port, wait=2.0):
    return guest.shell("python3 -c '%s' %s %s %d %s" % (CLIENT.replace("'", '"'), kind, host, port, wait))


class Outside:
    """host end .1, servers at .2 and .3 of a /29 out of 198.18.0.0/15 (RFC 2544: for tests, never routed)."""

    PORTS = (80, 81, 443)

    def __init__(self):
        self.base = "198.%d.%d" % (random.choice((18, 19)), random.randrange(256))
        octet = 8 * random.randrange(31)
        self.gateway, self.first, self.second = ("%s.%d" % (self.base, octet + i) for i in (1, 2, 3))
        self.network = "%s.%d/29" % (self.base, octet)
        self.link = "out%d" % (os.getpid() * 1000 + random.randrange(1000))
        self.link = self.link[:15]
        self.holder = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
        self.servers = []
        try:
            own = os.readlink("/proc/self/ns/net")
            while os.readlink("/proc/%d/ns/net" % self.holder.pid) == own:
                time.sleep(0.005)
            ip("link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", str(self.holder.pid))
            ip("addr", "add", self.gateway + "/29", "dev", self.link)
            ip("link", "set", self.link, "up")
            for address in (self.first, self.second):
                self.inside("ip", "addr", "add", address + "/29", "dev", "eth0")
            self.inside("ip", "link", "set", "lo", "up")
            self.inside("ip", "link", "set", "eth0", "up")
            self.server = self.serve((self.first, self.second), self.PORTS)
        except BaseException:
            self.stop()
            raise

    def command(self, *words):
        return ["nsenter", "--net=/proc/%d/ns/net" % self.holder.pid, *words]

    def inside(self, *words, check=True):
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=20)
        if check and done.returncode != 0:
            raise AssertionError("%s: %s" % (words, done.stderr))
        return done.stdout

    def serve(self, addresses, ports, here=False):
        """A process with TCP and UDP servers, in the outside or (here) on the host itself."""
        words = [sys.executable, "-c", SERVER, json.dumps(addresses), json.dumps(ports)]
        process = subprocess.Popen(words if here else self.command(*words), stdout=subprocess.PIPE, text=True)
        self.servers.append(process)
        line = process.stdout.readline()
        if line != "ready\n":
            raise AssertionError("the server did not start: %r" % line)
        return process

    def datagrams(self, wait=0.3):
        """What UDP servers outside have got since the last call: [(text, source)]."""
        got = []
        while select.select([self.server.stdout], [], [], wait)[0]:
            got.append(tuple(json.loads(self.server.stdout.readline())))
        return got

    def stop(self):
        for process in self.servers:
            process.kill()
            process.wait()
            process.stdout.close()
        self.holder.kill()
        self.holder.wait()
        subprocess.run(["ip", "link", "del", self.link], capture_output=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


# ---- what netlink knows ----

NFNL_TABLES, NFT_GETTABLE, DELTABLE, DELRULE, NFTA_TABLE_NAME = 10 << 8, 1, 2, 8, 1


def tables():
    """Names of nf_tables tables (family inet) on this host."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:
        netlink.settimeout(5)
        netlink.send(struct.pack("=IHHIIBBH", 20, NFNL_TABLES | NFT_GETTABLE, 0x301, 1, 0, 1, 0, 0))
        names = []
        while True:
            data = netlink.recv(1 << 16)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                if kind in (2, 3):
                    return names
                at = 20
                while at < length:
                    size, attribute = struct.unpack_from("=HH", data, at)
                    if attribute == NFTA_TABLE_NAME:
                        names.append(data[at + 4:at + size - 1].decode())
                    at += (size + 3) & ~3
                data = data[(length + 3) & ~3:]


def change_table(kind, name):
    """What `nft delete table inet NAME` (kind DELTABLE) and `nft flush table inet NAME` (DELRULE) send."""
    value = name.encode() + b"\0"
    attribute = struct.pack("=HH", 4 + len(value), NFTA_TABLE_NAME) + value + b"\0" * (-len(value) % 4)
    edge = [struct.pack("=IHHII", 20, kind, 1, seq, 0) + struct.pack(">BBH", 0, 0, 10) for kind, seq in ((0x10, 1), (0x11, 3))]
    body = struct.pack("=IHHII", 20 + len(attribute), NFNL_TABLES | kind, 5, 2, 0) + struct.pack(">BBH", 1, 0, 0) + attribute
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:
        netlink.settimeout(5)
        netlink.send(edge[0] + body + edge[1])
        (error,) = struct.unpack_from("=i", netlink.recv(4096), 16)
        if error != 0:
            raise OSError(-error, os.strerror(-error))


def links(prefix):
    return sorted(name for name in os.listdir("/sys/class/net") if name.startswith(prefix))


def forwarding(link):
    with open("/proc/sys/net/ipv4/conf/%s/forwarding" % link) as file:
        return file.read().strip()
