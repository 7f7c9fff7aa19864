#!/usr/bin/env python3
"""The limit tests on a kernel with cgroup v2 only: boots Debian's cloud kernel in a QEMU microvm without KVM.

Nothing is installed: the kernel's package is downloaded and unpacked below build/. The last line is
`N passed, M failed, K skipped`. TINYVM_RECORD_V2=DIRECTORY keeps what the manager would read of an idle, a throttled and a frozen wall:
../../engine-container/src/test/resources/cgroup-v2 was made so.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
SPAWNER = os.path.dirname(HERE)
BUILD = os.path.join(SPAWNER, "build")
CACHE = os.path.join(BUILD, "kernel")
GUEST = os.environ.get("TINYVM_GUEST") or os.path.join(SPAWNER, "..", "guest", "build", "tinyvm-guest")
MODULES = ["virtio_mmio", "virtio_blk", "ext4", "overlay", "veth", "nf_tables", "nft_ct", "nft_masq", "nft_objref", "nft_chain_nat", "nft_reject_inet"]
RUNTIMES = ["crun", "runc"]
DEADLINE_SECONDS = 400


class Missing(Exception):
    """Something of the host that cannot be made up for."""


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Missing("%s: %s" % (" ".join(command[:3]), (done.stderr or done.stdout).strip().splitlines()[-1:]))
    return done.stdout


def kernel():
    """(bzImage, modules directory), downloaded once."""
    if not glob.glob(CACHE + "/boot/vmlinuz-*"):
        depends = run("apt-cache", "depends", "linux-image-cloud-amd64")
        names = re.findall(r"Depends: (linux-image-[0-9]\S+-cloud-amd64)", depends)
        if not names:
            raise Missing("apt knows no linux-image-cloud-amd64 (apt-get update?)")
        with tempfile.TemporaryDirectory(dir=BUILD) as directory:
            os.chmod(directory, 0o777)
            run("apt-get", "download", names[0], cwd=directory)
            run("dpkg", "-x", glob.glob(directory + "/*.deb")[0], directory + "/x")
            shutil.rmtree(CACHE, ignore_errors=True)
            os.rename(directory + "/x", CACHE)
    modules = glob.glob(CACHE + "/lib/modules/*") + glob.glob(CACHE + "/usr/lib/modules/*")
    return glob.glob(CACHE + "/boot/vmlinuz-*")[0], modules[0]


def module_files(directory):
    """Paths of MODULES and what they depend on, in loading order."""
    paths = {}
    for path in glob.glob(directory + "/kernel/**/*.ko*", recursive=True):
        paths[os.path.basename(path).split(".ko")[0].replace("-", "_")] = path
    order = []

    def add(name):
        path = paths.get(name)
        if path is None or path in order:
            return  # built in
        with open(path, "rb") as file:
            content = file.read()
        found = re.search(rb"\0depends=([^\0]*)\0", content)
        for other in found.group(1).decode().split(",") if found else []:
            add(other.replace("-", "_"))
        order.append(path)

    for name in ("crc32c_generic", *MODULES):
        add(name)
    return order


def make_initramfs(root, modules):
    for name in ("bin", "proc", "sys", "dev", "mnt", "m"):
        os.makedirs(os.path.join(root, name))
    shutil.copy(busybox(), root + "/bin/busybox")
    for i, path in enumerate(modules):
        shutil.copy(path, "%s/m/%02d.ko" % (root, i))
    with open(root + "/init", "w") as file:
        file.write("#!/bin/busybox sh\nB=/bin/busybox\n$B mount -t devtmpfs dev /dev\n$B mount -t proc proc /proc\n"
                   "for m in /m/*.ko; do $B insmod $m || echo cannot load $m; done\n"
                   "i=0; while [ ! -b /dev/vda ] && [ $i -lt 100 ]; do $B usleep 50000; i=$((i+1)); done\n"
                   "$B mount -t ext4 /dev/vda /mnt && $B umount /proc && $B mount --move /dev /mnt/dev && "
                   "exec $B switch_root /mnt /init\necho END\n$B poweroff -f\n")
    os.chmod(root + "/init", 0o755)
    names = "\0".join(os.path.relpath(os.path.join(d, n), root) for d, ds, fs in os.walk(root) for n in ds + fs)
    archive = root + ".cpio"
    with open(archive, "wb") as file:
        subprocess.run(["cpio", "-0", "-o", "-H", "newc", "--quiet"], input=names.encode(), stdout=file, cwd=root, check=True)
    return archive


def make_disk(root):
    for name in ("usr/bin", "usr/sbin", "usr/lib", "etc", "proc", "sys", "dev", "run", "tmp", "mnt", "var", "images"):
        os.makedirs(os.path.join(root, name))
    for link in ("bin", "sbin", "lib"):
        os.symlink("usr/" + link, os.path.join(root, link))
    shutil.copy(busybox(), root + "/usr/bin/busybox")
    for applet in run(busybox(), "--list").split():
        if not os.path.lexists(root + "/usr/bin/" + applet):
            os.symlink("busybox", root + "/usr/bin/" + applet)
    for name, program in (("tinyvm-spawner", BUILD + "/tinyvm-spawner"), ("v2_driver", BUILD + "/v2_driver"), ("tinyvm-guest", GUEST)):
        shutil.copy(program, os.path.join(root, name))
    for name in RUNTIMES:
        add_program(root, shutil.which(name))
    with open(root + "/init", "w") as file:
        file.write("#!/bin/sh\nmount -t proc proc /proc\nmount -t sysfs sys /sys\nmount -t cgroup2 cgroup2 /sys/fs/cgroup\n"
                   "mount -t tmpfs run /run\n/v2_driver\nsync\npoweroff -f\n")
    os.chmod(root + "/init", 0o755)
    disk = root + ".ext4"
    run("mke2fs", "-q", "-t", "ext4", "-d", root, "-E", "root_owner=0:0", disk, "256M")
    return disk


def add_program(root, path):
    """A program at its place, with the libraries that it is linked with at theirs, seen without links."""
    if path is None:
        return  # the driver says that it is missing
    libraries = re.findall(r"(/\S+) \(0x", run("ldd", path))
    for file in [path, *libraries]:
        place = os.path.join("/usr", file.lstrip("/")) if not file.startswith("/usr/") else file
        os.makedirs(root + os.path.dirname(place), exist_ok=True)
        if not os.path.exists(root + place):
            shutil.copy(os.path.realpath(file), root + place)
    if os.path.isdir(root + "/usr/lib64") and not os.path.lexists(root + "/lib64"):
        os.symlink("usr/lib64", root + "/lib64")


def busybox():
    for path in ("/bin/busybox", "/usr/bin/busybox"):
        if os.path.exists(path) and "statically" in subprocess.run(["file", "-L", path], capture_output=True, text=True).stdout + (
                "statically" if not shutil.which("file") else ""):
            return path
    raise Missing("busybox-static is not installed")


def boot(vmlinuz, initramfs, disk):
    """Output of the machine's serial port, until it ends or the deadline passes."""
    machine = subprocess.Popen(
        ["qemu-system-x86_64", "-M", "microvm,x-option-roms=off,acpi=on,isa-serial=on", "-accel", "tcg,thread=single",
         # Time goes by instructions: on a busy host the emulated timer otherwise never ticks while the kernel starts.
         "-icount", "shift=1,sleep=off", "-cpu", "max",
         "-m", "512", "-smp", "1", "-nodefaults", "-no-user-config", "-nographic", "-no-reboot", "-kernel", vmlinuz, "-initrd", initramfs,
         "-append", "console=ttyS0 quiet tsc=unstable random.trust_cpu=1 mitigations=off nokaslr panic=-1 reboot=t",
         "-drive", "id=d,file=%s,format=raw,if=none" % disk, "-device", "virtio-blk-device,drive=d", "-serial", "stdio"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    timer = threading.Timer(DEADLINE_SECONDS, machine.kill)
    timer.start()
    lines = []
    try:
        for line in machine.stdout:
            lines.append(line.decode(errors="replace").strip())
            if not lines[-1].startswith(("|", "RECORD")):
                print("  " + lines[-1], flush=True)
            if lines[-1] == "END":
                break
    finally:
        timer.cancel()
        machine.kill()
        machine.wait()
        machine.stdout.close()
    return lines


def keep(lines, directory):
    """Writes what the machine recorded: below directory/STATE the files as they were there."""
    shutil.rmtree(directory, ignore_errors=True)
    file = None
    for line in lines:
        if line.startswith("RECORD "):
            _, state, path = line.split(" ", 2)
            target = os.path.join(directory, state, path.lstrip("/"))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            file = open(target, "w")
        elif line == "RECORDED":
            file.close()
            file = None
        elif file is not None and line.startswith("|"):
            file.write(line[1:] + "\n")


def main():
    try:
        for tool in ("qemu-system-x86_64", "apt-get", "dpkg", "mke2fs", "cpio"):
            if shutil.which(tool) is None:
                raise Missing("%s is not installed" % tool)
        os.makedirs(BUILD, exist_ok=True)
        vmlinuz, modules = kernel()
        busybox()
    except Missing as reason:
        print("SKIPPED: cgroup v2 tests: %s" % reason)
        print("0 passed, 0 failed, 1 skipped")
        return 0
    with tempfile.TemporaryDirectory(dir=BUILD) as directory:
        subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-static", "-o",
                        BUILD + "/v2_driver", HERE + "/v2_driver.c", SPAWNER + "/../wire/wire.c", SPAWNER + "/src/sys.c"], check=True)
        initramfs = make_initramfs(directory + "/initramfs", module_files(modules))
        lines = boot(vmlinuz, initramfs, make_disk(directory + "/disk"))
    recordings = os.environ.get("TINYVM_RECORD_V2")
    if recordings:
        keep(lines, recordings)
    passed = sum(line.startswith("PASS ") for line in lines)
    failed = sum(line.startswith("FAIL ") for line in lines)
    if "END" not in lines:
        print("the machine did not finish")
        failed += 1
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
