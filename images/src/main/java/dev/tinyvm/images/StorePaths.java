package dev.tinyvm.images;

import dev.tinyvm.images.registry.Digest;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Set;

/**
 * Where things are in a store.
 *
 * @param directory absolute
 */
record StorePaths(Path directory) {
    /** What is no image and no leftover. */
    static final Set<String> OWN = Set.of(".meta", ".tags", ".verified", ".blobs", ".layers", ".lock");
    /** The files of an image or a layer, below its directory. */
    static final String ROOTFS = "rootfs";
    /** Below an image's directory, instead of its files: its layers, topmost first, a digest's digits a line. */
    static final String LAYERS = "layers";

    static final String JSON = ".json";

    Path records() {
        return directory.resolve(".meta");
    }

    Path record(String name) {
        return records().resolve(name + JSON);
    }

    /** Whether an image is there. */
    boolean exists(String name) {
        return Files.exists(record(name), LinkOption.NOFOLLOW_LINKS);
    }

    Path tags() {
        return directory.resolve(".tags");
    }

    /** What signatures were verified, by the image's name. */
    Path verified() {
        return directory.resolve(".verified");
    }

    Path blobs() {
        return directory.resolve(".blobs");
    }

    /** Unpacked layers, by the digits of their digest. */
    Path layers() {
        return directory.resolve(".layers");
    }

    Path layer(Digest diffId) {
        return layers().resolve(diffId.hex());
    }

    Path layerRecord(Digest diffId) {
        return layers().resolve(diffId.hex() + JSON);
    }

    Path image(String name) {
        return directory.resolve(name);
    }

    /** The directory's name of an OCI image. */
    static String name(Digest manifest) {
        return "sha256-" + manifest.hex();
    }

    /** As system calls take it: one character a byte. */
    static String bytes(Path path) {
        return new String(path.toString().getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    }
}
