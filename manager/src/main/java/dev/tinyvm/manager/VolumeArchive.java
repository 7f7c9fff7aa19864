package dev.tinyvm.manager;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.manager.Manager.CreateRequest;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.manager.ManagerException.Code;
import dev.tinyvm.manager.NamedVolumes.VolumeInfo;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.DescriptorReader;
import dev.tinyvm.spec.Quantities;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Saves and fills one named volume as a tar archive. The host's own tar does it, in a Tiny VM that has nothing but the volume and goes when this is done: an
 * archive is hostile, and there it can harm nothing but the volume that it is for.
 */
final class VolumeArchive {
    private static final Logger LOG = LoggerFactory.getLogger(VolumeArchive.class);
    private static final String PLACE = "/volume";
    private static final int KEPT_MESSAGE_BYTES = 4_096;
    private static final int BUFFER_BYTES = 64 << 10;
    private static final Duration CAPACITY = Duration.ofMinutes(1);
    private static final Duration POLL = Duration.ofMillis(20);
    private static final Duration END_AFTER_KILL = Duration.ofSeconds(10);
    private static final int SIGKILL = 9;
    /** An archive has headers and padding, and may hold a file twice; what is larger by far cannot be of use for the volume. */
    private static final long ROOM_BYTES = 1L << 30;

    private final Manager manager;
    private final String owner;

    /** @param owner name of the API key of whoever asks, for the bill */
    VolumeArchive(Manager manager, String owner) {
        this.manager = manager;
        this.owner = owner;
    }

    /** As {@link Manager#exportVolume}. */
    void exportTo(String name, OutputStream to) throws IOException {
        VolumeInfo _ = manager.volumes().get(name);
        String attempt = "could not export the volume " + name + ": ";
        inVm(name, true, attempt, vm -> {
            List<String> command = List.of("tar", "-C", PLACE, "--sort=name", "--numeric-owner", "-cf", "-", ".");
            try (GuestProcess tar = manager.exec(vm, request(command, false))) {
                try {
                    Said said = read(tar, to);
                    said.requireSuccess(attempt, Code.FAILED, "");
                } catch (IOException | InterruptedException e) {
                    tar.signal(SIGKILL, true);
                    throw e;
                }
            }
        });
    }

    /** As {@link Manager#importVolume}. */
    void importFrom(String name, InputStream from) throws IOException {
        VolumeInfo volume = manager.volumes().get(name);
        String attempt = "could not fill the volume " + name + ": ";
        inVm(name, false, attempt, vm -> {
            List<String> command = List.of("tar", "-C", PLACE, "--numeric-owner", "-xpf", "-");
            try (GuestProcess tar = manager.exec(vm, request(command, true))) {
                CompletableFuture<Said> said = new CompletableFuture<>();
                Thread.ofVirtual().name("tinyvm-volume-import").start(() -> {
                    try {
                        said.complete(read(tar, OutputStream.nullOutputStream()));
                    } catch (IOException | InterruptedException | RuntimeException e) {
                        said.completeExceptionally(e);
                    }
                });
                try {
                    feed(tar, from, volume, attempt);
                } catch (IOException | ManagerException e) {
                    // What it has got so far must not pass for the whole.
                    tar.signal(SIGKILL, true);
                    end(said, attempt);
                    throw e;
                }
                Said ended = end(said, attempt);
                ended.requireSuccess(attempt, Code.INVALID, ended.status == 0 ? "" : full(name));
            }
        });
    }

    private static void feed(GuestProcess tar, InputStream from, VolumeInfo volume, String attempt) throws IOException {
        byte[] buffer = new byte[BUFFER_BYTES];
        long left = Math.addExact(Math.multiplyExact(2, volume.sizeBytes()), ROOM_BYTES);
        try {
            for (int size = from.read(buffer); size >= 0; size = from.read(buffer)) {
                left -= size;
                if (left < 0) {
                    throw new ManagerException(
                            Code.INVALID,
                            attempt + "the archive is far larger than the volume, which holds "
                                    + Quantities.formatBytes(volume.sizeBytes()));
                }
                tar.writeStdin(buffer, 0, size);
            }
            tar.closeStdin();
        } catch (EngineException e) {
            if (e.code() != EngineException.Code.GONE) {
                throw e;
            }
            // It has ended, and says why.
        }
    }

