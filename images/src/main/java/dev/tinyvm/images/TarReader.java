package dev.tinyvm.images;

import java.io.IOException;
import java.io.InputStream;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads a tar archive (POSIX.1-2001 pax, ustar, GNU with long names) into a {@link TarSink}; the format is that of
 * {@code https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html} and tar(5).
 *
 * <p>Its own reader because names and extended attributes are bytes here: a library that decodes them as text loses
 * {@code security.capability} and names that are not UTF-8.
 */
final class TarReader {
    private static final int BLOCK = 512;
    /** Bytes of one pax header or long name. */
    private static final int MAX_HEADER_BYTES = 1 << 20;

    private static final String XATTR_PREFIX = "SCHILY.xattr.";

    private final InputStream in;
    private final TarSink sink;
    private final List<String> leftOut = new ArrayList<>();
    private final byte[] block = new byte[BLOCK];
    private Map<String, byte[]> pax = Map.of();
    private @Nullable String longName;
    private @Nullable String longLink;

    private TarReader(InputStream in, TarSink sink) {
        this.in = in;
        this.sink = sink;
    }

    /**
     * Reads to the end of the stream.
     *
     * @return names that were left out: device nodes in {@code dev/}, fifos
     */
    static List<String> read(InputStream in, TarSink sink) throws IOException, Posix.Failure {
        TarReader reader = new TarReader(in, sink);
        while (reader.entry()) {}
        in.transferTo(java.io.OutputStream.nullOutputStream());
        return reader.leftOut;
    }

    /** Reads one header and what follows it; false at the end mark. */
    private boolean entry() throws IOException, Posix.Failure {
        int read = in.readNBytes(block, 0, BLOCK);
        if (read == 0 && !sink.needsEndMark()) {
            return false;
        }
        if (read < BLOCK) {
            throw refused("it ends without the end mark of a tar archive; it is cut off, or no tar archive at all");
        }
        if (isZero()) {
            return false;
        }
        checkSum();
        long size = number(124, 12, "size");
        char type = (char) (block[156] & 0xff);
        switch (type) {
            case 'x' -> pax = records(content(size, "pax header"));
            case 'g' -> global(records(content(size, "pax header")));
            case 'L' -> longName = untilNul(content(size, "long name"));
            case 'K' -> longLink = untilNul(content(size, "long link"));
            default -> {
                member(type, size);
                pax = Map.of();
                longName = null;
                longLink = null;
            }
        }
        return true;
    }

    /** {@code git archive} writes its commit there; anything else would change what the entries say. */
    private static void global(Map<String, byte[]> header) {
        if (header.keySet().stream().anyMatch(key -> !key.equals("comment"))) {
            throw unsupported("a pax header that holds for all entries");
        }
    }

    private void member(char givenType, long headerSize) throws IOException, Posix.Failure {
        if (pax.keySet().stream().anyMatch(key -> key.startsWith("GNU.sparse."))) {
            throw unsupported("a sparse file; make the archive without --sparse");
        }
        long size = pax.containsKey("size") ? decimal("size").longValueExact() : headerSize;
        String raw = text("path", longName != null ? longName : headerName());
        String name = sink.clean(raw);
        String link = text("linkpath", longLink != null ? longLink : untilNul(157, 100));
        char type = (givenType == '0' || givenType == '\0') && raw.endsWith("/") ? '5' : givenType;
        switch (type) {
            case '0', '\0', '7' -> {
                if (name.isEmpty()) {
                    throw EntryName.refused("./", "is the image's root and must be a directory");
                }
                sink.file(name, meta(), size, in);
                if (sink.needsEndMark()) {
                    skip(padding(size));
                } else {
                    // `umoci insert` leaves that away, too, behind the last file.
                    byte[] _ = in.readNBytes((int) padding(size));
                }
                return;
            }
            case '1' -> sink.hardLink(name, EntryName.clean(link));
            case '2' -> sink.symlink(name, link, meta());
            case '5' -> sink.directory(name, meta());
            case '3', '4' -> {
                if (!name.startsWith("dev/")) {
                    throw EntryName.refused(
                            name,
                            "is a device node; a Tiny VM gets no device but those in its own /dev, remove it from the image");
                }
                sink.count(name);
                leftOut.add(name);
            }
            case '6' -> {
                sink.count(name);
                leftOut.add(name);
            }
            default ->
                throw unsupported("an entry of the type `" + (type > ' ' && type < 0x7f ? type : '?') + "` ("
                        + EntryName.shown(name)
                        + "); make the archive with: tar --format=pax --xattrs -C ROOT -cf image.tar .");
        }
        skip(size + padding(size));
    }

    private FileMeta meta() {
        BigDecimal modified =
                pax.containsKey("mtime") ? decimal("mtime") : BigDecimal.valueOf(number(136, 12, "mtime"));
        BigDecimal seconds = modified.setScale(0, RoundingMode.FLOOR);
        int nanos = modified.subtract(seconds)
                .movePointRight(9)
                .setScale(0, RoundingMode.FLOOR)
                .intValueExact();
        Map<String, byte[]> xattrs = new LinkedHashMap<>();
        pax.forEach((key, value) -> {
            if (key.startsWith(XATTR_PREFIX) && FileMeta.keepsXattr(key.substring(XATTR_PREFIX.length()))) {
                if (value.length > ImportLimits.MAX_XATTR_BYTES || key.length() - XATTR_PREFIX.length() > 255) {
                    throw refused("an extended attribute is longer than Linux allows");
                }
                xattrs.put(key.substring(XATTR_PREFIX.length()), value);
            }
        });
        long uid = pax.containsKey("uid") ? decimal("uid").longValueExact() : number(108, 8, "uid");
        long gid = pax.containsKey("gid") ? decimal("gid").longValueExact() : number(116, 8, "gid");
        return new FileMeta((int) (number(100, 8, "mode") & 07777), uid, gid, seconds.longValueExact(), nanos, xattrs);
    }

