"""What a wall hides and forbids, what works inside all the same, and that the attacks work where the wall is off."""
import errno
import os
import shutil
import socket
import subprocess
import sys
import unittest

from spawner import MIB, Ended, Guest, Refused, Spawner

HERE = os.path.dirname(os.path.abspath(__file__))


def script(name):
    with open(os.path.join(HERE, name)) as file:
        return file.read()


class Isolation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.makedirs("/tmp/tinyvm-test-volumes", exist_ok=True)
        cls.volumes = "/tmp/tinyvm-test-volumes/%d" % os.getpid()
        os.makedirs(cls.volumes)
        os.chmod(cls.volumes, 0o755)
        cls.spawner = Spawner(arguments=["--allow-volume", cls.volumes])
        cls.client = cls.spawner.client()
        cls.pid, cls.path = cls.client.create("vm", hostname="tiny-vm.test")
        cls.guest = Guest(cls.path)

    @classmethod
    def tearDownClass(cls):
        cls.guest.close()
        cls.client.close()
        cls.spawner.stop()
        shutil.rmtree("/tmp/tinyvm-test-volumes", ignore_errors=True)

    def wall(self, id, **options):
        """A guest of another wall that ends with the test."""
        _, path = self.client.create(id, **options)
        self.addCleanup(self.client.destroy, id)
        guest = Guest(path)
        self.addCleanup(guest.close)
        return guest

    def attempts(self):
        self.guest.shell("cat > /tmp/attempts.py <<'END_OF_FILE'\n%s\nEND_OF_FILE" % script("attempts.py"))
        lines = self.guest.shell("/usr/bin/python3 /tmp/attempts.py inside", user="root")
        return {line.split()[0]: int(line.split()[1]) for line in lines.splitlines()}

    def test_every_escape_attempt_fails(self):
        results = self.attempts()
        self.assertGreater(len(results), 45)
        self.assertEqual([name for name, number in results.items() if number == 0], [])
        for name in ("clone3", "io-uring", "keyctl", "add-key", "request-key"):
            self.assertEqual(results[name], errno.ENOSYS, name)
        for name in ("mount", "unshare-user", "bpf", "perf", "raw-socket", "tiocsti", "clone-user", "kexec"):
            self.assertEqual(results[name], errno.EPERM, name)
        self.assertEqual(results["vsock"], errno.EAFNOSUPPORT)

    def test_the_same_attempts_work_where_the_wall_is_off(self):
        done = subprocess.run([sys.executable, os.path.join(HERE, "attempts.py"), "outside"], capture_output=True, text=True)
        results = {line.split()[0]: int(line.split()[1]) for line in done.stdout.splitlines()}
        worked = [name for name, number in results.items() if number == 0]
        for name in ("mount", "unshare-mount", "unshare-net", "unshare-user", "mknod-block", "mknod-char", "raw-socket",
                     "packet-socket", "write-sysctl"):
            self.assertIn(name, worked, done)

    def test_root_inside_is_nobody_outside(self):
        self.assertEqual(self.guest.shell("id -u", user="root"), "0")
        outside = os.stat("/proc/%d" % self.pid).st_uid
        self.assertEqual(outside % 65536, 0)
        self.assertGreater(outside, self.spawner.uid)

    def test_walls_do_not_see_each_other(self):
        other = self.wall("other")
        self.guest.shell("echo secret > /tmp/mine; sleep 1000 & ipcmk -M 4096 >/dev/null", user="root")
        self.assertEqual(other.shell("ls /tmp", user="root"), "")
        self.assertNotIn("sleep", other.shell("cat /proc/*/comm", user="root"))
        self.assertNotIn("0x", other.shell("ipcs -m | tail -n +4", user="root"))
        self.assertEqual(self.guest.shell("hostname"), "tiny-vm.test")
        self.assertEqual(other.shell("hostname"), "other")
        uids = {os.stat("/proc/%d" % pid).st_uid for pid, _, _ in self.client.list().values()}
        self.assertEqual(len(uids), len(self.client.list()))

    def test_only_its_own_processes_are_visible(self):
        names = self.guest.shell("cat /proc/[0-9]*/comm").split()
        self.assertLess(len(names), 8, names)
        self.assertNotIn("tinyvm-spawner", names)

    def test_the_hosts_loopback_and_abstract_sockets_are_out_of_reach(self):
        with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as abstract:
            tcp.bind(("127.0.0.1", 0))
            tcp.listen()
            abstract.bind("\0tinyvm-test-%d" % os.getpid())
            abstract.listen()
            probe = ("import socket,sys\n"
                     "def t(s,a):\n try: s.connect(a); print('reached')\n except OSError as e: print(e.errno)\n"
                     "t(socket.socket(), ('127.0.0.1', %d))\n"
                     "t(socket.socket(socket.AF_UNIX), '\\0tinyvm-test-%d')\n") % (tcp.getsockname()[1], os.getpid())
            inside = self.guest.shell("/usr/bin/python3 - <<'E'\n%s\nE" % probe)
            self.assertEqual(inside.split(), [str(errno.ECONNREFUSED)] * 2)
            outside = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
            self.assertEqual(outside.split(), ["reached"] * 2)

    def test_no_network_but_lo(self):
        self.assertEqual(self.guest.shell("cut -d: -f1 -s /proc/net/dev").split(), ["lo"])
        self.guest.shell("/usr/bin/python3 -c 'import socket; s=socket.socket(); s.bind((\"127.0.0.1\",80)); s.listen(); "
                         "c=socket.create_connection((\"127.0.0.1\",80))'")

    def test_secrets_of_the_host_are_not_there(self):
        self.assertEqual(self.guest.shell("ls -A /root /home | grep -v '^/' | sort | tr '\\n' ' '", user="root").strip(),
                         ".bashrc .profile user")
        shadow = self.guest.shell("cat /etc/shadow /etc/gshadow", user="root")
        self.assertNotRegex(shadow, r"\$[0-9a-z]+\$")
        self.guest.shell("! test -e /etc/ssh && ! test -e /etc/ssl/private && ! test -e /work && ! test -e /etc/machine-id",
                         user="root")
        with open("/etc/passwd") as file:
            strangers = {line.split(":")[0] for line in file if int(line.split(":")[2]) >= 1000} - {"nobody", "user"}
        for name in strangers:
            self.assertNotIn(name + ":", self.guest.shell("cat /etc/passwd"))
        mounts = self.guest.shell("cat /proc/self/mountinfo", user="root")
        self.assertNotIn(self.spawner.dir, mounts)

    def test_proc_and_sys_are_masked(self):
        self.assertEqual(self.guest.shell("cat /proc/keys /proc/timer_list 2>/dev/null | wc -c", user="root"), "0")
        self.assertEqual(self.guest.shell("test -e /proc/kcore && head -c1 /proc/kcore | wc -c || echo 0", user="root"), "0")
        for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory", "/proc/sys/net/ipv4/ip_forward"):
            self.assertNotEqual(self.guest.run(["/bin/sh", "-c", "echo 1 > %s" % path], user="root")[0], 0, path)
        self.assertEqual(self.guest.shell("ls -A /sys/firmware /sys/fs/cgroup /sys/kernel | grep -v :$ | tr -d '\\n'", user="root"), "")
        self.assertEqual(self.guest.shell("nproc --all"), str(os.cpu_count()))

    def test_only_harmless_devices_exist(self):
        devices = self.guest.shell("find /dev \\( -type c -o -type b \\) | sort", user="root").split()
        self.assertEqual([d for d in devices if not d.startswith("/dev/pts/")],
                         ["/dev/full", "/dev/null", "/dev/random", "/dev/tty", "/dev/urandom", "/dev/zero"])
        self.guest.shell("echo x > /dev/null; head -c 16 /dev/urandom | wc -c; cat /dev/null; ! echo x > /dev/full")
        self.guest.shell("/usr/bin/python3 -c 'import pty; pty.openpty()'")
        self.guest.shell("echo x > /dev/shm/x; echo x > /dev/stderr")

    def test_the_guest_inherits_nothing(self):
        directory = "/proc/%d/fd/" % self.pid
        links = {}
        for number in os.listdir(directory):
            try:
                links[number] = os.readlink(directory + number)
            except FileNotFoundError:
                pass
        for link in links.values():
            self.assertRegex(link, r"^(/dev/null|socket:|anon_inode:|pipe:|/$)", links)
        self.assertEqual([links[n] for n in "012"], ["/dev/null"] * 3)
        with open("/proc/%d/environ" % self.pid) as file:
            self.assertTrue(file.read().startswith("PATH=/usr/local/sbin"))

    def test_nobody_can_change_the_guests_program(self):
        for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC):
            with self.assertRaises(OSError, msg="as the host's root"):
                os.close(os.open("/proc/%d/exe" % self.pid, flags))

    def test_capabilities_are_few_and_seccomp_is_on(self):
        status = self.guest.shell("cat /proc/1/status", user="root")
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        self.assertEqual(fields["Seccomp"].strip(), "2")
        forbidden = {"SYS_ADMIN": 21, "NET_ADMIN": 12, "NET_RAW": 13, "SYS_MODULE": 16, "SYS_PTRACE": 19, "MKNOD": 27, "BPF": 39}
        for name in ("CapBnd", "CapEff", "CapPrm"):
            self.assertEqual([c for c, bit in forbidden.items() if int(fields[name], 16) >> bit & 1], [])

    def test_what_people_do_inside_works(self):
        guest = self.wall("usual", disk=256 * MIB)
        self.assertEqual(guest.shell("sudo id -u; id -un; pwd; echo $HOME"), "0\nuser\n/home/user\n/home/user")
        guest.shell("sudo useradd -m bob && sudo -u bob touch /home/bob/x && sudo chown user /home/bob/x && sudo chmod 4755 /home/bob/x")
        guest.shell("echo 'echo hi' | sudo tee /usr/local/bin/hi >/dev/null && sudo chmod +x /usr/local/bin/hi && hi")
        guest.shell("su -s /bin/sh -c true root 2>/dev/null || true; sudo su -c true bob")
        guest.shell("cd /tmp && git init -q r && cd r && git -c user.name=n -c user.email=e@x commit -q --allow-empty -m m")
        guest.shell("python3 -c 'import subprocess, threading, multiprocessing, ssl; subprocess.run([\"true\"], check=True)'")
        guest.shell("/usr/bin/node -e 'require(\"child_process\").execSync(\"true\")'")
        guest.shell("mkdir -p /tmp/pkg/DEBIAN /tmp/pkg/opt/p && echo x > /tmp/pkg/opt/p/f && "
                    "printf 'Package: p\\nVersion: 1\\nArchitecture: all\\nMaintainer: m <m@x>\\nDescription: d\\n' > /tmp/pkg/DEBIAN/control && "
                    "dpkg-deb -b /tmp/pkg /tmp/p.deb >/dev/null && sudo dpkg -i /tmp/p.deb >/dev/null && test -f /opt/p/f")
        guest.shell("mkdir -p /tmp/d/e && sudo mv /usr/share/doc /usr/share/doc2 && ls /usr/share/doc2 >/dev/null")

    def test_a_read_only_root_cannot_be_written(self):
        guest = self.wall("readonly", read_only=1)
        for path in ("/x", "/usr/x", "/tmp/x", "/etc/x"):
            code, _, output = guest.run(["/bin/sh", "-c", "echo x > %s" % path], user="root")
            self.assertNotEqual(code, 0, path)
            self.assertIn("Read-only file system", output)
        guest.shell("echo x > /dev/shm/x")

    # ---- volumes ----

    def volume(self, name, owner=4321, mode=0o755):
        path = os.path.join(self.volumes, name)
        os.makedirs(path)
        os.chown(path, owner, owner)
        os.chmod(path, mode)
        return path

    def refused_volume(self, source, read_only=1):
        with self.assertRaises(Refused) as caught:
            self.client.create("volume-refused", mounts=[(source, "/v", read_only)])
        self.assertNotIn("volume-refused", self.client.list())
        return caught.exception.errno

    def test_a_writable_volume_belongs_to_the_user_inside(self):
        path = self.volume("rw")
        guest = self.wall("volume-rw", mounts=[(path, "/data/deep/v", 0)])
        self.assertEqual(guest.shell("stat -c '%U %G' /data/deep/v; echo hi > /data/deep/v/f; cat /data/deep/v/f"), "user user\nhi")
        guest.shell("cd /data/deep/v && touch r && chmod 4755 r && chown bin r", user="root")
        self.assertEqual(os.stat(path + "/f").st_uid, 4321)
        owner = os.stat(path + "/r").st_uid
        self.assertGreaterEqual(owner, 0xf0000000, "root's files in a volume are never the host's root's")
        os.chmod(path + "/f", 0o4755)
        self.assertIn("nosuid", guest.shell("grep /data/deep/v /proc/self/mounts"))

    def test_a_read_only_volume_cannot_be_written(self):
        path = self.volume("ro", owner=0)
        with open(path + "/f", "w") as file:
            file.write("hello")
        guest = self.wall("volume-ro", mounts=[(path, "/v", 1)])
        self.assertEqual(guest.shell("cat /v/f"), "hello")
        self.assertIn("Read-only", guest.run(["/bin/sh", "-c", "echo x > /v/g"], user="root")[2])

    def test_a_volume_of_root_is_not_given_away(self):
        self.assertEqual(self.refused_volume(self.volume("rootish", owner=0), read_only=0), errno.EPERM)

    def test_a_volume_of_roots_group_is_not_given_away(self):
        path = self.volume("rootgroup")
        os.chown(path, 4321, 0)
        self.assertEqual(self.refused_volume(path, read_only=0), errno.EPERM)
        guest = self.wall("volume-rootgroup", mounts=[(path, "/v", 1)])
        self.assertEqual(guest.shell("ls -A /v"), "")

    def test_a_volume_of_root_that_everybody_may_write_is_not_given_away(self):
        """The kernel would let nobody in a user namespace make a file there: inode_permission() refuses unmapped owners."""
        self.assertEqual(self.refused_volume(self.volume("public", owner=0, mode=0o1777), read_only=0), errno.EPERM)

    def test_a_volume_that_leaves_the_allowed_path_is_refused(self):
        inside = self.volume("inside")
        os.symlink("/etc", os.path.join(self.volumes, "link"))
        os.symlink("inside", os.path.join(self.volumes, "inner"))
        os.symlink("/", os.path.join(inside, "up"))
        for source in ("/etc", "/", "/tmp", self.volumes + "/link", self.volumes + "/inner", inside + "/up", inside + "/up/etc",
                       self.volumes + "x"):
            self.assertIn(self.refused_volume(source), (errno.EACCES, errno.EINVAL), source)
        self.assertEqual(self.refused_volume(self.volumes + "/missing"), errno.ENOENT)
        with open(self.volumes + "/file", "w"):
            pass
        self.assertEqual(self.refused_volume(self.volumes + "/file"), errno.ENOTDIR)

    # ---- imported images ----

    def image(self, name):
        root = os.path.join(self.spawner.images, name, "rootfs")
        for path in ("bin", "etc", "proc", "dev", "tmp"):
            os.makedirs(os.path.join(root, path))
        shutil.copy("/bin/busybox", os.path.join(root, "bin/busybox"))
        for applet in ("sh", "cat", "ls", "id", "stat", "touch", "hostname", "dd"):
            os.symlink("busybox", os.path.join(root, "bin", applet))
        with open(os.path.join(root, "etc/passwd"), "w") as file:
            file.write("root:x:0:0::/:/bin/sh\napp:x:77:77::/:/bin/sh\n")
        return root

    @unittest.skipUnless(os.path.exists("/bin/busybox"), "busybox is not installed")
    def test_an_imported_image_runs(self):
        root = self.image("tiny")
        os.mknod(os.path.join(root, "dev/disk"), 0o060666, os.stat("/").st_dev)
        os.mknod(os.path.join(root, "disk"), 0o060666, os.stat("/").st_dev)
        guest = self.wall("imported", image="tiny", user="app", hostname="imported")
        run = lambda text, user="": guest.run(["/bin/sh", "-c", text], user=user)  # noqa: E731
        self.assertEqual(run("id -u; hostname; cat /etc/hostname")[2].split(), ["77", "imported", "imported"])
        self.assertEqual(run("stat -c %u /bin/busybox")[2].strip(), "0")
        self.assertNotEqual(run("dd if=/disk of=/tmp/x count=1", "root")[0], 0)
        self.assertEqual(run("touch /written", "root")[0], 0)
        self.assertFalse(os.path.exists(os.path.join(root, "written")))

    @unittest.skipUnless(os.path.exists("/bin/busybox"), "busybox is not installed")
    def test_the_default_user_may_have_a_group(self):
        self.image("grouped")
        for number, (user, ids) in enumerate((("77:5", "77 5"), ("app:5", "77 5"), ("4000:4001", "4000 4001"), ("u" * 32 + ":" + "g" * 32, None))):
            guest = self.wall("grouped-%d" % number, image="grouped", user=user, mounts=[(self.volume("grouped-%d" % number), "/v", 0)])
            if ids is None:
                with self.assertRaisesRegex(Ended, "has no user 'u{32}:g{32}'"):
                    guest.run(["/bin/sh", "-c", "true"])
            else:
                self.assertEqual(guest.run(["/bin/sh", "-c", "echo $(id -u) $(id -g) > /v/ids; cat /v/ids"])[::2], (0, ids + "\n"))

    @unittest.skipUnless(os.path.exists("/bin/busybox"), "busybox is not installed")
    def test_links_in_an_image_lead_nowhere(self):
        root = self.image("sly")
        shutil.rmtree(os.path.join(root, "proc"))
        os.symlink("/etc", os.path.join(root, "proc"))
        with self.assertRaises(Refused) as caught:
            self.client.create("sly", image="sly")
        self.assertEqual(caught.exception.step, "mount-point")
        root = self.image("slyer")
        shutil.rmtree(os.path.join(root, "etc"))
        os.symlink("/usr/../../../etc", os.path.join(root, "etc"))
        before = os.stat("/etc/hostname").st_mtime_ns
        guest = self.wall("slyer", image="slyer", user="root")
        guest.run(["/bin/sh", "-c", "true"])
        self.assertEqual(os.stat("/etc/hostname").st_mtime_ns, before)
        os.symlink("tiny" if os.path.isdir(self.spawner.images + "/tiny") else "sly", os.path.join(self.spawner.images, "linked"))
        with self.assertRaises(Refused):
            self.client.create("linked", image="linked")
