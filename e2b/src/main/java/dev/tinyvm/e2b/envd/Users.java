package dev.tinyvm.e2b.envd;

import dev.tinyvm.e2b.Exchange;
import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The users of one sandbox, from its own /etc/passwd, read again when a name is not known. Thread safe. */
final class Users {
    /** Who works when nobody is named. */
    static final String DEFAULT = "user";

    private static final int MAX_BYTES = 1 << 20;

    private volatile Map<String, User> known = Map.of();

    /**
     * One line of passwd(5).
     *
     * @param home directory, absolute
     */
    record User(String name, int uid, int gid, String home) {
        /** As {@link GuestFiles#chown} takes it. */
        String owner() {
            return uid + ":" + gid;
        }

        /** An absolute path without {@code .} and {@code ..}; relative ones start at home, as does {@code ~}. */
        String resolve(String path) {
            if (path.indexOf('\0') >= 0) {
                throw ConnectError.invalid("a path must not contain a NUL character");
            }
            if (path.equals("~") || path.startsWith("~/")) {
                return clean(home + path.substring(1));
            }
            if (path.startsWith("~")) {
                throw ConnectError.invalid("cannot expand user-specific home dir in '" + path + "'");
            }
            return clean(path.startsWith("/") ? path : home + "/" + path);
        }
    }

    /**
     * The user of that name.
     *
     * @param name empty: the default one
     * @throws ConnectError {@code unauthenticated} when there is none
     */
    User find(GuestFiles files, String name) {
        String wanted = name.isEmpty() ? DEFAULT : name;
        User user = known.get(wanted);
        if (user == null) {
            known = read(files);
            user = known.get(wanted);
        }
        if (user == null) {
            throw new ConnectError(ConnectError.Code.UNAUTHENTICATED, "invalid username: '" + wanted + "'");
        }
        return user;
    }

    /** SDKs name the user of a remote call by HTTP basic authentication with an empty password; empty: none was named. */
    static String named(Exchange exchange) {
        String authorization = exchange.header("Authorization");
        if (!authorization.regionMatches(true, 0, "Basic ", 0, 6)) {
            return "";
        }
        try {
            String pair = new String(
                    Base64.getDecoder().decode(authorization.substring(6).strip()), StandardCharsets.UTF_8);
            int colon = pair.indexOf(':');
            return colon < 0 ? pair : pair.substring(0, colon);
        } catch (IllegalArgumentException e) {
            throw new ConnectError(ConnectError.Code.UNAUTHENTICATED, "the Authorization header is not base64");
        }
    }

    /** Removes {@code .}, {@code ..} and doubled slashes from an absolute path by its text alone. */
    static String clean(String path) {
        java.util.ArrayDeque<String> parts = new java.util.ArrayDeque<>();
        for (String part : path.split("/", -1)) {
            switch (part) {
                case "", "." -> {
                    // Says nothing.
                }
                case ".." -> parts.pollLast();
                default -> parts.addLast(part);
            }
        }
        return "/" + String.join("/", parts);
    }

    private static Map<String, User> read(GuestFiles files) {
        Optional<String> text = passwd(files);
        Map<String, User> users = new HashMap<>();
        if (text.isEmpty()) {
            // An image without /etc/passwd still has the two that the guest itself knows.
            users.put("root", new User("root", 0, 0, "/root"));
            users.put(DEFAULT, new User(DEFAULT, 1000, 1000, "/home/user"));
            return users;
        }
        for (String line : text.get().split("\n", -1)) {
            List<String> fields = List.of(line.split(":", -1));
            if (fields.size() >= 6 && fields.get(5).startsWith("/")) {
                try {
                    users.putIfAbsent(
                            fields.getFirst(),
                            new User(
                                    fields.getFirst(),
                                    Integer.parseInt(fields.get(2)),
                                    Integer.parseInt(fields.get(3)),
                                    clean(fields.get(5))));
                } catch (NumberFormatException e) {
                    // A broken line names nobody.
                }
            }
        }
        return users;
    }

    private static Optional<String> passwd(GuestFiles files) {
        try (InputStream in = files.read("root", "/etc/passwd", 0, MAX_BYTES).stream()) {
            return Optional.of(new String(in.readNBytes(MAX_BYTES), StandardCharsets.UTF_8));
        } catch (GuestFileException e) {
            if (e.errno() == Errno.ENOENT) {
                return Optional.empty();
            }
            throw e;
        } catch (IOException e) {
            throw new ConnectError(
                    ConnectError.Code.UNAVAILABLE, "could not read /etc/passwd of the sandbox: " + e.getMessage());
        }
    }
}
