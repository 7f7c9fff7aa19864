package dev.tinyvm.engine.wasm.split;

/** The code has something that is not understood here; the function stays as it is. */
final class UnsupportedCode extends RuntimeException {
    private static final long serialVersionUID = 1;

    UnsupportedCode(String message) {
        super(message, null, false, false);
    }
}
