package dev.tinyvm.sdk;

import dev.tinyvm.spec.Quantities;
import dev.tinyvm.spec.Volume;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.http.HttpRequest.BodyPublishers;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Named volumes, and the volumes of running Tiny VMs: {@link TinyVmClient#volumes}. */
public final class Volumes {
    private static final String TAR = "application/x-tar";

    private final Transport transport;

    Volumes(Transport transport) {
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
        return Decoding.volume(transport.get("/volumes/" + Transport.segment(name)));
    }

    /** Changes what it may hold. */
    public VolumeInfo resize(String name, long sizeBytes) {
        ObjectNode body = Transport.object();
        body.put("size", Quantities.formatBytes(sizeBytes));
        return Decoding.volume(send("PATCH", "/volumes/" + Transport.segment(name), body));
    }

    /** With all that is in it. */
    public void remove(String name) {
        transport.delete("/volumes/" + Transport.segment(name));
    }

    /** Mounts a volume in a running Tiny VM, and at each of its starts from now on. */
    public VmInfo attach(String vm, Volume volume) {
        ObjectNode body = Transport.object();
        body.put(volume.isNamed() ? "name" : "hostPath", volume.source());
        body.put("mountPath", volume.mountPath());
        body.put("readOnly", volume.readOnly());
        volume.sizeBytes().ifPresent(bytes -> body.put("size", Quantities.formatBytes(bytes)));
        return Decoding.vm(send("POST", "/vms/" + Transport.segment(vm) + "/volumes", body));
    }

    /** @param force also while something inside uses it */
    public VmInfo detach(String vm, String mountPath, boolean force) {
        return Decoding.vm(transport.send(
                "DELETE",
                "/vms/" + Transport.segment(vm) + "/volumes?mountPath=" + Transport.segment(mountPath)
                        + (force ? "&force=true" : ""),
                "",
                BodyPublishers.noBody(),
                Transport.REQUEST_TIMEOUT,
                Map.of()));
    }

    /**
     * Writes all that is in a volume as a tar stream, with owners, modes and links.
     *
     * @throws TinyVmException when there is no such volume, or it cannot be read
     * @throws IOException of either stream; the archive is then not whole
     */
    public void exportTo(String name, OutputStream to) throws IOException {
        try (InputStream archive = transport.stream("/volumes/" + Transport.segment(name) + "/archive", TAR, Map.of())
                .body()) {
            archive.transferTo(to);
        }
    }

    /**
     * Adds what a tar stream holds to a volume, which must exist; names that are there are replaced.
     *
     * @throws TinyVmException when there is no such volume, or the archive is refused; what was unpacked before stays
     */
    public VolumeInfo importFrom(String name, InputStream from) {
        return Decoding.volume(transport.send(
                "PUT",
                "/volumes/" + Transport.segment(name) + "/archive",
                TAR,
                BodyPublishers.ofInputStream(() -> from),
                VmFiles.UPLOAD_TIMEOUT,
                Map.of()));
    }

    private JsonNode send(String method, String path, ObjectNode body) {
        return transport.send(
                method,
                path,
                "application/json",
                BodyPublishers.ofString(body.toString()),
                Transport.REQUEST_TIMEOUT,
                Map.of());
    }
}
