package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.ExecRequest;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.manager.Manager.VmStatus;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AttachTest {
    @TempDir
    Path data;

    private Fixture fixture;
    private VmStatus vm;

    @BeforeEach
    void open() {
        fixture = new Fixture(data);
        vm = fixture.run("sleep", "1000");
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void theNextManagerTakesACommandUpWithItsInputAndWhatItSaidMeanwhile() throws Exception {
        int process = start("cat").processId();
        fixture.reopen();
        try (GuestProcess again = fixture.manager.attach(vm.id(), process)) {
            byte[] hello = "hello".getBytes(StandardCharsets.UTF_8);
            again.writeStdin(hello, 0, hello.length);
            assertThat(again.next())
                    .isInstanceOfSatisfying(
                            Output.Stdout.class, o -> assertThat(o.bytes()).isEqualTo(hello));
            again.closeStdin();
            assertThat(again.next()).isInstanceOf(Output.Exited.class);
        }
    }

    @Test
    void aCommandThatSomebodyFollowsIsNotTakenFromThem() {
        try (GuestProcess held = start("cat")) {
            assertConflict(held.processId());
        }
    }

    @Test
    void theMainProcessBelongsToTheLog() {
        int main = fixture.manager.processes(vm.id()).getFirst().processId();
        fixture.reopen();
        assertConflict(main);
    }

    @Test
    void anUnknownProcessIsNotFound() {
        assertThatThrownBy(() -> fixture.manager.attach(vm.id(), 4711))
                .isInstanceOfSatisfying(
                        ManagerException.class, e -> assertThat(e.code()).isEqualTo(ManagerException.Code.NOT_FOUND));
    }

    private GuestProcess start(String... command) {
        return fixture.manager.exec(
                vm.id(), new ExecRequest(List.of(command), Map.of(), "", "", Optional.empty(), true, ""));
    }

    private void assertConflict(int process) {
        assertThatThrownBy(() -> fixture.manager.attach(vm.id(), process))
                .isInstanceOfSatisfying(
                        ManagerException.class, e -> assertThat(e.code()).isEqualTo(ManagerException.Code.CONFLICT));
    }
}
