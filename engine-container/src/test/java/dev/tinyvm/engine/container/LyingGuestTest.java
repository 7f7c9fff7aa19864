package dev.tinyvm.engine.container;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.Machine.MachineEnd;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.spec.Resources;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A first process that is not the guest at all, behind a real wall: it is found out, killed and leaves nothing. */
class LyingGuestTest {
    /** When told to, greets and waits for the first request (HELLO is 20 bytes); then floods the host with noise for ever. Ignores every signal it can. */
    private static final String SOURCE = """
            #include <signal.h>
            #include <string.h>
            #include <sys/socket.h>
            #include <unistd.h>
            int main(void) {
                static const unsigned char welcome[] = {0, 0, 0, 18, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1,
                                                        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0};
                char noise[4096];
                memset(noise, 0xa5, sizeof noise);
                signal(SIGPIPE, SIG_IGN);
                signal(SIGTERM, SIG_IGN);
                for (;;) {
                    int host = accept(3, 0, 0);
                    if (host < 0)
                        continue;
                    if (GREETS && (write(host, welcome, sizeof welcome) < 0 || recv(host, noise, 21, MSG_WAITALL) < 21))
                        continue;
                    while (write(host, noise, sizeof noise) > 0)
                        continue;
                }
            }
            """;

    @TempDir
    Path directory;

    @Test
    void noiseInsteadOfAGreetingFailsTheCreateAndLeavesNothing() throws Exception {
        try (SpawnerProcess spawner = SpawnerProcess.start(liar(false));
                ContainerEngine engine = new ContainerEngine(spawner.socket())) {
            assertThatThrownBy(() -> engine.create(spec()))
                    .isInstanceOfSatisfying(
                            EngineException.class, e -> assertThat(e.code()).isEqualTo(Code.PROTOCOL));
            assertThat(engine.machines()).isEmpty();
        }
    }

    @Test
    void noiseAfterTheGreetingEndsTheMachine() throws Exception {
        try (SpawnerProcess spawner = SpawnerProcess.start(liar(true));
                ContainerEngine engine = new ContainerEngine(spawner.socket())) {
            Machine machine = engine.create(spec());
            assertThatThrownBy(() -> machine.exec(ExecRequest.of("true"))).isInstanceOf(EngineException.class);
            assertThat(machine.ended().get(60, TimeUnit.SECONDS).cause())
                    .isEqualTo(MachineEnd.Cause.PROTOCOL_VIOLATION);
            machine.destroy();
            assertThat(engine.machines()).isEmpty();
        }
    }

    private Path liar(boolean greets) throws IOException, InterruptedException {
        assumeTrue("root".equals(System.getProperty("user.name")), "walls need root");
        Path source = Files.writeString(directory.resolve("liar.c"), SOURCE);
        Path program = directory.resolve("liar");
        Process compiler = new ProcessBuilder(
                        "cc", "-static", "-DGREETS=" + (greets ? 1 : 0), "-o", program.toString(), source.toString())
                .inheritIO()
                .start();
        assertThat(compiler.waitFor()).as("cc").isZero();
        return program;
    }

    private static MachineSpec spec() {
        return new MachineSpec("liar", "host", Resources.DEFAULT, List.of(), "tiny", "user");
    }
}
