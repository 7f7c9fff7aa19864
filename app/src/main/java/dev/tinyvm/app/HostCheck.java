package dev.tinyvm.app;

import dev.tinyvm.engine.oci.OciRuntime;
import dev.tinyvm.engine.wasm.WasmEngine;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What this host offers TinyVM, found by looking, without changing anything and without root. */
final class HostCheck {
    private static final Path CGROUPS = Path.of("/sys/fs/cgroup");

    private HostCheck() {}

    /**
     * One thing that is there or not.
     *
     * @param need what for: {@code container}, {@code build}, {@code microvm}, {@code gvisor}, {@code wasm}
     * @param required whether that cannot do without
     * @param remedy the command or setting that gets it; empty when it is there
     */
    record Finding(String name, String need, boolean ok, boolean required, String detail, String remedy) {}

    /** What an engine can do here. */
    record EngineFinding(String engine, boolean available, String detail) {}

    static List<Finding> all() {
        List<Finding> found = new ArrayList<>();
        boolean root = Privileges.isRoot();
        found.add(new Finding(
                "root", "container", root, true, root ? "yes" : "no", root ? "" : "run with sudo: sudo tinyvm doctor"));
        found.add(kernel());
        found.add(cgroups());
        for (String namespace : List.of("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")) {
            boolean there = Files.exists(Path.of("/proc/self/ns/" + namespace));
            if (!there || namespace.equals("user")) {
                found.add(userNamespaces(namespace, there));
            }
        }
        boolean overlay = read(Path.of("/proc/filesystems")).contains("overlay")
                || Files.isDirectory(Path.of("/sys/module/overlay"));
        found.add(new Finding(
                "overlayfs",
                "container",
                overlay,
                true,
                overlay ? "yes" : "not in this kernel",
                overlay ? "" : "sudo modprobe overlay"));
        boolean btrfs = read(Path.of("/proc/filesystems")).contains("btrfs");
        String mkfs = onPath("mkfs.btrfs");
        boolean layers = btrfs && !mkfs.isEmpty();
        found.add(new Finding(
                "disk layers",
                "container",
                layers,
                false,
                layers
                        ? "btrfs (" + mkfs + ")"
                        : "writable layers will live in memory (tmpfs): "
                                + (btrfs ? "mkfs.btrfs is missing" : "this kernel has no btrfs"),
                layers
                        ? ""
                        : btrfs
                                ? "sudo apt-get install btrfs-progs"
                                : "sudo modprobe btrfs && sudo apt-get install btrfs-progs"));
        found.add(imageFiles());
        found.add(pageMerging());
        boolean seccomp = read(Path.of("/proc/self/status")).contains("Seccomp:");
        found.add(new Finding(
                "seccomp",
                "container",
                seccomp,
                true,
                seccomp ? "yes" : "not in this kernel",
                seccomp ? "" : "use a kernel with CONFIG_SECCOMP_FILTER"));
        String modules = read(Path.of("/sys/kernel/security/lsm"));
        boolean landlock = modules.contains("landlock");
        found.add(new Finding(
                "landlock",
                "container",
                landlock,
                false,
                landlock ? "yes" : modules.isEmpty() ? "not to be seen (securityfs)" : "not enabled",
                landlock ? "" : "boot with lsm=landlock,… (a second lock; all works without)"));
        found.add(tool(
                "JDK 25",
                "build",
                "",
                Runtime.version().feature() >= 25,
                System.getProperty("java.home", "") + " (" + Runtime.version() + ")",
                "sudo apt-get install openjdk-25-jdk-headless"));
        found.add(tool("cc", "build", "gcc libc6-dev"));
        boolean musl = !onPath("musl-gcc").isEmpty();
        found.add(new Finding(
                "musl-gcc",
                "build",
                musl,
                false,
                musl ? "yes" : "no: the guest is built with glibc, and each start takes 0.2 ms more",
                musl ? "" : "sudo apt-get install musl-tools, then tinyvm build"));
        found.add(tool("make", "build", "make"));
        found.add(tool("mvn", "build", "maven"));
        boolean kvm = Files.isReadable(Path.of("/dev/kvm")) && Files.isWritable(Path.of("/dev/kvm"));
        found.add(new Finding(
                "/dev/kvm",
                "microvm",
                kvm,
                false,
                kvm ? "yes" : "not usable",
                kvm ? "" : "a machine with virtualization, and membership of group kvm"));
        found.add(tool("qemu-system-x86_64", "microvm", "qemu-system-x86"));
        for (OciRuntime runtime : OciRuntime.values()) {
            found.add(runtime(runtime));
        }
        return found;
    }

