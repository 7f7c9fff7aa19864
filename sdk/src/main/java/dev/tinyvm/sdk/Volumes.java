package dev.tinyvm.sdk;

import dev.tinyvm.spec.Quantities;
import dev.tinyvm.spec.Volume;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URLEncoder;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.node.ObjectNode;

/** Named volumes, and the volumes of running Tiny VMs: {@link TinyVmClient#volumes}. */
public final class Volumes {
    /** Where the volume is mounted in the Tiny VM that reads or fills it. */
    private static final String PLACE = "/volume";

    private static final int KEPT_MESSAGE_BYTES = 4_096;

    private final TinyVmClient client;
    private final Transport transport;

    Volumes(TinyVmClient client, Transport transport) {
        this.client = client;
        this.transport = transport;
    }

    /** @param exclusive whether one Tiny VM at a time may mount it */
    public VolumeInfo create(String name, long sizeBytes, boolean exclusive) {
        ObjectNode body = Transport.object();
        body.put("name", name);
        body.put("size", Quantities.formatBytes(sizeBytes));
        body.put("exclusive", exclusive);
        return Decoding.volume(send("POST", "/volumes", body));
    }

    public List<VolumeInfo> list() {
        return Decoding.list(transport.get("/volumes").path("volumes"), Decoding::volume);
    }

    public VolumeInfo get(String name) {
        return Decoding.volume(transport.get("/volumes/" + encoded(name)));
    }

    /** Changes what it may hold. */
    public VolumeInfo resize(String name, long sizeBytes) {
        ObjectNode body = Transport.object();
        body.put("size", Quantities.formatBytes(sizeBytes));
        return Decoding.volume(send("PATCH", "/volumes/" + encoded(name), body));
    }

    /** With all that is in it. */
    public void remove(String name) {
        transport.delete("/volumes/" + encoded(name));
    }

    /** Mounts a volume in a running Tiny VM, and at each of its starts from now on. */
    public VmInfo attach(String vm, Volume volume) {
        ObjectNode body = Transport.object();
        body.put(volume.isNamed() ? "name" : "hostPath", volume.source());
        body.put("mountPath", volume.mountPath());
        body.put("readOnly", volume.readOnly());
        volume.sizeBytes().ifPresent(bytes -> body.put("size", Quantities.formatBytes(bytes)));
        return Decoding.vm(send("POST", "/vms/" + encoded(vm) + "/volumes", body));
    }

    /** @param force also while something inside uses it */
    public VmInfo detach(String vm, String mountPath, boolean force) {
        return Decoding.vm(transport.send(
                "DELETE",
                "/vms/" + encoded(vm) + "/volumes?mountPath=" + encoded(mountPath) + (force ? "&force=true" : ""),
                "",
                BodyPublishers.noBody(),
                Transport.REQUEST_TIMEOUT,
                Map.of()));
    }

    /**
     * Writes all that is in a volume as a tar stream, with owners, modes and links. A Tiny VM of image {@code host}, which goes when this returns, reads it
     * with the host's {@code tar}.
     *
     * @throws TinyVmException when there is no such volume, or tar fails; the stream is then not whole
     */
    public void exportTo(String name, OutputStream to) throws IOException, InterruptedException {
        transfer(
                name,
                true,
                List.of("tar", "-C", PLACE, "--sort=name", "--numeric-owner", "-cf", "-", "."),
                session -> {
                    session.closeStdin();
                },
                to::write);
    }

    /** Adds what a tar stream holds to a volume, which must exist; names that are there are replaced. As {@link #exportTo}. */
    public void importFrom(String name, InputStream from) throws IOException, InterruptedException {
        transfer(
                name,
                false,
                List.of("tar", "-C", PLACE, "--numeric-owner", "-xpf", "-"),
                session -> {
                    try (OutputStream stdin = session.stdin()) {
                        from.transferTo(stdin);
                    }
                },
                bytes -> {});
    }

    private void transfer(
            String name, boolean readOnly, List<String> command, Step<ExecSession> input, Step<byte[]> output)
            throws IOException, InterruptedException {
        VolumeInfo _ = get(name);
        String descriptor = """
                {"apiVersion": "tinyvm.dev/v1", "kind": "Agent", "spec": {"image": "host", "engine": "container", "command": ["sleep", "infinity"],
                 "resources": {"cpu": 1, "memory": "64Mi", "disk": "16Mi"},
                 "volumes": [{"name": "%s", "mountPath": "%s", "readOnly": %s}]}}""".formatted(name, PLACE, readOnly);
        RunRequest holder = new RunRequest(Descriptor.json(descriptor), Optional.empty(), false, true);
        try (RunSession vm = client.run(holder, waiting -> {});
                ExecSession tar = client.openExec(
                        vm.vm().id(), ExecCommand.of(command).withUser("root").withStdin(true))) {
            Thread feeding = Thread.ofVirtual().start(() -> feed(input, tar));
            ByteArrayOutputStream said = new ByteArrayOutputStream();
            while (true) {
                switch (tar.next()) {
                    case ExecSession.Stdout(byte[] bytes) -> output.take(bytes);
                    case ExecSession.Stderr(byte[] bytes) ->
                        said.write(
                                bytes,
                                0,
                                Math.min(bytes.length, KEPT_MESSAGE_BYTES - Math.min(said.size(), KEPT_MESSAGE_BYTES)));
                    case ExecSession.Exited exited -> {
                        feeding.join();
                        if (exited.shellStatus() != 0) {
                            throw new IOException("tar ended with " + exited.shellStatus() + ": "
                                    + said.toString(StandardCharsets.UTF_8).strip());
                        }
                        return;
                    }
                }
            }
        }
    }

    /** A session whose input fails is ended: what it has read so far must not pass for the whole. */
    private static void feed(Step<ExecSession> input, ExecSession session) {
        try {
            input.take(session);
        } catch (IOException | TinyVmException e) {
            session.close();
        }
    }

    /** One side of a transfer. */
    @FunctionalInterface
    private interface Step<T> {
        void take(T what) throws IOException;
    }

    private tools.jackson.databind.JsonNode send(String method, String path, ObjectNode body) {
        return transport.send(
                method,
                path,
                "application/json",
                BodyPublishers.ofString(body.toString()),
                Transport.REQUEST_TIMEOUT,
                Map.of());
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }
}
