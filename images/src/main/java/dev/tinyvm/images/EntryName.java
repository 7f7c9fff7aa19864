package dev.tinyvm.images;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Names inside an image: relative, with one character a byte. */
final class EntryName {
    private EntryName() {}

    /**
     * Takes {@code ./} and repeated slashes away; the root itself is the empty name.
     *
     * @throws ImageException REFUSED for absolute names, {@code ..}, and what no file system holds
     */
    static String clean(String raw) {
        if (raw.startsWith("/")) {
            throw refused(
                    raw, "has an absolute name; make the archive with names that begin with `./` (tar -C ROOT -c .)");
        }
        if (raw.indexOf('\0') >= 0 || raw.length() > ImportLimits.MAX_NAME_BYTES) {
            throw refused(
                    raw,
                    "has a name that is too long (over " + ImportLimits.MAX_NAME_BYTES + " bytes) or holds a NUL byte");
        }
        List<String> parts = new ArrayList<>();
        for (String part : raw.split("/", -1)) {
            if (part.equals("..")) {
                throw refused(raw, "has `..` in its name, which leads out of the image");
            }
            if (part.length() > ImportLimits.MAX_COMPONENT_BYTES) {
                throw refused(raw, "has a name part of over " + ImportLimits.MAX_COMPONENT_BYTES + " bytes");
            }
            if (!part.isEmpty() && !part.equals(".")) {
                parts.add(part);
            }
        }
        if (parts.size() > ImportLimits.MAX_DEPTH) {
            throw refused(raw, "is nested more than " + ImportLimits.MAX_DEPTH + " directories deep");
        }
        return String.join("/", parts);
    }

    /** The directory part; empty for what stands in the root. */
    static String parent(String name) {
        int slash = name.lastIndexOf('/');
        return slash < 0 ? "" : name.substring(0, slash);
    }

    /** The last part. */
    static String last(String name) {
        return name.substring(name.lastIndexOf('/') + 1);
    }

    /** For a message: in back quotes, decoded, short, without control characters. */
    static String shown(String name) {
        String text = new String(name.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
        String clean = text.codePoints()
                .map(point -> Character.isISOControl(point) ? '?' : point)
                .limit(120)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
        return "`" + clean + (clean.length() < text.length() ? "…" : "") + "`";
    }

    static ImageException refused(String name, String why) {
        return new ImageException(ImageException.Code.REFUSED, "the image is refused: " + shown(name) + " " + why);
    }
}