    private String headerName() {
        String name = untilNul(0, 100);
        // "ustar\0" has a prefix field; GNU's "ustar  \0" keeps times there.
        boolean posix = new String(block, 257, 6, StandardCharsets.ISO_8859_1).equals("ustar\0");
        String prefix = posix ? untilNul(345, 155) : "";
        return prefix.isEmpty() ? name : prefix + "/" + name;
    }

    private String text(String key, String otherwise) {
        byte[] value = pax.get(key);
        return value == null ? otherwise : new String(value, StandardCharsets.ISO_8859_1);
    }

    /** A number of a pax header, bounded so that no exponent can make it large. */
    private BigDecimal decimal(String key) {
        String text = text(key, "");
        if (!text.matches("-?[0-9]{1,18}(\\.[0-9]{0,30})?") || (text.startsWith("-") && !key.equals("mtime"))) {
            throw refused("a pax header says " + key + "=" + EntryName.shown(text) + ", which is no such number");
        }
        BigDecimal number = new BigDecimal(text.endsWith(".") ? text.substring(0, text.length() - 1) : text);
        if (!key.equals("mtime") && number.stripTrailingZeros().scale() > 0) {
            throw refused("a pax header says " + key + "=" + EntryName.shown(text) + ", which is no whole number");
        }
        return number;
    }

    /** An octal field, or GNU's base-256 for what octal cannot hold. */
    private long number(int offset, int length, String what) {
        if ((block[offset] & 0x80) != 0) {
            boolean negative = (block[offset] & 0x40) != 0;
            long value = 0;
            for (int i = 1; i < length; i++) {
                if (value >>> 54 != 0) {
                    throw refused("a header has an impossible " + what);
                }
                value = value << 8 | (block[offset + i] & 0xff);
            }
            if (negative || (block[offset] & 0x7f) != 0) {
                throw refused("a header has an impossible " + what);
            }
            return value;
        }
        String digits = new String(block, offset, length, StandardCharsets.ISO_8859_1)
                .replace('\0', ' ')
                .strip();
        if (!digits.matches("[0-7]{0,12}")) {
            throw refused("a header has " + EntryName.shown(digits) + " as its " + what + ", which is no octal number");
        }
        return digits.isEmpty() ? 0 : Long.parseLong(digits, 8);
    }

    private void checkSum() {
        int sum = 0;
        for (int i = 0; i < BLOCK; i++) {
            sum += i >= 148 && i < 156 ? ' ' : block[i] & 0xff;
        }
        if (number(148, 8, "checksum") != sum) {
            throw refused("a header's checksum is wrong; the file is damaged, or no tar archive");
        }
    }

    /** {@code LENGTH KEY=VALUE\n} records, in bytes. */
    private static Map<String, byte[]> records(byte[] bytes) {
        Map<String, byte[]> records = new LinkedHashMap<>();
        int at = 0;
        while (at < bytes.length) {
            int space = at;
            int length = 0;
            while (space < bytes.length && bytes[space] >= '0' && bytes[space] <= '9' && space - at < 8) {
                length = length * 10 + bytes[space++] - '0';
            }
            int end = at + length;
            if (space == at
                    || space >= bytes.length
                    || bytes[space] != ' '
                    || end > bytes.length
                    || end <= space + 1
                    || bytes[end - 1] != '\n') {
                throw refused("a pax header is malformed");
            }
            int equals = space + 1;
            while (equals < end && bytes[equals] != '=') {
                equals++;
            }
            if (equals >= end) {
                throw refused("a pax header is malformed");
            }
            String key = new String(bytes, space + 1, equals - space - 1, StandardCharsets.ISO_8859_1);
            records.put(key, java.util.Arrays.copyOfRange(bytes, equals + 1, end - 1));
            at = end;
        }
        return records;
    }

    private byte[] content(long size, String what) throws IOException {
        if (size > MAX_HEADER_BYTES) {
            throw refused("a " + what + " has " + size + " bytes; at most " + MAX_HEADER_BYTES + " are allowed");
        }
        byte[] bytes = in.readNBytes((int) size);
        if (bytes.length < size) {
            throw refused("it ends in the middle of a " + what);
        }
        skip(padding(size));
        return bytes;
    }

    private void skip(long bytes) throws IOException {
        try {
            in.skipNBytes(bytes);
        } catch (java.io.EOFException e) {
            throw refused("it ends in the middle of an entry; it is cut off");
        }
    }

    private static long padding(long size) {
        return (BLOCK - size % BLOCK) % BLOCK;
    }

    private String untilNul(int offset, int length) {
        return untilNul(java.util.Arrays.copyOfRange(block, offset, offset + length));
    }

    private static String untilNul(byte[] bytes) {
        int end = 0;
        while (end < bytes.length && bytes[end] != 0) {
            end++;
        }
        return new String(bytes, 0, end, StandardCharsets.ISO_8859_1);
    }

    private boolean isZero() {
        for (byte b : block) {
            if (b != 0) {
                return false;
            }
        }
        return true;
    }

    private static ImageException refused(String why) {
        return new ImageException(ImageException.Code.REFUSED, "the archive is refused: " + why);
    }

    private static ImageException unsupported(String what) {
        return new ImageException(ImageException.Code.UNSUPPORTED, "the archive cannot be read: it has " + what);
    }
}
