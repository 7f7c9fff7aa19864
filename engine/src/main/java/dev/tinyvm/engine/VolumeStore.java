package dev.tinyvm.engine;

/** Where named volumes are: on this host, shared by all its Linux walls. Any thread; methods block. */
public interface VolumeStore {
    /**
     * Makes a volume when it is missing, and sets its bound; repeating it is no harm.
     *
     * @throws EngineException {@code UNAVAILABLE} when this host has no place for volumes, with what is missing; {@code LIMIT} when it is full
     */
    void make(String name, long sizeBytes);

    /** Removes a volume with all that is in it; what is not there is removed. No machine may have it mounted. */
    void remove(String name);

    /** Bytes that its files take. */
    long usedBytes(String name);
}
