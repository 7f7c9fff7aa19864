package dev.tinyvm.cli;

import dev.tinyvm.cli.terminal.Terminal;
import dev.tinyvm.cli.text.Printable;
import dev.tinyvm.sdk.ExecCommand.Window;
import dev.tinyvm.sdk.ExecSession;
import dev.tinyvm.sdk.TinyVmConnectionException;
import dev.tinyvm.sdk.TinyVmException;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * A command inside a Tiny VM with this process's streams: input goes in, output comes out, the terminal is in raw mode meanwhile and told of every new size. Ctrl-C without a terminal inside ends
 * this process, whose shutdown hook ends the session, which ends the command.
 *
 * <p>Threads: the caller's reads output; a daemon thread blocks in reading input, another looks at the window's size. Neither has to be waited for.
 */
final class ForegroundProcess implements AutoCloseable {
    private static final int INPUT_BYTES = 16 << 10;
    private static final int SIZE_CHECK_MILLIS = 250;
    private static final int SIGPIPE_STATUS = 141;

    private final Shell shell;
    private final @Nullable Terminal terminal;

    /** @param withTerminal whether the command inside gets a terminal; the one here, if there is one, becomes its other end */
    ForegroundProcess(Shell shell, boolean withTerminal) {
        this.shell = shell;
        this.terminal = withTerminal && shell.stdinIsTerminal() ? Terminal.at(0).orElse(null) : null;
    }

    /** Size of the window here, or what terminals were born with. */
    Window window() {
        Terminal.Size size = terminal == null ? new Terminal.Size(24, 80) : terminal.size();
        return new Window(size.rows(), size.columns());
    }

    /** Until the command's end. @return its status as a shell says it */
    int attach(ExecSession session, boolean stdin) throws InterruptedException {
        AtomicBoolean ending = new AtomicBoolean();
        Thread hook = new Thread(
                () -> {
                    ending.set(true);
                    session.close();
                },
                "session-end");
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            if (terminal != null) {
                terminal.raw();
                watchSize(session, terminal);
            }
            if (stdin) {
                Thread.ofPlatform().daemon().name("stdin").start(() -> sendInput(session));
            }
            return copyOutput(session);
        } catch (TinyVmConnectionException | TinyVmException e) {
            if (ending.get()) {
                return 130;
            }
            throw e;
        } finally {
            if (!ending.get()) {
                try {
                    Runtime.getRuntime().removeShutdownHook(hook);
                } catch (IllegalStateException e) {
                    // The JVM is ending: the hook runs, as it should.
                    ending.set(true);
                }
            }
        }
    }

    private int copyOutput(ExecSession session) throws InterruptedException {
        while (true) {
            switch (session.next()) {
                case ExecSession.Stdout(byte[] bytes) -> {
                    shell.out().write(bytes, 0, bytes.length);
                    if (shell.out().checkError()) {
                        session.close();
                        return SIGPIPE_STATUS;
                    }
                }
                case ExecSession.Stderr(byte[] bytes) -> {
                    shell.err().write(bytes, 0, bytes.length);
                    shell.err().flush();
                }
                case ExecSession.Exited exited -> {
                    close();
                    if (!exited.reason().isEmpty()
                            && exited.shellStatus() != 0
                            && !exited.reason().equals("Error")) {
                        shell.err()
                                .println("tinyvm: "
                                        + Printable.line(exited.reason()
                                                + (exited.message().isEmpty() ? "" : ": " + exited.message())));
                    }
                    return exited.shellStatus();
                }
            }
        }
    }

    private void sendInput(ExecSession session) {
        byte[] buffer = new byte[INPUT_BYTES];
        try {
            for (int n = shell.in().read(buffer); n >= 0; n = shell.in().read(buffer)) {
                session.write(buffer, 0, n);
            }
            session.closeStdin();
        } catch (IOException | TinyVmConnectionException | TinyVmException e) {
            // Input that cannot be read has ended; a session that is gone is noticed by the thread that reads its
            // output.
            return;
        }
    }

    private static void watchSize(ExecSession session, Terminal terminal) {
        Thread.ofPlatform().daemon().name("window-size").start(() -> {
            Terminal.Size known = terminal.size();
            try {
                while (true) {
                    Thread.sleep(SIZE_CHECK_MILLIS);
                    Terminal.Size now = terminal.size();
                    if (!now.equals(known)) {
                        known = now;
                        session.resize(now.rows(), now.columns());
                    }
                }
            } catch (InterruptedException | IllegalStateException | TinyVmConnectionException | TinyVmException e) {
                // The session or the terminal is gone, which others notice.
                return;
            }
        });
    }

    static Optional<Window> windowIf(boolean wanted, ForegroundProcess process) {
        return wanted ? Optional.of(process.window()) : Optional.empty();
    }

    @Override
    public void close() {
        if (terminal != null) {
            terminal.close();
        }
    }
}
