package dev.tinyvm.images;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One image, as it is stored.
 *
 * @param name {@code host}, or what it was imported as, or {@code sha256-} and the digits of its digest; also its directory's name
 * @param digest {@code sha256:} and 64 hexadecimal digits: of the manifest; without one, of the uncompressed archive, or of a walk over the
 *     imported directory
 * @param sizeBytes bytes of its files, hard links counted once; 0 for {@code host}, which stores nothing
 * @param createdAt when it was imported; for {@code host} when the machine's {@code /usr} last changed
 * @param defaultUser user of commands that name none; of an OCI image perhaps a number, perhaps with {@code :group}
 * @param env environment of every command, before the descriptor's
 * @param workingDir absolute directory of commands that name none; empty: the user's home
 * @param command program and arguments when the descriptor names none, after the entrypoint; may be empty
 * @param entrypoint what stands before the command; may be empty
 * @param manifests digests that name it: its manifest, and indexes that it was chosen from; empty when it is no OCI image
 * @param layers digests of its uncompressed layers, lowest first, when they are unpacked each for itself and shared with other images; empty when its
 *     files have a directory of their own
 * @param references as what it was pulled or imported over time, in full; some may point to other images by now
 */
public record Image(
        String name,
        String digest,
        long sizeBytes,
        Instant createdAt,
        String defaultUser,
        Map<String, String> env,
        String workingDir,
        List<String> command,
        List<String> entrypoint,
        List<String> manifests,
        List<String> layers,
        List<String> references) {
    public Image {
        env = Collections.unmodifiableMap(new LinkedHashMap<>(env));
        command = List.copyOf(command);
        entrypoint = List.copyOf(entrypoint);
        manifests = List.copyOf(manifests);
        layers = List.copyOf(layers);
        references = List.copyOf(references);
    }

    /** What runs when a descriptor names no command: entrypoint and command; may be empty. */
    public List<String> defaultCommand() {
        List<String> all = new ArrayList<>(entrypoint);
        all.addAll(command);
        return Collections.unmodifiableList(all);
    }

    /** Whether its blobs are stored. */
    boolean isOci() {
        return !manifests.isEmpty();
    }

    /** This one, of layers, lowest first. */
    Image of(List<LayerRecord> newLayers) {
        return sized(
                newLayers.stream().mapToLong(LayerRecord::sizeBytes).sum(),
                newLayers.stream().map(LayerRecord::diffId).toList());
    }

    /** This one, with files of its own. */
    Image of(long newSizeBytes) {
        return sized(newSizeBytes, List.of());
    }

    private Image sized(long newSizeBytes, List<String> newLayers) {
        return new Image(
                name,
                digest,
                newSizeBytes,
                createdAt,
                defaultUser,
                env,
                workingDir,
                command,
                entrypoint,
                manifests,
                newLayers,
                references);
    }

    Image with(List<String> newManifests, List<String> newReferences) {
        return new Image(
                name,
                digest,
                sizeBytes,
                createdAt,
                defaultUser,
                env,
                workingDir,
                command,
                entrypoint,
                newManifests,
                layers,
                newReferences);
    }
}
