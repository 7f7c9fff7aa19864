package dev.tinyvm.e2b.envd;

import java.util.List;
import java.util.Map;

/** The user's words kept with files, as extended attributes {@code user.e2b.<key>}. */
interface FileMetadata {
    /** Extended attribute names start with this. */
    String PREFIX = "user.e2b.";

    /** Of each path in turn, empty where there is none. */
    List<Map<String, String>> read(Session session, List<String> paths);

    /** These and no others from now on. */
    void replace(Session session, String path, Map<String, String> words);
}
