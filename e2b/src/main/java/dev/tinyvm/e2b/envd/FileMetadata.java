package dev.tinyvm.e2b.envd;

import dev.tinyvm.e2b.E2bError;
import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The user's words kept with files, as extended attributes {@code user.e2b.<key>}; programs in the sandbox see and set them, too. */
final class FileMetadata {
    /** Extended attribute names start with this. */
    static final String PREFIX = "user.e2b.";

    private FileMetadata() {}

    /** Of each path in turn, empty where there is none. */
    static List<Map<String, String>> read(GuestFiles files, List<String> paths) {
        return files.attributes(Paths.ROOT, paths).stream()
                .map(FileMetadata::words)
                .toList();
    }

    /** Of one file. */
    static Map<String, String> read(GuestFiles files, String path) {
        return read(files, List.of(path)).getFirst();
    }

    /** These and no others from now on. */
    static void replace(GuestFiles files, String path, Map<String, String> words) {
        for (String key : read(files, path).keySet()) {
            if (!words.containsKey(key)) {
                files.removeAttribute(Paths.ROOT, path, PREFIX + key);
            }
        }
        words.forEach((key, value) -> set(files, path, key, value));
    }

    private static void set(GuestFiles files, String path, String key, String value) {
        try {
            files.setAttribute(Paths.ROOT, path, PREFIX + key, value);
        } catch (GuestFileException e) {
            if (e.errno() == Errno.EOPNOTSUPP) {
                throw new E2bError(
                        400, "metadata cannot be kept with " + path + ": its file system has no extended attributes");
            }
            throw e;
        }
    }

    private static Map<String, String> words(Map<String, String> attributes) {
        Map<String, String> words = new TreeMap<>();
        attributes.forEach((name, value) -> {
            if (name.startsWith(PREFIX) && name.length() > PREFIX.length()) {
                words.put(name.substring(PREFIX.length()), value);
            }
        });
        return words;
    }
}
