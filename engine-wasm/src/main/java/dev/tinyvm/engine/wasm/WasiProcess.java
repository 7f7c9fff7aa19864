package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.List;
import run.endive.runtime.Memory;

/** WASI preview 1: arguments, environment, clocks, randomness, waiting, exit. */
final class WasiProcess {
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final int REALTIME = 0;
    private static final int MONOTONIC = 1;
    private static final int PROCESS_CPU = 2;
    private static final int THREAD_CPU = 3;
    private static final int MAX_SUBSCRIPTIONS = 1024;
    private static final int SUBSCRIPTION_BYTES = 48;
    private static final int EVENT_BYTES = 32;
    private static final int CLOCK = 0;
    private static final int FD_READ = 1;

    private WasiProcess() {}

    static void register() {
        add("args_sizes_get", "ii", (g, a) -> sizes(g, a, g.arguments()));
        add("args_get", "ii", (g, a) -> strings(g, a, g.arguments()));
        add("environ_sizes_get", "ii", (g, a) -> sizes(g, a, environment(g)));
        add("environ_get", "ii", (g, a) -> strings(g, a, environment(g)));
        add("clock_res_get", "ii", WasiProcess::resolution);
        add("clock_time_get", "iIi", WasiProcess::time);
        add("random_get", "ii", WasiProcess::random);
        // A thread of its own runs each process; there is nobody to make way for.
        add("sched_yield", "", (g, a) -> WasiErrno.SUCCESS);
        add("proc_raise", "i", (g, a) -> WasiErrno.NOSYS);
        add("poll_oneoff", "iiii", WasiProcess::poll);
        HostFunctions.addVoid(HostFunctions.WASI, "proc_exit", "i", (g, a) -> {
            throw new GuestStop.Exit((int) a[0]);
        });
    }

    /** Nanoseconds of a clock; −1 for one that does not exist. */
    static long clock(GuestContext guest, int id) {
        return switch (id) {
            case REALTIME -> GuestBytes.nanos(java.time.Instant.now());
            case MONOTONIC -> System.nanoTime() - guest.startNanos();
            case PROCESS_CPU, THREAD_CPU -> guest.process().cpuNanos();
            default -> -1;
        };
    }

    private static int sizes(GuestContext guest, long[] a, List<String> all) {
        guest.memory().writeI32((int) a[0], all.size());
        guest.memory()
                .writeI32(
                        (int) a[1],
                        all.stream()
                                .mapToInt(s -> s.getBytes(StandardCharsets.UTF_8).length + 1)
                                .sum());
        return WasiErrno.SUCCESS;
    }

    private static int strings(GuestContext guest, long[] a, List<String> all) {
        int pointer = (int) a[0];
        int at = (int) a[1];
        for (String one : all) {
            byte[] bytes = (one + "\0").getBytes(StandardCharsets.UTF_8);
            guest.memory().writeI32(pointer, at);
            guest.memory().write(at, bytes, 0, bytes.length);
            pointer += 4;
            at += bytes.length;
        }
        return WasiErrno.SUCCESS;
    }

    private static List<String> environment(GuestContext guest) {
        return guest.environment().entrySet().stream()
                .map(e -> e.getKey() + "=" + e.getValue())
                .toList();
    }

    private static int resolution(GuestContext guest, long[] a) {
        if (clock(guest, (int) a[0]) < 0) {
            return WasiErrno.INVAL;
        }
        guest.memory().writeLong((int) a[1], 1000);
        return WasiErrno.SUCCESS;
    }

    private static int time(GuestContext guest, long[] a) {
        long nanos = clock(guest, (int) a[0]);
        if (nanos < 0) {
            return WasiErrno.INVAL;
        }
        SnapshotRequest snapshot = guest.snapshot();
        if (snapshot != null && snapshot.armed()) {
            throw new GuestStop.Snapshot();
        }
        guest.memory().writeLong((int) a[2], nanos);
        return WasiErrno.SUCCESS;
    }

    private static int random(GuestContext guest, long[] a) {
        long left = a[1] & 0xffffffffL;
        int at = (int) a[0];
        while (left > 0) {
            byte[] part = new byte[(int) Math.min(left, GuestBytes.PART_BYTES)];
            RANDOM.nextBytes(part);
            guest.memory().write(at, part, 0, part.length);
            at += part.length;
            left -= part.length;
            Checkpoint.poll();
        }
        return WasiErrno.SUCCESS;
    }

    /** Waits for the first clock or for input. Files and output are always ready, as on Linux. */
    private static int poll(GuestContext guest, long[] a) {
        int count = (int) a[2];
        if (count <= 0 || count > MAX_SUBSCRIPTIONS) {
            throw new GuestFileException(Errno.EINVAL, count + " subscriptions");
        }
        Memory memory = guest.memory();
        long startNanos = System.nanoTime();
        while (true) {
            int events = 0;
            long soonest = Long.MAX_VALUE;
            boolean input = false;
            for (int i = 0; i < count; i++) {
                int at = (int) a[0] + i * SUBSCRIPTION_BYTES;
                long left = memory.read(at + 8) == CLOCK ? untilClock(guest, memory, at, startNanos) : Long.MAX_VALUE;
                boolean isInput = memory.read(at + 8) == FD_READ && memory.readInt(at + 16) == 0;
                soonest = Math.min(soonest, left);
                input |= isInput;
                boolean happened = memory.read(at + 8) == CLOCK
                        ? left <= 0
                        : !isInput || guest.process().streams().inputReady();
                if (happened) {
                    event(guest, memory, at, (int) a[1] + events * EVENT_BYTES, isInput);
                    events++;
                }
            }
            if (events > 0) {
                memory.writeI32((int) a[3], events);
                return WasiErrno.SUCCESS;
            }
            long nanos = Math.min(soonest, Long.MAX_VALUE / 4);
            if (input) {
                guest.process().waiting(() -> guest.process().streams().awaitInput(nanos));
            } else {
                guest.process().sleep(nanos);
            }
        }
    }

    private static void event(GuestContext guest, Memory memory, int subscription, int event, boolean isInput) {
        byte type = memory.read(subscription + 8);
        long userData = memory.readLong(subscription);
        memory.fill((byte) 0, event, event + EVENT_BYTES);
        memory.writeLong(event, userData);
        memory.writeByte(event + 10, type);
        memory.writeLong(event + 16, isInput ? guest.process().streams().available() : type == CLOCK ? 0 : 1);
    }

    private static long untilClock(GuestContext guest, Memory memory, int subscription, long startNanos) {
        long timeout = memory.readLong(subscription + 24);
        if ((memory.readShort(subscription + 40) & 1) == 0) {
            return timeout < 0 ? Long.MAX_VALUE : timeout - (System.nanoTime() - startNanos);
        }
        long now = clock(guest, memory.readInt(subscription + 16));
        return now < 0 ? 0 : timeout - now;
    }

    private static void add(String name, String parameters, HostFunctions.Call call) {
        HostFunctions.add(HostFunctions.WASI, name, parameters, call);
    }
}
