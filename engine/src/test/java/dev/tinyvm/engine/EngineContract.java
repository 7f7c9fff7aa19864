package dev.tinyvm.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.ExecRequest.WindowSize;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.engine.Machine.MachineEnd;
import dev.tinyvm.spec.Resources;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** What every engine promises: one suite, run against each of them. */
public abstract class EngineContract extends NetworkContract {
    private static final long SPAM_BYTES = 700_000;

    @Test
    void aCommandsOutputAndExitCodeComeBack() throws Exception {
        Machine machine = machine();
        assertThat(run(machine, "true").status()).isZero();
        assertThat(run(machine, "false").status()).isEqualTo(1);
        assertThat(run(machine, commands().exit(42)).status()).isEqualTo(42);
        assertThat(run(machine, "echo", "hello", "there").stdout()).isEqualTo("hello there\n");
        Result err = run(machine, commands().stderr("oops"));
        assertThat(err.stderr()).isEqualTo("oops\n");
        assertThat(err.stdout()).isEmpty();
    }

    @Test
    void theEndIsReportedAgainAndAgain() throws Exception {
        try (GuestProcess process = machine().exec(ExecRequest.of("true"))) {
            Result end = drain(process);
            assertThat(process.next()).isEqualTo(end.end());
            assertThat(process.next()).isEqualTo(end.end());
        }
    }

    @Test
    void environmentDirectoryAndUserAreAsAsked() throws Exception {
        Machine machine = machine();
        ExecRequest env =
                new ExecRequest(List.of("env"), Map.of("MODE", "fast and=odd"), "", "", Optional.empty(), false, "");
        assertThat(run(machine, env).stdout().lines()).contains("MODE=fast and=odd", "HOME=/home/user", "USER=user");
        assertThat(run(machine, "pwd").stdout()).isEqualTo("/home/user\n");
        ExecRequest there = new ExecRequest(List.of("pwd"), Map.of(), "/tmp", "", Optional.empty(), false, "");
        assertThat(run(machine, there).stdout()).isEqualTo("/tmp\n");
        ExecRequest root = new ExecRequest(List.of("id", "-un"), Map.of(), "", "root", Optional.empty(), false, "");
        assertThat(run(machine, root).stdout()).isEqualTo("root\n");
        assertThat(run(machine, "id", "-un").stdout()).isEqualTo("user\n");
    }

    @Test
    void whatCannotStartIsRefusedWithTheReason() {
        Machine machine = machine();
        assertCode(Code.NOT_FOUND, () -> machine.exec(ExecRequest.of("no-such-program")), "no-such-program");
        ExecRequest nowhere =
                new ExecRequest(List.of("true"), Map.of(), "/no/such/dir", "", Optional.empty(), false, "");
        assertCode(Code.NOT_FOUND, () -> machine.exec(nowhere), "/no/such/dir");
        ExecRequest nobody =
                new ExecRequest(List.of("true"), Map.of(), "", "no-such-user", Optional.empty(), false, "");
        assertCode(Code.NOT_FOUND, () -> machine.exec(nobody), "no-such-user");
    }

    @Test
    void inputIsDeliveredAndEnds() throws Exception {
        try (GuestProcess cat = machine().exec(request(List.of("cat"), true))) {
            byte[] text = spamOf(300_000).getBytes(StandardCharsets.UTF_8);
            Thread writer = Thread.startVirtualThread(() -> {
                cat.writeStdin(text, 0, text.length);
                cat.closeStdin();
            });
            assertThat(drain(cat).stdout()).isEqualTo(spamOf(300_000));
            writer.join();
            assertCode(Code.GONE, () -> cat.writeStdin(text, 0, 1), "");
        }
    }

    @Test
    void withoutInputACommandReadsNothing() throws Exception {
        Result result = run(machine(), "cat");
        assertThat(result.stdout()).isEmpty();
        assertThat(result.status()).isZero();
    }

    @Test
    void signalsEndACommandAndAreReported() throws Exception {
        try (GuestProcess sleep = machine().exec(ExecRequest.of("sleep", "1000"))) {
            sleep.signal(15, true);
            Result result = drain(sleep);
            assertThat(result.end()).isInstanceOfSatisfying(Output.Exited.class, e -> {
                assertThat(e.signal()).isEqualTo(15);
                assertThat(e.exitCode()).isEqualTo(-1);
            });
            sleep.signal(15, false);
        }
    }

