package dev.tinyvm.images;

/** Told how a pull, an import or a push goes on; from several threads at once, often, so it must be quick. */
@FunctionalInterface
public interface PullProgress {
    /** Nobody wants to know. */
    PullProgress NONE = (layer, step, done, total) -> {};

    /** What happens to a layer. */
    enum Step {
        /** It was there already. */
        PRESENT,
        /** Bytes arrive. */
        DOWNLOADING,
        /** It is complete and is what its digest says. */
        VERIFIED,
        /** Its files are made. */
        UNPACKING,
        /** Its files are there. */
        UNPACKED,
        /** It is in the registry. */
        PUSHED
    }

    /**
     * @param layer digest of the layer or other blob, {@code sha256:…}
     * @param done bytes so far
     * @param total bytes in all
     */
    void on(String layer, Step step, long done, long total);
}