    /** The container wall needs what was looked for, WebAssembly nothing. */
    static List<EngineFinding> engines(List<Finding> findings) {
        List<String> missing = findings.stream()
                .filter(f -> f.need().equals("container") && f.required() && !f.ok())
                .map(Finding::name)
                .toList();
        String later = "not in this version";
        List<EngineFinding> engines = new ArrayList<>();
        engines.add(new EngineFinding(
                "container",
                missing.isEmpty(),
                missing.isEmpty() ? "ready" : "missing: " + String.join(", ", missing)));
        boolean python =
                ModuleCacheDirectory.prepared().filter(WasmEngine::hasPython).isPresent();
        engines.add(new EngineFinding(
                "wasm",
                true,
                "ready; needs neither root nor Linux"
                        + (python
                                ? ""
                                : "; without the image python-wasi, which the build could not fetch: run `./tinyvm build`"
                                        + " where registry.npmjs.org can be reached")));
        for (OciRuntime runtime : OciRuntime.values()) {
            List<String> lacking = new ArrayList<>(missing);
            findings.stream()
                    .filter(f -> f.name().equals(runtime.program()) && !f.ok())
                    .forEach(f -> lacking.add(f.name()));
            engines.add(new EngineFinding(
                    runtime.kind().word(),
                    lacking.isEmpty(),
                    lacking.isEmpty() ? "ready" : "missing: " + String.join(", ", lacking)));
        }
        engines.add(new EngineFinding("microvm", false, later));
        return List.copyOf(engines);
    }

    private static Finding kernel() {
        String release = read(Path.of("/proc/sys/kernel/osrelease")).strip();
        String[] parts = release.split("[.-]");
        int major = number(parts, 0);
        int minor = number(parts, 1);
        boolean ok = major > 5 || (major == 5 && minor >= 19);
        return new Finding(
                "kernel",
                "container",
                ok,
                true,
                "Linux " + release,
                ok ? "" : "Linux 5.19 or newer (idmapped overlay layers)");
    }

    private static Finding cgroups() {
        boolean v2 = Files.exists(CGROUPS.resolve("cgroup.controllers"));
        String controllers = v2 ? read(CGROUPS.resolve("cgroup.controllers")).strip() : "";
        boolean v1 = Files.isDirectory(CGROUPS.resolve("memory")) && Files.isDirectory(CGROUPS.resolve("cpu"));
        if (v2) {
            List<String> missing = new ArrayList<>(List.of("cpu", "memory", "pids"));
            missing.removeAll(List.of(controllers.split(" ")));
            return new Finding(
                    "cgroups",
                    "container",
                    missing.isEmpty(),
                    true,
                    "v2: " + controllers,
                    missing.isEmpty() ? "" : "enable " + missing + " in the parent's cgroup.subtree_control");
        }
        String mode = Files.exists(CGROUPS.resolve("unified")) ? "hybrid, controllers on v1" : "v1";
        return new Finding(
                "cgroups",
                "container",
                v1,
                true,
                v1 ? mode : "none are mounted at " + CGROUPS,
                v1 ? "" : "mount -t cgroup2 none " + CGROUPS);
    }

