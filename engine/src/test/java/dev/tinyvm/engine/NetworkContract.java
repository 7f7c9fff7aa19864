package dev.tinyvm.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** The port half of {@link EngineContract}. */
public abstract class NetworkContract extends FilesContract {
    private static final int PORT = 7911;

    @Test
    void theHostDialsAPortInside() throws Exception {
        Machine machine = machine();
        try (GuestProcess server = machine.exec(request(commands().echoServer(PORT), false))) {
            assertThat(firstOutput(server)).startsWith("ready");
            try (GuestConnection connection = machine.dial(PORT)) {
                byte[] sent = new byte[500_000];
                new Random(2).nextBytes(sent);
                Thread writer = Thread.startVirtualThread(() -> send(connection, sent));
                assertThat(connection.input().readAllBytes()).isEqualTo(sent);
                writer.join();
            }
        }
    }

    @Test
    void aPortWhereNobodyListensIsNotFound() {
        assertThatThrownBy(() -> machine().dial(PORT))
                .isInstanceOfSatisfying(
                        EngineException.class, e -> assertThat(e.code()).isEqualTo(EngineException.Code.NOT_FOUND))
                .hasMessageContaining(Integer.toString(PORT));
    }

    @Test
    void aProgramInsideReachesTheHostThroughAListener() throws Exception {
        Machine machine = machine();
        try (AutoCloseable listener = machine.listen(PORT, NetworkContract::shout)) {
            assertThat(listener).isNotNull();
            Result result = run(machine, commands().connect(PORT, "hello"));
            assertThat(result.stdout()).isEqualTo("HELLO");
            assertThat(result.status()).isZero();
        }
        assertThat(run(machine, commands().connect(PORT, "hello")).status()).isNotZero();
        try (AutoCloseable again = machine.listen(PORT, NetworkContract::shout)) {
            assertThat(again).isNotNull();
            assertThat(run(machine, commands().connect(PORT, "again")).stdout()).isEqualTo("AGAIN");
        }
    }

    @Test
    void manyConnectionsCarryTheirOwnBytes() throws Exception {
        Machine machine = machine();
        try (GuestProcess server = machine.exec(request(commands().echoServer(PORT), false));
                ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            assertThat(firstOutput(server)).startsWith("ready");
            List<Future<?>> all = new ArrayList<>();
            for (int i = 0; i < 30; i++) {
                byte[] sent = new byte[20_000];
                Arrays.fill(sent, (byte) i);
                all.add(threads.submit(() -> {
                    try (GuestConnection connection = machine.dial(PORT)) {
                        send(connection, sent);
                        assertThat(connection.input().readAllBytes()).isEqualTo(sent);
                    }
                    return null;
                }));
            }
            for (Future<?> one : all) {
                one.get(PATIENCE.toSeconds(), java.util.concurrent.TimeUnit.SECONDS);
            }
        }
    }

    @Test
    void aProgramInsideIsAnsweredOverUdp() throws Exception {
        Machine machine = machine();
        if (!machine.hasDatagrams() || commands().equals(ContractCommands.FAKE)) {
            return;
        }
        try (AutoCloseable answering = machine.answerDatagrams(
                PORT,
                question -> question.length > 4_000
                        ? Optional.empty()
                        : Optional.of(new String(question, StandardCharsets.UTF_8)
                                .toUpperCase(java.util.Locale.ROOT)
                                .getBytes(StandardCharsets.UTF_8)))) {
            assertThat(answering).isNotNull();
            String asking = "import socket\n"
                    + "s = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(40)]\n"
                    + "for i, one in enumerate(s): one.settimeout(20); one.sendto(b'ask%d' % i, ('127.0.0.1', " + PORT
                    + "))\n"
                    + "print(all(one.recv(100) == b'ASK%d' % i for i, one in enumerate(s)))";
            assertThat(run(machine, "python3", "-c", asking).stdout()).isEqualTo("True\n");
            assertThatThrownBy(() -> machine.answerDatagrams(PORT, question -> Optional.empty()))
                    .isInstanceOfSatisfying(
                            EngineException.class, e -> assertThat(e.code()).isEqualTo(EngineException.Code.INVALID));
        }
        try (AutoCloseable again = machine.answerDatagrams(PORT, question -> Optional.of(question))) {
            assertThat(again).isNotNull();
        }
    }

    @Test
    void aRoutedInterfaceComesAndGoesOrIsRefusedInWords() {
        Machine machine = machine();
        List<RoutedRule> none = List.of();
        if (!hasRoutedInterfaces()) {
            assertThatThrownBy(() -> machine.attachNetwork(none))
                    .isInstanceOfSatisfying(
                            EngineException.class,
                            e -> assertThat(e.code())
                                    .isIn(EngineException.Code.INVALID, EngineException.Code.UNAVAILABLE))
                    .hasMessageContaining("interface");
            return;
        }
        assertThat(machine.networkStats()).isEmpty();
        assertThatThrownBy(() -> machine.setNetworkRules(none))
                .isInstanceOfSatisfying(
                        EngineException.class, e -> assertThat(e.code()).isEqualTo(EngineException.Code.NOT_FOUND));
        RoutedInterface made = machine.attachNetwork(none);
        assertThat(made.name()).isEqualTo("eth0");
        assertThat(made.address()).contains("/");
        assertThat(machine.networkStats()).isPresent();
        assertThatThrownBy(() -> machine.attachNetwork(none))
                .isInstanceOfSatisfying(
                        EngineException.class, e -> assertThat(e.code()).isEqualTo(EngineException.Code.INVALID));
        machine.setNetworkRules(List.of(new RoutedRule(
                false,
                dev.tinyvm.spec.Cidr.parse("192.0.2.0/24"),
                List.of(new RoutedRule.PortRange(443, 443)),
                RoutedRule.Protocol.TCP)));
        machine.detachNetwork();
        machine.detachNetwork();
        assertThat(machine.networkStats()).isEmpty();
        machine.freeze();
        assertThat(machine.attachNetwork(none).name()).as("while frozen").isEqualTo("eth0");
        machine.thaw();
    }

    private static void send(GuestConnection connection, byte[] bytes) {
        try {
            connection.output().write(bytes);
            connection.output().close();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static void shout(GuestConnection connection) {
        try (connection) {
            String text = new String(connection.input().readAllBytes(), StandardCharsets.UTF_8);
            connection.output().write(text.toUpperCase(java.util.Locale.ROOT).getBytes(StandardCharsets.UTF_8));
            connection.output().close();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
