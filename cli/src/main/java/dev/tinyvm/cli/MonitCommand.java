package dev.tinyvm.cli;

import dev.tinyvm.cli.terminal.Terminal;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.TinyVmConnectionException;
import dev.tinyvm.sdk.VmFilter;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code tinyvm monit}: draws a {@link MonitScreen} again and again and obeys keys. The terminal is found as it was at every end, Ctrl-C and a lost manager included. */
@Command(
        description = {
            "Watch all Tiny VMs live, on the full screen.",
            "Keys: c sorts by CPU, m by memory, n by name, a by age, r reverses; arrows or j and k scroll; q quits."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  tinyvm monit", "  tinyvm monit --interval 0.5"})
final class MonitCommand extends ClientCommand {
    private static final String ENTER = "\u001b[?1049h\u001b[?25l";
    private static final String LEAVE = "\u001b[?25h\u001b[?1049l";
    private static final int CTRL_C = 3;

    @Option(names = "--interval", paramLabel = "SECONDS", description = "Time between two looks (default: 1).")
    double intervalSeconds = 1;

    MonitCommand(Shell shell) {
        super(shell);
    }

    @Override
    int run(TinyVmClient client) throws InterruptedException {
        if (!(intervalSeconds >= 0.1 && intervalSeconds <= 60)) {
            throw new CliException(ExitCode.USAGE, "--interval must be 0.1 to 60 seconds");
        }
        Terminal terminal = shell.stdinIsTerminal() && shell.stdoutIsTerminal()
                ? Terminal.at(0).orElse(null)
                : null;
        if (terminal == null) {
            throw new CliException(ExitCode.FAILED, "monit needs a terminal", "Without one: tinyvm stats");
        }
        PrintStream out = shell.out();
        Thread hook = new Thread(() -> leave(out), "screen-restore");
        Runtime.getRuntime().addShutdownHook(hook);
        try (terminal) {
            terminal.raw();
            out.print(ENTER);
            watch(client, terminal, out);
            return ExitCode.OK;
        } finally {
            leave(out);
            removeHook(hook);
        }
    }

    private void watch(TinyVmClient client, Terminal terminal, PrintStream out) throws InterruptedException {
        LinkedBlockingQueue<Integer> keys = new LinkedBlockingQueue<>();
        Thread.ofPlatform().daemon().name("keys").start(() -> readKeys(keys));
        MonitScreen screen = new MonitScreen(shell.style());
        while (true) {
            try {
                screen.show(client.host(), client.vms(VmFilter.ALL), client.stats(), Instant.now());
            } catch (TinyVmConnectionException e) {
                screen.lost(String.valueOf(e.getMessage()));
            }
            long end = System.nanoTime() + (long) (intervalSeconds * 1e9);
            Terminal.Size drawn = null;
            while (System.nanoTime() < end) {
                Terminal.Size size = terminal.size();
                if (!size.equals(drawn)) {
                    draw(out, screen.lines(size.rows(), size.columns()), size.rows());
                    drawn = size;
                }
                Integer key =
                        keys.poll(Math.min(200_000_000L, Math.max(1, end - System.nanoTime())), TimeUnit.NANOSECONDS);
                if (key != null) {
                    if (key == 'q' || key == CTRL_C || key < 0) {
                        return;
                    }
                    screen.key(key);
                    drawn = null;
                }
            }
        }
    }

    /** One write for the whole screen, each line cleared behind its end: no flicker. */
    private static void draw(PrintStream out, List<String> lines, int rows) {
        StringBuilder text = new StringBuilder("\u001b[H");
        for (int i = 0; i < Math.min(rows, lines.size()); i++) {
            text.append(i == 0 ? "" : "\r\n").append(lines.get(i)).append("\u001b[0m\u001b[K");
        }
        out.print(text.append("\u001b[J"));
        out.flush();
    }

    private void readKeys(LinkedBlockingQueue<Integer> keys) {
        try {
            for (int key = shell.in().read(); key >= 0; key = shell.in().read()) {
                keys.add(key);
            }
            keys.add(-1);
        } catch (IOException e) {
            keys.add(-1);
        }
    }

    private static void leave(PrintStream out) {
        out.print(LEAVE);
        out.flush();
    }

    private static void removeHook(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The JVM is ending; the hook does what was just done once more.
            return;
        }
    }
}