    private static Finding userNamespaces(String name, boolean there) {
        String limit = read(Path.of("/proc/sys/user/max_user_namespaces")).strip();
        boolean ok = there && !limit.equals("0");
        return new Finding(
                name.equals("user") ? "namespaces" : "namespace " + name,
                "container",
                ok,
                true,
                ok
                        ? "all, at most " + limit + " user namespaces"
                        : there ? "user namespaces are switched off" : "not in this kernel",
                ok ? "" : "sudo sysctl user.max_user_namespaces=15000");
    }

    private static Finding runtime(OciRuntime runtime) {
        String need = runtime.kind().word();
        Path path = runtime.find().orElse(null);
        if (path == null) {
            return new Finding(runtime.program(), need, false, true, "not installed", runtime.remedy());
        }
        String version = runtime.version(path).orElse("of unknown version");
        String problem = runtime.problem(version).orElse("");
        String platform = runtime == OciRuntime.RUNSC ? ", platform " + OciRuntime.GVISOR_PLATFORM : "";
        return new Finding(
                runtime.program(),
                need,
                problem.isEmpty(),
                true,
                problem.isEmpty() ? path + ", version " + version + platform : problem,
                problem.isEmpty() ? "" : runtime.remedy());
    }

    /** Whether unpacked layers can be EROFS files; the import tries it out each time. */
    private static Finding imageFiles() {
        boolean kernel = read(Path.of("/proc/filesystems")).contains("erofs") && kernelIsAtLeast(6, 12);
        String mkfs = onPath("mkfs.erofs");
        boolean ok = kernel && !mkfs.isEmpty();
        return new Finding(
                "image files",
                "container",
                ok,
                false,
                ok
                        ? "EROFS without loop devices (" + mkfs + ")"
                        : "images are unpacked into directories: "
                                + (kernel ? "mkfs.erofs is missing" : "this kernel mounts no EROFS file by itself"),
                ok ? "" : kernel ? "sudo apt-get install erofs-utils" : "use Linux 6.12 or newer with CONFIG_EROFS_FS");
    }

    /** Whether the kernel merges pages of Tiny VMs that ask for it ({@code resources.memoryMerge}). */
    private static Finding pageMerging() {
        String run = read(Path.of("/sys/kernel/mm/ksm/run")).strip();
        boolean ok = run.equals("1");
        return new Finding(
                "page merging",
                "container",
                ok,
                false,
                ok
                        ? "KSM runs"
                        : run.isEmpty() ? "this kernel has no KSM" : "KSM is off: resources.memoryMerge has no effect",
                ok || run.isEmpty() ? "" : "echo 1 | sudo tee /sys/kernel/mm/ksm/run");
    }

    private static boolean kernelIsAtLeast(int major, int minor) {
        String[] parts = System.getProperty("os.version", "").split("[.-]", 3);
        int have = number(parts, 0);
        return have > major || (have == major && number(parts, 1) >= minor);
    }

    private static Finding tool(String program, String need, String debianPackage) {
        String path = onPath(program);
        return tool(
                program,
                need,
                debianPackage,
                !path.isEmpty(),
                path.isEmpty() ? "not on PATH" : path,
                "sudo apt-get install " + debianPackage);
    }

    private static Finding tool(
            String name, String need, String debianPackage, boolean ok, String detail, String remedy) {
        return new Finding(name, need, ok, need.equals("build") && !debianPackage.isEmpty(), detail, ok ? "" : remedy);
    }

    private static String onPath(String program) {
        for (String directory : (System.getenv().getOrDefault("PATH", "") + ":/usr/sbin:/sbin").split(":")) {
            Path candidate = Path.of(directory.isEmpty() ? "." : directory, program);
            if (Files.isExecutable(candidate)) {
                return candidate.toString();
            }
        }
        return "";
    }

    private static String read(Path file) {
        try {
            return new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            return "";
        }
    }

    private static int number(String[] parts, int index) {
        return index < parts.length && parts[index].matches("\\d{1,6}") ? Integer.parseInt(parts[index]) : 0;
    }
}
