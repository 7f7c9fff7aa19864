package dev.tinyvm.server.api;

import dev.tinyvm.manager.Manager;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.manager.NamedVolumes.VolumeInfo;
import dev.tinyvm.server.http.Call;
import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.JsonRequest;
import dev.tinyvm.server.http.Route;
import dev.tinyvm.server.http.Router;
import dev.tinyvm.spec.Quantities;
import dev.tinyvm.spec.Volume;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;

/** {@code /volumes}, and the volumes of running Tiny VMs. */
final class VolumeRoutes {
    /** Absolute, without {@code .}, {@code ..}, empty parts or an end in a slash. */
    private static final Pattern CLEAN_PATH = Pattern.compile("(/(?!\\.{1,2}(/|$))[^/\u0000]+)+");

    private static final String TAR = "application/x-tar";

    private final Manager manager;

    VolumeRoutes(Manager manager) {
        this.manager = manager;
    }

    void mount(Router router, String base) {
        router.add(Route.of("GET", base + "/volumes", this::list));
        router.add(Route.of("POST", base + "/volumes", this::create));
        router.add(Route.of(
                "GET",
                base + "/volumes/{volume}",
                call -> answer(call, 200, manager.volumes().get(call.variable("volume")))));
        router.add(Route.of("PATCH", base + "/volumes/{volume}", call -> {
            JsonRequest body = call.json();
            long size = size(body.requiredText("size"));
            body.finish();
            answer(call, 200, manager.volumes().resize(call.variable("volume"), size));
        }));
        router.add(Route.of("DELETE", base + "/volumes/{volume}", call -> {
            manager.volumes().remove(call.variable("volume"));
            call.empty(204);
        }));
        router.add(Route.of("GET", base + "/volumes/{volume}/archive", this::exportTo));
        router.add(Route.of("PUT", base + "/volumes/{volume}/archive", this::importFrom));
        router.add(Route.of("POST", base + "/vms/{vm}/volumes", this::attach));
        router.add(Route.of("DELETE", base + "/vms/{vm}/volumes", call -> {
            String path = call.query("mountPath")
                    .orElseThrow(() -> HttpError.invalid("the query parameter 'mountPath' is missing"));
            boolean force = call.flag("force", false);
            VmStatus vm = manager.detach(call.variable("vm"), path, force);
            call.json(200, g -> VmJson.vm(g, vm, true));
        }));
    }

    private void list(Call call) {
        List<VolumeInfo> all = manager.volumes().list();
        call.json(200, g -> {
            g.writeStartObject();
            g.writeArrayPropertyStart("volumes");
            all.forEach(volume -> volume(g, volume));
            g.writeEndArray();
            g.writeEndObject();
        });
    }

    private void create(Call call) {
        JsonRequest body = call.json();
        String name = body.requiredText("name");
        long size = body.optionalText("size").map(VolumeRoutes::size).orElse(Volume.DEFAULT_SIZE_BYTES);
        boolean exclusive = body.flag("exclusive", false);
        body.finish();
        answer(call, 201, manager.volumes().create(name, size, exclusive));
    }

    private void exportTo(Call call) throws IOException {
        try (LateStream out = new LateStream(() -> call.stream(200, TAR))) {
            manager.exportVolume(call.variable("volume"), out, call.caller());
            out.complete();
        }
    }

    private void importFrom(Call call) {
        call.takesLong();
        try {
            manager.importVolume(call.variable("volume"), call.bodyStream(), call.caller());
        } catch (IOException e) {
            throw HttpError.invalid("the archive broke off; a part of it may be in the volume");
        }
        answer(call, 200, manager.volumes().get(call.variable("volume")));
    }

    /** Begins the answer with the first byte, so that what fails before is an error like any other; closed before it is complete, it breaks off. */
    private static final class LateStream extends OutputStream {
        private final Supplier<OutputStream> opening;
        private @Nullable OutputStream out;
        private boolean complete;

        LateStream(Supplier<OutputStream> opening) {
            this.opening = opening;
        }

        @Override
        public void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            OutputStream to = out == null ? opening.get() : out;
            out = to;
            to.write(bytes, offset, length);
        }

        void complete() {
            complete = true;
        }

        @Override
        public void close() throws IOException {
            OutputStream to = out;
            if (complete && to != null) {
                to.close();
            }
        }
    }

    private void attach(Call call) {
        JsonRequest body = call.json();
        String name = body.text("name", "");
        String hostPath = body.text("hostPath", "");
        String mountPath = body.requiredText("mountPath");
        boolean readOnly = body.flag("readOnly", false);
        OptionalLong size = body.optionalText("size")
                .map(text -> OptionalLong.of(size(text)))
                .orElse(OptionalLong.empty());
        body.finish();
        if (name.isEmpty() == hostPath.isEmpty()) {
            throw HttpError.invalid("a volume has either a `name` or a `hostPath`");
        }
        if (!name.isEmpty()) {
            Volume.wrongName(name).ifPresent(wrong -> {
                throw HttpError.invalid("`name` " + wrong);
            });
        }
        requireClean("mountPath", mountPath);
        if (mountPath.matches("/(proc|sys|dev)(/.*)?")) {
            throw HttpError.invalid("nothing can be mounted over /proc, /sys, /dev or below");
        }
        if (!hostPath.isEmpty()) {
            requireClean("hostPath", hostPath);
        }
        VmStatus vm = manager.attach(call.variable("vm"), new Volume(name, hostPath, mountPath, readOnly, size));
        call.json(200, g -> VmJson.vm(g, vm, true));
    }

    private static void requireClean(String field, String path) {
        if (path.length() > 1_023 || !CLEAN_PATH.matcher(path).matches()) {
            throw HttpError.invalid(
                    "`" + field
                            + "` must be an absolute path of at most 1,023 characters other than /, without `.`, `..`, `//` or a slash at its end");
        }
    }

    private static long size(String text) {
        try {
            return Quantities.parseBytes(text);
        } catch (IllegalArgumentException e) {
            throw HttpError.invalid("`size`: " + e.getMessage());
        }
    }

    private static void answer(Call call, int status, VolumeInfo volume) {
        call.json(status, g -> volume(g, volume));
    }

    private static void volume(JsonGenerator g, VolumeInfo volume) {
        g.writeStartObject();
        g.writeStringProperty("name", volume.name());
        g.writeNumberProperty("sizeBytes", volume.sizeBytes());
        g.writeBooleanProperty("exclusive", volume.exclusive());
        g.writeStringProperty("createdAt", volume.createdAt().toString());
        if (volume.usedBytes().isPresent()) {
            g.writeNumberProperty("usedBytes", volume.usedBytes().getAsLong());
        }
        VmJson.texts(g, "usedBy", volume.usedBy());
        g.writeEndObject();
    }
}
