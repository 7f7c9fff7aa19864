package dev.tinyvm.images;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Mounts a cached image as the spawner does (its lower.c and child_mounts.c), in no mount tree, and takes the time: for {@code bench image}. First: every EROFS
 * file is mounted, then stacked. Further: the files are mounted already, for another Tiny VM, and stacked again. Stacking is an idmapped mount of each layer
 * and one overlay, which is then looked into. Needs root, and Linux 6.15, which stacks mounts that are in no tree.
 */
public final class MountTiming implements AutoCloseable {
    private static final long OPEN_TREE = 428;
    private static final long FSOPEN = 430;
    private static final long FSCONFIG = 431;
    private static final long FSMOUNT = 432;
    private static final long MOUNT_SETATTR = 442;
    private static final long FSCONFIG_SET_FLAG = 0;
    private static final long FSCONFIG_SET_STRING = 1;
    private static final long FSCONFIG_SET_FD = 5;
    private static final long FSCONFIG_CMD_CREATE = 6;
    private static final long CLOEXEC = 1;
    private static final long OPEN_TREE_CLOEXEC = 0x80000;
    private static final long MOUNT_ATTR_NODEV = 4;
    private static final long MOUNT_ATTR_IDMAP = 0x100000;
    private static final int EINVAL = 22;

    private final List<Path> files;
    private final Process holder;
    private final int userNamespace;
    private final Path scratch;
    private final Arena arena = Arena.ofShared();

    /** Medians in milliseconds. */
    public record Result(double firstMillis, double furtherMillis) {}

    private MountTiming(List<Path> files, Path scratch) throws IOException, Posix.Failure {
        this.files = files;
        this.scratch = scratch;
        this.holder = new ProcessBuilder("unshare", "--user", "cat").start();
        // It runs cat only when it has its namespace.
        Path maps = Path.of("/proc", Long.toString(holder.pid()));
        for (int tries = 0; Files.readString(maps.resolve("comm")).equals("unshare\n") && tries < 1_000; tries++) {
            try {
                Thread.sleep(1);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        Files.writeString(maps.resolve("uid_map"), "0 1000000 65536\n");
        Files.writeString(maps.resolve("gid_map"), "0 1000000 65536\n");
        this.userNamespace =
                Posix.openat(Posix.AT_FDCWD, maps.resolve("ns/user").toString(), Posix.O_RDONLY, 0);
    }

    /**
     * Takes the times.
     *
     * @param image its layers must be EROFS files
     * @param scratch an empty directory, for the upper layer
     * @throws IOException with what is missing here
     */
    public static Result of(ImageStore store, Image image, Path scratch, int rounds) throws IOException {
        StorePaths paths = new StorePaths(store.directory());
        List<Path> files = new ArrayList<>();
        for (String layer : image.layers().reversed()) {
            files.add(paths.layers()
                    .resolve(layer.substring(layer.indexOf(':') + 1))
                    .resolve(ErofsFile.NAME));
        }
        if (files.isEmpty() || !files.stream().allMatch(Files::exists)) {
            throw new IOException("the layers of " + image.name() + " are no EROFS files");
        }
        Files.createDirectories(scratch.resolve("upper"));
        Files.createDirectories(scratch.resolve("work"));
        try (MountTiming timing = new MountTiming(files, scratch)) {
            return timing.measure(rounds);
        } catch (Posix.Failure e) {
            throw new IOException("the image could not be mounted: " + e.getMessage(), e);
        }
    }

    private Result measure(int rounds) throws Posix.Failure {
        double[] first = new double[rounds];
        double[] further = new double[rounds];
        for (int round = 0; round < rounds; round++) {
            List<Integer> lowers = new ArrayList<>();
            List<Integer> opened = new ArrayList<>();
            try {
                long start = System.nanoTime();
                for (Path file : files) {
                    lowers.add(mount(file));
                }
                stack(lowers, opened);
                first[round] = (System.nanoTime() - start) / 1e6;
                // overlayfs lets one mount at a time have an upper directory.
                close(opened);
                long again = System.nanoTime();
                stack(lowers, opened);
                further[round] = (System.nanoTime() - again) / 1e6;
            } finally {
                // Unmounts: nothing else has them.
                close(opened);
                close(lowers);
            }
        }
        Arrays.sort(first);
        Arrays.sort(further);
        return new Result(first[rounds / 2], further[rounds / 2]);
    }

    private int mount(Path file) throws Posix.Failure {
        try {
            return mount(file, true);
        } catch (Posix.Failure e) {
            if (e.errno() != EINVAL) {
                throw e;
            }
            return mount(file, false);
        }
    }

    private int mount(Path file, boolean direct) throws Posix.Failure {
        int context = fsopen("erofs");
        try {
            set(context, "source", StorePaths.bytes(file));
            if (direct) {
                Posix.raw("fsconfig", FSCONFIG, context, FSCONFIG_SET_FLAG, text("directio"), 0, 0);
            }
            return create(context);
        } finally {
            Posix.close(context);
        }
    }

    /** One Tiny VM's view of the layers, looked into. @param opened gets what is to be closed, in this order reversed */
    private void stack(List<Integer> lowers, List<Integer> opened) throws Posix.Failure {
        int overlay = fsopen("overlay");
        opened.add(overlay);
        MemorySegment attributes = arena.allocate(32, 8);
        attributes.set(ValueLayout.JAVA_LONG, 0, MOUNT_ATTR_IDMAP);
        attributes.set(ValueLayout.JAVA_LONG, 24, userNamespace);
        for (int lower : lowers) {
            int tree = (int)
                    Posix.raw("open_tree", OPEN_TREE, lower, text(""), 1 | OPEN_TREE_CLOEXEC | Posix.AT_EMPTY_PATH);
            opened.add(tree);
            long _ = Posix.raw(
                    "mount_setattr", MOUNT_SETATTR, tree, text(""), Posix.AT_EMPTY_PATH, attributes.address(), 32);
            long _ = Posix.raw("fsconfig", FSCONFIG, overlay, FSCONFIG_SET_FD, text("lowerdir+"), 0, tree);
        }
        set(overlay, "upperdir", scratch.resolve("upper").toString());
        set(overlay, "workdir", scratch.resolve("work").toString());
        int made = create(overlay);
        opened.add(made);
        opened.add(Posix.openat(made, "usr/bin", Posix.O_RDONLY | Posix.O_DIRECTORY, 0));
    }

    private static void close(List<Integer> opened) throws Posix.Failure {
        for (int descriptor : opened.reversed()) {
            Posix.close(descriptor);
        }
        opened.clear();
    }

    private int fsopen(String type) throws Posix.Failure {
        return (int) Posix.raw("fsopen", FSOPEN, text(type), CLOEXEC);
    }

    private void set(int context, String key, String value) throws Posix.Failure {
        long _ = Posix.raw("fsconfig", FSCONFIG, context, FSCONFIG_SET_STRING, text(key), text(value), 0);
    }

    private static int create(int context) throws Posix.Failure {
        long _ = Posix.raw("fsconfig", FSCONFIG, context, FSCONFIG_CMD_CREATE);
        return (int) Posix.raw("fsmount", FSMOUNT, context, CLOEXEC, MOUNT_ATTR_NODEV);
    }

    private long text(String text) {
        return arena.allocateFrom(text, StandardCharsets.ISO_8859_1).address();
    }

    @Override
    public void close() throws IOException {
        holder.destroy();
        arena.close();
        try {
            Posix.close(userNamespace);
        } catch (Posix.Failure e) {
            throw new IOException(e);
        }
    }
}
