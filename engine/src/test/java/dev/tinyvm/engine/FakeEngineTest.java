package dev.tinyvm.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.engine.Machine.MachineEnd;
import org.junit.jupiter.api.Test;

/** The fake keeps the contract, and what it adds for tests works. */
class FakeEngineTest extends EngineContract {
    private final FakeHost host = new FakeHost();
    private FakeEngine engine = new FakeEngine(host);

    @Override
    protected Engine engine() {
        return engine;
    }

    @Override
    protected Engine reopen() {
        engine.close();
        engine = new FakeEngine(host);
        return engine;
    }

    @Override
    protected ContractCommands commands() {
        return ContractCommands.FAKE;
    }

    @Override
    protected boolean hasRoutedInterfaces() {
        return true;
    }

    @Override
    protected boolean hasTerminals() {
        return false;
    }

    @Override
    protected void assertNothingLeft(String id) {
        assertThat(host.ids()).doesNotContain(id);
    }

    @Test
    void preparedFailuresAreUsedUpInOrder() {
        host.failNextCreate(new EngineException(Code.LIMIT, "full"));
        assertThatThrownBy(this::machine).hasMessage("full");
        assertThat(machine().id()).isNotEmpty();
        assertThat(host.created()).isEqualTo(1);
    }

    @Test
    void anOomOfACommandIsCountedAndTheMachineLives() throws Exception {
        Machine machine = machine();
        assertThat(run(machine, "oom").status()).isEqualTo(137);
        assertThat(machine.stats().oomKills()).isEqualTo(1);
        assertThat(run(machine, "true").status()).isZero();
    }

    @Test
    void aCrashEndsTheMachine() throws Exception {
        Machine machine = machine();
        assertThat(run(machine, "crash-machine").end()).isInstanceOf(Output.Lost.class);
        assertThat(end(machine).cause()).isEqualTo(MachineEnd.Cause.GUEST_LOST);
        Machine other = machine();
        host.vm(other.id()).oomKill();
        assertThat(end(other).cause()).isEqualTo(MachineEnd.Cause.OOM_KILLED);
    }

    @Test
    void aSmallShellRunsScripts() throws Exception {
        Machine machine = machine();
        assertThat(run(machine, "/bin/bash", "-l", "-c", "echo 'a  b'; false && echo no; exit 3; echo late"))
                .satisfies(r -> assertThat(r.stdout()).isEqualTo("a  b\n"))
                .satisfies(r -> assertThat(r.status()).isEqualTo(3));
        assertThat(run(machine, "sh", "-c", "nonsense").status()).isEqualTo(127);
    }

    @Test
    void aProcessBlocksUntilItsOutputIsAcknowledged() throws Exception {
        Machine machine = machine();
        try (GuestProcess process = machine.exec(ExecRequest.of("spam", "1000000"))) {
            long taken = 0;
            while (taken < 200_000 && process.next() instanceof Output.Stdout output) {
                taken = output.offset() + output.bytes().length;
            }
            assertThat(machine.processes().getFirst().running()).isTrue();
            process.acknowledge(taken, 0);
            assertThat(drain(process, taken, 0).status()).isZero();
        }
    }
}