    /** The reason that tar tells in other words. */
    private String full(String name) {
        VolumeInfo now = manager.volumes().get(name);
        boolean full = now.usedBytes().orElse(0) > now.sizeBytes() / 10 * 9;
        return full
                ? "; the volume is full: it holds " + Quantities.formatBytes(now.sizeBytes())
                        + ", volume resize makes that more"
                : "";
    }

    private static Said end(CompletableFuture<Said> said, String attempt) throws IOException {
        try {
            return said.get(END_AFTER_KILL.toSeconds() + CAPACITY.toSeconds(), TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
        } catch (TimeoutException e) {
            throw new ManagerException(Code.TIMEOUT, attempt + "tar does not end", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ManagerException(Code.FAILED, attempt + "interrupted", e);
        }
    }

    /** Takes what a process says until it ends. */
    private static Said read(GuestProcess tar, OutputStream output) throws IOException, InterruptedException {
        ByteArrayOutputStream errors = new ByteArrayOutputStream();
        long taken = 0;
        long complained = 0;
        while (true) {
            switch (tar.next()) {
                case Output.Stdout(long offset, byte[] bytes) -> {
                    output.write(bytes);
                    taken = offset + bytes.length;
                    tar.acknowledge(taken, complained);
                }
                case Output.Stderr(long offset, byte[] bytes) -> {
                    int room = KEPT_MESSAGE_BYTES - errors.size();
                    errors.write(bytes, 0, Math.min(bytes.length, room));
                    complained = offset + bytes.length;
                    tar.acknowledge(taken, complained);
                }
                case Output.Exited exited -> {
                    return new Said(
                            exited.shellStatus(),
                            errors.toString(StandardCharsets.UTF_8).strip());
                }
                case Output.Lost lost -> {
                    return new Said(-1, "its Tiny VM ended: " + lost.reason());
                }
            }
        }
    }

    private void inVm(String name, boolean readOnly, String attempt, Step step) throws IOException {
        VmStatus vm = manager.create(
                new CreateRequest(holder(name, readOnly), "", "", true, true, Map.of(), Optional.empty(), owner));
        try {
            awaitRunning(vm.id(), attempt);
            step.in(vm.id());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ManagerException(Code.FAILED, attempt + "interrupted", e);
        } finally {
            try {
                manager.remove(vm.id());
            } catch (ManagerException e) {
                if (e.code() != Code.NOT_FOUND) {
                    LOG.warn("could not remove {}, which had the volume {}: {}", vm.name(), name, e.getMessage());
                }
            }
        }
    }

    private void awaitRunning(String id, String attempt) throws InterruptedException {
        Instant end = Instant.now().plus(CAPACITY);
        VmStatus vm = manager.vm(id);
        while (vm.state() != VmState.RUNNING && vm.state() != VmState.WAITING) {
            if (vm.state().ended()) {
                throw new ManagerException(Code.FAILED, attempt + vm.message());
            }
            if (Instant.now().isAfter(end)) {
                throw new ManagerException(
                        Code.NO_CAPACITY,
                        attempt + "it needs 1 CPU and 64Mi while it runs, and the host is full: " + vm.message());
            }
            Thread.sleep(POLL);
            vm = manager.vm(id);
        }
    }

    private static Agent holder(String name, boolean readOnly) {
        return DescriptorReader.read("""
                {"apiVersion": "tinyvm.dev/v1", "kind": "Agent", "metadata": {}, "spec": {"image": "host", "engine": "container",
                 "resources": {"cpu": 1, "memory": "64Mi", "disk": "16Mi"}, "restart": {"policy": "never"},
                 "volumes": [{"name": "%s", "mountPath": "%s", "readOnly": %s}]}}""".formatted(name, PLACE, readOnly), "volume", null);
    }

    private static ExecRequest request(List<String> command, boolean stdin) {
        return new ExecRequest(command, Map.of(), "/", "root", Optional.empty(), stdin, "volume");
    }

    /** How tar ended. */
    private record Said(int status, String errors) {
        void requireSuccess(String attempt, Code otherwise, String hint) {
            if (status != 0) {
                throw new ManagerException(
                        otherwise, attempt + (errors.isEmpty() ? "tar ended with " + status : errors) + hint);
            }
        }
    }

    /** What is done in the Tiny VM of this id. */
    @FunctionalInterface
    private interface Step {
        void in(String vm) throws IOException, InterruptedException;
    }
}
