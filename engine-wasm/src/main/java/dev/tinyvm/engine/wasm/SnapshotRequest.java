package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * {@code /dev/tinyvm/1/snapshot}: a runtime that has been set up says where its next runs begin; the snapshot is taken in the next call of the clock. Only
 * there while the engine makes a snapshot.
 */
final class SnapshotRequest implements HostFile {
    private static final Pattern ADDRESSES = Pattern.compile("(\\d{1,10}) (\\d{1,10}) (\\d{1,10})");
    private boolean armed;
    private int run;
    private int noArguments;
    private int stack;

    boolean armed() {
        return armed;
    }

    int run() {
        return run;
    }

    int noArguments() {
        return noArguments;
    }

    int stack() {
        return stack;
    }

    @Override
    public int read(byte[] into, int offset, int length) {
        return 0;
    }

    @Override
    public int write(byte[] bytes, int offset, int length) {
        Matcher addresses = ADDRESSES.matcher(new String(bytes, offset, length, StandardCharsets.US_ASCII));
        if (!addresses.matches()) {
            throw new GuestFileException(Errno.EINVAL, "it takes three addresses");
        }
        run = Integer.parseUnsignedInt(addresses.group(1));
        noArguments = Integer.parseUnsignedInt(addresses.group(2));
        stack = Integer.parseUnsignedInt(addresses.group(3));
        armed = true;
        return length;
    }

    @Override
    public void close() {
        // What was asked for stays.
    }
}
