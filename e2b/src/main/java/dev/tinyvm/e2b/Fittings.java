package dev.tinyvm.e2b;

import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import dev.tinyvm.engine.GuestFiles.WriteOptions;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * What programs expect of E2B's own image, where the template's image lacks it: {@code python} beside {@code python3}, and {@code sudo} without a password. An image is
 * looked at once, with its first sandbox; a new manager looks again.
 */
final class Fittings {
    private static final String PYTHON = "/usr/local/bin/python";
    private static final String SUDO = "/usr/local/bin/sudo";
    private static final String SU_RULES = "/etc/pam.d/su";
    private static final WriteOptions PROGRAM = new WriteOptions(0755, true, false, false, false);
    private static final String STAND_IN = resource("sudo.sh");

    private final Map<String, Missing> byImage = new ConcurrentHashMap<>();

    /** @param python where python3 is, when there is no python @param sudo whether su can stand in for the sudo that is not there */
    private record Missing(Optional<String> python, boolean sudo) {}

    /** Adds to a new sandbox what its image lacks. */
    void add(String image, GuestFiles files) {
        Missing missing = byImage.computeIfAbsent(image, _ -> look(files));
        missing.python().ifPresent(python3 -> files.symlink("root", python3, PYTHON));
        if (missing.sudo()) {
            // All who can call it may become root anyway: in a sandbox that is what sudo is for.
            write(
                    files,
                    SU_RULES,
                    WriteOptions.REPLACE,
                    "auth sufficient pam_permit.so\naccount sufficient pam_permit.so\n");
            write(files, SUDO, PROGRAM, STAND_IN);
        }
    }

    private static Missing look(GuestFiles files) {
        Optional<String> python3 =
                find(files, "python3").filter(_ -> find(files, "python").isEmpty());
        boolean sudo = find(files, "sudo").isEmpty() && find(files, "su").isPresent() && there(files, SU_RULES);
        return new Missing(python3, sudo);
    }

    private static Optional<String> find(GuestFiles files, String program) {
        return Stream.of("/usr/local/bin/", "/usr/bin/", "/bin/")
                .map(directory -> directory + program)
                .filter(path -> there(files, path))
                .findFirst();
    }

    private static boolean there(GuestFiles files, String path) {
        try {
            files.stat("root", path, true);
            return true;
        } catch (GuestFileException e) {
            return false;
        }
    }

    private static void write(GuestFiles files, String path, WriteOptions options, String text) {
        try (OutputStream out = files.write("root", path, options)) {
            out.write(text.getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException("could not write " + path, e);
        }
    }

    private static String resource(String name) {
        try (InputStream in = Fittings.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("the resource " + name + " is missing");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
