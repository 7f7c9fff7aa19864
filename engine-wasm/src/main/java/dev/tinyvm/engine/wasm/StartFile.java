package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/** {@code /dev/tinyvm/1/start}: what a snapshot's run cannot know, its arguments and environment. Only runtimes of the engine's own have it. */
final class StartFile implements HostFile {
    private final byte[] content;
    private int at;

    StartFile(byte[] content) {
        this.content = content;
    }

    static byte[] of(List<String> arguments, Map<String, String> environment) {
        return JsonMapper.shared()
                .writeValueAsBytes(Map.of(
                        "argv", arguments, "env", environment, "directory", environment.getOrDefault("PWD", "/")));
    }

    @Override
    public int read(byte[] into, int offset, int length) {
        int part = Math.min(length, content.length - at);
        System.arraycopy(content, at, into, offset, part);
        at += part;
        return part;
    }

    @Override
    public int write(byte[] bytes, int offset, int length) {
        throw new GuestFileException(Errno.EINVAL, "it can only be read");
    }

    @Override
    public void close() {
        // Nothing is kept.
    }
}
