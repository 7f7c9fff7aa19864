package dev.tinyvm.guestlink;

import dev.tinyvm.engine.GuestFiles.Entry;
import dev.tinyvm.guestlink.wire.PayloadReader;
import dev.tinyvm.guestlink.wire.WireException;
import java.time.Instant;
import java.util.Optional;

/** Reads the protocol's {@code entry}. */
final class EntryReader {
    static final int MIN_BYTES = 1 + 4 + 8 + 4 + 4 + 8 + 4 * 4;
    private static final int PERMISSION_BITS = 07777;
    private static final long NANOS = 1_000_000_000;

    private EntryReader() {}

    static Entry read(PayloadReader payload) throws WireException {
        Entry.Type type = switch (payload.u8()) {
            case 1 -> Entry.Type.FILE;
            case 2 -> Entry.Type.DIRECTORY;
            case 3 -> Entry.Type.SYMLINK;
            case 4 -> Entry.Type.OTHER;
            default -> throw new WireException("an entry of an unknown type");
        };
        int mode = payload.i32();
        if ((mode & ~PERMISSION_BITS) != 0) {
            throw new WireException("an entry with the mode 0" + Integer.toOctalString(mode));
        }
        long size = payload.u63();
        int uid = payload.i32();
        int gid = payload.i32();
        long nanos = payload.u64();
        Instant modifiedAt = Instant.ofEpochSecond(Math.floorDiv(nanos, NANOS), Math.floorMod(nanos, NANOS));
        String path = payload.str();
        String owner = payload.str();
        String group = payload.str();
        String target = payload.str();
        Optional<String> linkTarget = type == Entry.Type.SYMLINK ? Optional.of(target) : Optional.empty();
        return new Entry(type, mode, size, uid, gid, modifiedAt, path, owner, group, linkTarget);
    }
}
