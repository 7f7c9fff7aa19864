package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import java.nio.charset.StandardCharsets;

/** {@code /dev/tinyvm/1/log}: each write is one line of the agent's log, as the function {@code log} writes it. */
final class LogFile implements HostFile {
    private static final int INFO = 2;
    private final GuestContext guest;

    LogFile(GuestContext guest) {
        this.guest = guest;
    }

    @Override
    public int read(byte[] into, int offset, int length) {
        return 0;
    }

    @Override
    public int write(byte[] bytes, int offset, int length) {
        if (length > TinyvmInterface.MAX_LINE_BYTES) {
            throw new GuestFileException(Errno.ENAMETOOLONG, "a line of " + length + " bytes");
        }
        TinyvmInterface.log(guest, INFO, new String(bytes, offset, length, StandardCharsets.UTF_8));
        return length;
    }

    @Override
    public void close() {
        // Nothing is kept.
    }
}
