package dev.tinyvm.engine.container;

/** The connection to the spawner broke before the answer; whether the request was carried out is unknown. */
final class SpawnerLostException extends RuntimeException {
    private static final long serialVersionUID = 1;

    SpawnerLostException(String message) {
        super(message);
    }
}
