package dev.tinyvm.sdk;

import static dev.tinyvm.sdk.Transport.query;

import java.io.InputStream;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.node.ObjectNode;

/**
 * The files inside one VM. Relative paths are relative to the user's home. Failures are {@link TinyVmException} with an {@link TinyVmException#errno}, such as {@code ENOENT}.
 */
public final class VmFiles {
    static final Duration UPLOAD_TIMEOUT = Duration.ofHours(6);
    private final Transport transport;
    private final String base;
    private final String user;

    /** @param base such as {@code /vms/x/files} */
    VmFiles(Transport transport, String base, String user) {
        this.transport = transport;
        this.base = base;
        this.user = user;
    }

    /** The same files with the rights of another user. */
    public VmFiles as(String name) {
        return new VmFiles(transport, base, name);
    }

    /** @param followLinks whether a symlink's target is described */
    public FileEntry stat(String path, boolean followLinks) {
        return Decoding.file(transport.get(base + "/stat?" + at(path) + "&follow=" + followLinks));
    }

    /** @param depth 1 lists the directory itself only */
    public List<FileEntry> list(String path, int depth) {
        return Decoding.list(
                transport.get(base + "/list?" + at(path) + "&depth=" + depth).path("entries"), Decoding::file);
    }

    /** The file from its start to its end; the caller closes it. */
    public InputStream read(String path) {
        return read(path, 0, -1);
    }

    /** A part of a file; the caller closes it. A read that breaks off throws, it never looks like the end. @param length −1: to the end */
    public InputStream read(String path, long offset, long length) {
        String range = (offset > 0 ? "&offset=" + offset : "") + (length >= 0 ? "&length=" + length : "");
        return transport.stream(base + "?" + at(path) + range, "application/octet-stream", Map.of())
                .body();
    }

    public void write(String path, byte[] content) {
        write(path, BodyPublishers.ofByteArray(content), WriteOptions.REPLACE);
    }

    /** Streams any amount. The file is complete when this returns. */
    public void write(String path, InputStream content, WriteOptions options) {
        write(path, BodyPublishers.ofInputStream(() -> content), options);
    }

    /** @param parents make missing parents; an existing directory is no error then */
    public void makeDirectory(String path, int mode, boolean parents) {
        post(
                "/mkdir",
                Transport.object()
                        .put("path", path)
                        .put("mode", Integer.toOctalString(mode))
                        .put("parents", parents));
    }

    public void rename(String from, String to, boolean noReplace) {
        post("/rename", Transport.object().put("from", from).put("to", to).put("noReplace", noReplace));
    }

    public void chmod(String path, int mode) {
        post("/chmod", Transport.object().put("path", path).put("mode", Integer.toOctalString(mode)));
    }

    public void remove(String path, boolean recursive) {
        transport.delete(base + "?" + at(path) + "&recursive=" + recursive);
    }

    /** Changes from now on, until closed. */
    public ItemStream<FileChange> watch(String path, boolean recursive) {
        return new ItemStream<>(
                transport,
                transport.stream(base + "/watch?" + at(path) + "&recursive=" + recursive, "text/event-stream", Map.of())
                        .body(),
                Decoding::change);
    }

    private void write(String path, BodyPublisher body, WriteOptions options) {
        String query = at(path) + "&mode=" + Integer.toOctalString(options.mode()) + "&parents="
                + options.makeParents() + "&append=" + options.append() + "&exclusive=" + options.exclusive()
                + "&atomic=" + options.atomic();
        transport.send("PUT", base + "?" + query, "application/octet-stream", body, UPLOAD_TIMEOUT, Map.of());
    }

    private void post(String what, ObjectNode body) {
        if (!user.isEmpty()) {
            body.put("user", user);
        }
        transport.post(base + what, body, Transport.REQUEST_TIMEOUT);
    }

    private String at(String path) {
        return query("path", path) + (user.isEmpty() ? "" : "&" + query("user", user));
    }

    /** @param mode permission bits of a new file @param atomic readers see the old or the new file, never a part */
    public record WriteOptions(int mode, boolean makeParents, boolean append, boolean exclusive, boolean atomic) {
        public static final WriteOptions REPLACE = new WriteOptions(0644, false, false, false, true);
    }
}
