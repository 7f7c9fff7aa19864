package dev.tinyvm.engine.wasm;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Who there is in a WebAssembly Tiny VM. WASI knows no users; files and the environment do. */
final class Users {
    static final int ROOT = 0;
    static final String DEFAULT = "user";
    private static final Map<String, Integer> IDS =
            Map.of("root", ROOT, "0", ROOT, "user", 1000, "1000", 1000, "nobody", 65534, "65534", 65534);

    private Users() {}

    /** Null for an unknown user. */
    static @Nullable Integer find(String user) {
        return IDS.get(user);
    }

    static String name(int uid) {
        return switch (uid) {
            case ROOT -> "root";
            case 1000 -> "user";
            case 65534 -> "nobody";
            default -> Integer.toString(uid);
        };
    }

    static String home(int uid) {
        return switch (uid) {
            case ROOT -> "/root";
            case 65534 -> "/";
            default -> "/home/user";
        };
    }
}
