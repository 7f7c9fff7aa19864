package dev.tinyvm.images;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Writes tar archives that no tar program would. */
final class TarBuilder {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final long uid;
    private final long gid;

    /** Entries belong to this user, so that tests need not be root. */
    TarBuilder(long uid, long gid) {
        this.uid = uid;
        this.gid = gid;
    }

    TarBuilder directory(String name) {
        return header('5', name, "", 0, 0755).pad();
    }

    TarBuilder file(String name, String content) {
        return file(name, content, 0644);
    }

    TarBuilder file(String name, String content, int mode) {
        byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
        return header('0', name, "", bytes.length, mode).raw(bytes).pad();
    }

    TarBuilder bytes(String name, byte[] bytes) {
        return header('0', name, "", bytes.length, 0644).raw(bytes).pad();
    }

    TarBuilder symlink(String name, String target) {
        return header('2', name, target, 0, 0777);
    }

    TarBuilder hardLink(String name, String target) {
        return header('1', name, target, 0, 0644);
    }

    /** A pax header for the next entry. */
    TarBuilder pax(String key, byte[] value) {
        int length = key.length() + value.length + 3;
        while (Integer.toString(length).length() + key.length() + value.length + 3 != length) {
            length = Integer.toString(length).length() + key.length() + value.length + 3;
        }
        return header('x', "pax", "", length, 0644)
                .raw((length + " " + key + "=").getBytes(StandardCharsets.UTF_8))
                .raw(value)
                .raw("\n".getBytes(StandardCharsets.UTF_8))
                .pad();
    }

    TarBuilder header(char type, String name, String link, long size, int mode) {
        byte[] block = new byte[512];
        put(block, 0, 100, name);
        put(block, 100, 8, "%07o".formatted(mode));
        put(block, 108, 8, "%07o".formatted(uid));
        put(block, 116, 8, "%07o".formatted(gid));
        put(block, 124, 12, "%011o".formatted(size));
        put(block, 136, 12, "%011o".formatted(1_700_000_000L));
        block[156] = (byte) type;
        put(block, 157, 100, link);
        put(block, 257, 8, "ustar\00000");
        return raw(sealed(block));
    }

    /** With the right checksum. */
    static byte[] sealed(byte[] block) {
        Arrays.fill(block, 148, 156, (byte) ' ');
        int sum = 0;
        for (byte b : block) {
            sum += b & 0xff;
        }
        put(block, 148, 8, "%06o".formatted(sum));
        return block;
    }

    TarBuilder raw(byte[] bytes) {
        out.writeBytes(bytes);
        return this;
    }

    /** To the next block. */
    TarBuilder pad() {
        out.writeBytes(new byte[(512 - out.size() % 512) % 512]);
        return this;
    }

    byte[] end() {
        out.writeBytes(new byte[1024]);
        return out.toByteArray();
    }

    byte[] withoutEnd() {
        return out.toByteArray();
    }

    private static void put(byte[] block, int offset, int length, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        System.arraycopy(bytes, 0, block, offset, Math.min(length, bytes.length));
    }
}
