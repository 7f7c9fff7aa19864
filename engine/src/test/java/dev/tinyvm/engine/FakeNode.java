package dev.tinyvm.engine;

import dev.tinyvm.engine.GuestFiles.Entry;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Optional;
import java.util.TreeMap;

/** A file, directory or link of {@link FakeFiles}, whose monitor guards it. */
final class FakeNode {
    final Entry.Type type;
    int mode;
    int uid;
    byte[] content = new byte[0];
    Instant modifiedAt = Instant.now();
    final TreeMap<String, FakeNode> children = new TreeMap<>();
    final TreeMap<String, String> attributes = new TreeMap<>();

    FakeNode(Entry.Type type, int mode, int uid) {
        this.type = type;
        this.mode = mode;
        this.uid = uid;
    }

    Entry entry(String path) {
        String owner = uid == 0 ? "root" : uid == 1000 ? "user" : "nobody";
        Optional<String> target = type == Entry.Type.SYMLINK
                ? Optional.of(new String(content, StandardCharsets.UTF_8))
                : Optional.empty();
        return new Entry(type, mode, content.length, uid, uid, modifiedAt, path, owner, owner, target);
    }
}