    @Test
    void sigkillEndsEvenAStubbornCommand() throws Exception {
        try (GuestProcess stubborn = machine().exec(request(commands().stubborn(), false))) {
            assertThat(firstOutput(stubborn)).startsWith("ready");
            stubborn.signal(15, false);
            stubborn.signal(9, true);
            assertThat(drain(stubborn, 6, 0).status()).isEqualTo(128 + 9);
        }
    }

    @Test
    void aTerminalHasASizeThatCanChange() throws Exception {
        assumeTrue(hasTerminals(), "this engine has no terminals");
        Machine machine = machine();
        ExecRequest size =
                new ExecRequest(commands().window(), Map.of(), "", "", Optional.of(new WindowSize(33, 101)), true, "");
        assertThat(run(machine, size).stdout().strip()).isEqualTo("33 101");
        ExecRequest shell = new ExecRequest(
                List.of("sh", "-c", "echo ready; read x; stty size"),
                Map.of(),
                "",
                "",
                Optional.of(new WindowSize(33, 101)),
                true,
                "");
        try (GuestProcess process = machine.exec(shell)) {
            assertThat(firstOutput(process)).startsWith("ready");
            process.resize(50, 60);
            process.writeStdin(new byte[] {'\n'}, 0, 1);
            StringBuilder all = new StringBuilder();
            for (Output o = process.next(); o instanceof Output.Stdout s; o = process.next()) {
                all.append(new String(s.bytes(), StandardCharsets.UTF_8));
            }
            assertThat(all.toString()).contains("50 60");
        }
    }

    @Test
    void bigOutputArrivesWholeAndInOrder() throws Exception {
        assertThat(run(machine(), commands().spam(SPAM_BYTES)).stdout()).isEqualTo(spamOf(SPAM_BYTES));
    }

    @Test
    void aSlowReaderStallsOnlyItsOwnStream() throws Exception {
        Machine machine = machine();
        try (GuestProcess slow = machine.exec(request(commands().spam(SPAM_BYTES), false))) {
            for (int i = 0; i < 20; i++) {
                assertThat(run(machine, "echo", "quick").stdout()).isEqualTo("quick\n");
            }
            assertThat(run(machine, commands().spam(SPAM_BYTES)).stdout()).hasSize((int) SPAM_BYTES);
            assertThat(drain(slow).stdout()).isEqualTo(spamOf(SPAM_BYTES));
        }
    }

