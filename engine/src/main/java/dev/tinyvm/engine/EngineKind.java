package dev.tinyvm.engine;

/** The walls. */
public enum EngineKind {
    WASM,
    CONTAINER,
    GVISOR,
    CRUN,
    RUNC,
    MICROVM;

    /** The word in a descriptor, such as {@code container}. */
    public String word() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }
}
