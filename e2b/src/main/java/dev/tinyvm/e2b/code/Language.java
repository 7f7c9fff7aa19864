package dev.tinyvm.e2b.code;

import dev.tinyvm.e2b.E2bError;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;

/** What cells can be written in. The kernel is a script that is given on the command line: nothing is put into the sandbox's files. */
enum Language {
    PYTHON("python", "kernel.py"),
    JAVASCRIPT("javascript", "kernel.mjs");

    private final String word;
    private final String script;

    Language(String word, String resource) {
        this.word = word;
        try (InputStream in = Language.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IllegalStateException("the resource " + resource + " is missing");
            }
            script = new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    String word() {
        return word;
    }

    /** @param mark stands before each line that the kernel itself sends */
    List<String> command(String mark) {
        return switch (this) {
            case PYTHON -> List.of("python3", "-u", "-c", script, mark);
            case JAVASCRIPT -> List.of("node", "--input-type=module", "-e", script, mark);
        };
    }

    /** @param name empty: Python */
    static Language of(String name) {
        return switch (name.toLowerCase(Locale.ROOT)) {
            case "", "python", "python3" -> PYTHON;
            case "javascript", "js", "node" -> JAVASCRIPT;
            default ->
                throw new E2bError(
                        400, "the language '" + name + "' is not built in TinyVM yet; there are: python, javascript");
        };
    }
}
