package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import java.util.ArrayDeque;
import java.util.Deque;

/** How imports are found: relative ones beside the importing file, absolute ones in the file tree, others among the built-in modules. */
final class JsModules {
    private JsModules() {}

    /** @throws GuestFileException {@code ENOENT} for a name that is no path and no built-in module's */
    static String resolve(String base, String specifier) {
        if (specifier.startsWith("./") || specifier.startsWith("../")) {
            int slash = base.lastIndexOf('/');
            return clean((slash < 0 ? "/" : base.substring(0, slash + 1)) + specifier);
        }
        return specifier.startsWith("/") ? clean(specifier) : specifier;
    }

    static boolean isFile(String name) {
        return name.startsWith("/");
    }

    static GuestFileException unknown(String name) {
        return new GuestFileException(
                Errno.ENOENT,
                "there is no module '" + name + "': write ./" + name
                        + " for a file; built in are fs, fs/promises, process, timers and tinyvm; packages must be bundled");
    }

    private static String clean(String path) {
        Deque<String> parts = new ArrayDeque<>();
        for (String part : path.split("/")) {
            if (part.equals("..")) {
                parts.pollLast();
            } else if (!part.isEmpty() && !part.equals(".")) {
                parts.addLast(part);
            }
        }
        return "/" + String.join("/", parts);
    }
}