    @Test
    void aHundredCommandsRunAtOnce() throws Exception {
        Machine machine = machine();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Result>> all = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                String word = "word-" + i;
                all.add(threads.submit(() -> run(machine, "echo", word)));
            }
            for (int i = 0; i < all.size(); i++) {
                assertThat(all.get(i)
                                .get(PATIENCE.toSeconds(), TimeUnit.SECONDS)
                                .stdout())
                        .isEqualTo("word-" + i + "\n");
            }
        }
    }

    @Test
    void processesAreListedWithTheirTagAndForgotten() throws Exception {
        Machine machine = machine();
        ExecRequest tagged =
                new ExecRequest(List.of("sleep", "1000"), Map.of(), "", "", Optional.empty(), false, "main");
        try (GuestProcess process = machine.exec(tagged)) {
            assertThat(machine.processes()).singleElement().satisfies(p -> {
                assertThat(p.processId()).isEqualTo(process.processId());
                assertThat(p.pid()).isEqualTo(process.pid());
                assertThat(p.tag()).isEqualTo("main");
                assertThat(p.command()).containsExactly("sleep", "1000");
                assertThat(p.running()).isTrue();
                assertThat(p.terminal()).isFalse();
            });
            assertCode(Code.INVALID, () -> machine.forget(process.processId()), "");
            process.signal(9, false);
            drain(process);
            machine.forget(process.processId());
            assertThat(machine.processes()).isEmpty();
            assertCode(Code.NOT_FOUND, () -> machine.attach(process.processId(), 0, 0), "");
        }
    }

    @Test
    void detachingLeavesTheProcessRunning() throws Exception {
        Machine machine = machine();
        int id;
        try (GuestProcess process = machine.exec(request(commands().stubborn(), false))) {
            assertThat(firstOutput(process)).isEqualTo("ready\n");
            id = process.processId();
        }
        try (GuestProcess again = machine.attach(id, 0, 0)) {
            assertThat(firstOutput(again)).isEqualTo("ready\n");
            try (GuestProcess newer = machine.attach(id, 6, 0)) {
                assertThat(drain(again).end()).isInstanceOf(Output.Lost.class);
                newer.signal(9, true);
                assertThat(drain(newer, 6, 0).status()).isEqualTo(128 + 9);
            }
        }
    }

    @Test
    void whoDoesNotKnowHowFarTheLastReaderGotBeginsWithTheOldestByteKept() throws Exception {
        Machine machine = machine();
        int id;
        try (GuestProcess process = machine.exec(request(commands().stubborn(), false))) {
            assertThat(firstOutput(process)).isEqualTo("ready\n");
            id = process.processId();
            process.acknowledge(6, 0);
        }
        try (GuestProcess again = machine.attach(id, Machine.OLDEST_KEPT, Machine.OLDEST_KEPT)) {
            again.signal(9, true);
            Output next = again.next();
            while (next instanceof Output.Stdout kept) {
                // An acknowledgement may be worked off late; nothing before the start is made up.
                assertThat(kept.offset()).isZero();
                next = again.next();
            }
            assertThat(next).isInstanceOf(Output.Exited.class);
        }
    }

    @Test
    void theNextManagerGetsEveryByteExactlyOnce() throws Exception {
        String id = newId();
        Machine machine = engine().create(spec(id, List.of()));
        GuestProcess first = machine.exec(request(commands().spam(SPAM_BYTES), false));
        StringBuilder text = new StringBuilder();
        while (text.length() < 100_000) {
            if (!(first.next() instanceof Output.Stdout output)) {
                throw new AssertionError("no output");
            }
            text.append(new String(output.bytes(), StandardCharsets.UTF_8));
        }
        first.acknowledge(50_000, 0);
        Engine next = reopen();
        // What had come before the loss may still be handed out; it was not "written to disk" here and comes again.
        await("the loss", () -> lost(first));
        Engine.Adoption adoption = next.adopt(List.of(id, "wanted-but-gone"));
        assertThat(adoption.machines()).extracting(Machine::id).containsExactly(id);
        Machine adopted = adoption.machines().getFirst();
        try (GuestProcess second = adopted.attach(first.processId(), text.length(), 0)) {
            assertThat(text + drain(second, text.length(), 0).stdout()).isEqualTo(spamOf(SPAM_BYTES));
        }
        assertThat(run(adopted, "echo", "alive").stdout()).isEqualTo("alive\n");
    }

    @Test
    void adoptionRemovesWhatNobodyWantsAndReportsWhatHasEnded() throws Exception {
        String wanted = newId();
        String unwanted = newId();
        String dead = newId();
        engine().create(spec(wanted, List.of()));
        engine().create(spec(unwanted, List.of()));
        Machine dying = engine().create(spec(dead, List.of()));
        dying.kill();
        dying.ended().get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        Engine.Adoption adoption = reopen().adopt(List.of(wanted, dead));
        assertThat(adoption.machines()).extracting(Machine::id).containsExactly(wanted);
        assertThat(adoption.ended()).containsExactly(dead);
        assertThat(adoption.removed()).containsExactly(unwanted);
        assertThat(engine().machines()).containsExactly(wanted);
        assertNothingLeft(unwanted);
        assertNothingLeft(dead);
    }

    @Test
    void aFrozenMachineStandsStillAndGoesOn() throws Exception {
        Machine machine = machine();
        try (GuestProcess cat = machine.exec(request(List.of("cat"), true))) {
            machine.freeze();
            machine.freeze();
            assertThat(machine.stats().frozen()).isTrue();
            assertCode(Code.INVALID, () -> machine.exec(ExecRequest.of("true")), "frozen");
            cat.writeStdin("while frozen".getBytes(StandardCharsets.UTF_8), 0, 12);
            machine.thaw();
            machine.thaw();
            assertThat(machine.stats().frozen()).isFalse();
            cat.closeStdin();
            assertThat(drain(cat).stdout()).isEqualTo("while frozen");
            assertThat(run(machine, "true").status()).isZero();
        }
    }

    @Test
    void aFrozenMachineCanBeDestroyed() {
        Machine machine = machine();
        machine.freeze();
        machine.destroy();
        assertNothingLeft(machine.id());
    }

    @Test
    void aFrozenMachineCanBeKilled() throws Exception {
        Machine machine = machine();
        machine.freeze();
        machine.kill();
        assertThat(end(machine).cause()).isEqualTo(MachineEnd.Cause.REQUESTED);
    }

    @Test
    void aFrozenMachineCanBeShutDown() throws Exception {
        Machine machine = machine();
        machine.freeze();
        machine.shutdown(Duration.ofSeconds(10));
        assertThat(end(machine).cause()).isEqualTo(MachineEnd.Cause.REQUESTED);
    }

    @Test
    void resizingShowsInTheFigures() {
        Machine machine = machine();
        machine.resize(new Resources(500, 128L << 20, RESOURCES.diskBytes(), 128));
        assertThat(machine.stats().memoryLimitBytes()).isEqualTo(128L << 20);
        assertThat(machine.stats().diskTotalBytes()).isPositive();
        assertThat(machine.stats().pids()).isPositive();
    }

    @Test
    void shutdownWaitsForTheGracePeriodThenKills() throws Exception {
        Machine machine = machine();
        try (GuestProcess stubborn = machine.exec(request(commands().stubborn(), false))) {
            assertThat(firstOutput(stubborn)).startsWith("ready");
            machine.shutdown(Duration.ofMillis(50));
            assertThat(end(machine).cause()).isEqualTo(MachineEnd.Cause.REQUESTED);
        }
        assertCode(Code.GONE, () -> machine.exec(ExecRequest.of("true")), machine.id());
    }

    @Test
    void aKilledMachineSaysSoEverywhere() throws Exception {
        Machine machine = machine();
        GuestProcess sleep = machine.exec(ExecRequest.of("sleep", "1000"));
        machine.kill();
        assertThat(end(machine).cause()).isEqualTo(MachineEnd.Cause.REQUESTED);
        assertThat(drain(sleep).end()).isInstanceOf(Output.Lost.class);
        assertCode(Code.GONE, () -> machine.exec(ExecRequest.of("true")), machine.id());
        assertCode(Code.GONE, machine::freeze, machine.id());
        assertThat(engine().machines()).contains(machine.id());
        machine.destroy();
        assertThat(engine().machines()).doesNotContain(machine.id());
    }

    @Test
    void destroyLeavesNothingAndMayBeRepeated() throws Exception {
        Machine machine = machine();
        GuestProcess sleep = machine.exec(ExecRequest.of("sleep", "1000"));
        machine.destroy();
        machine.destroy();
        engine().destroy(machine.id());
        assertThat(end(machine).cause()).isEqualTo(MachineEnd.Cause.REQUESTED);
        assertThat(drain(sleep).end()).isInstanceOf(Output.Lost.class);
        assertThat(engine().machines()).doesNotContain(machine.id());
        assertNothingLeft(machine.id());
    }

    @Test
    void anIdIsTakenOnlyOnce() {
        Machine machine = machine();
        assertThatThrownBy(() -> engine().create(spec(machine.id(), List.of()))).isInstanceOf(EngineException.class);
        assertThat(machine.stats().memoryLimitBytes()).isPositive();
    }

    private static boolean lost(GuestProcess process) {
        try {
            return process.next() instanceof Output.Lost;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    protected static MachineEnd end(Machine machine) throws Exception {
        return machine.ended().get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    }

    protected static void assertCode(Code code, ThrowingCallable call, String mentioned) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        EngineException.class,
                        e -> assertThat(e.code()).as(e.getMessage()).isEqualTo(code))
                .hasMessageContaining(mentioned);
    }
}
