package dev.tinyvm.cli;

import dev.tinyvm.cli.text.Style;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * What surrounds a command: its streams, its environment, which of the streams are terminals.
 *
 * @param terminals the numbers of the standard streams that are terminals, such as {@code 012}
 */
public record Shell(InputStream in, PrintStream out, PrintStream err, Map<String, String> env, String terminals) {
    public Shell {
        env = Map.copyOf(env);
    }

    /** This process's own. The entry script has looked at the streams already; without it they are looked at here. */
    public static Shell ofProcess() {
        String terminals = System.getProperty("tinyvm.terminals");
        if (terminals == null) {
            StringBuilder found = new StringBuilder();
            for (int fd = 0; fd <= 2; fd++) {
                if (isTerminal(fd)) {
                    found.append(fd);
                }
            }
            terminals = found.toString();
        }
        return new Shell(System.in, System.out, System.err, System.getenv(), terminals);
    }

    public boolean stdinIsTerminal() {
        return terminals.contains("0");
    }

    public boolean stdoutIsTerminal() {
        return terminals.contains("1");
    }

    public boolean stderrIsTerminal() {
        return terminals.contains("2");
    }

    /** Of standard output: colours on a terminal unless {@code NO_COLOR} is set (no-color.org) or the terminal is dumb. */
    public Style style() {
        return new Style(stdoutIsTerminal() && coloursWanted());
    }

    /** Of standard error. */
    public Style errorStyle() {
        return new Style(stderrIsTerminal() && coloursWanted());
    }

    /** Value of an environment variable, empty when it is not set. */
    public String variable(String name) {
        return env.getOrDefault(name, "");
    }

    private boolean coloursWanted() {
        return variable("NO_COLOR").isEmpty() && !variable("TERM").equals("dumb");
    }

    private static boolean isTerminal(int fd) {
        try {
            String target =
                    Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd)).toString();
            return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty") || target.equals("/dev/console");
        } catch (java.io.IOException e) {
            return false;
        }
    }
}
