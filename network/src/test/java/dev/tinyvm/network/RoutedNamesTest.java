package dev.tinyvm.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.RoutedRule;
import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.manager.RoutedNetworks;
import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.Network.Attachment;
import dev.tinyvm.spec.Network.Egress;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Names of a Tiny VM with a routed interface: the kernel lets an address through before the answer with it is given. */
class RoutedNamesTest {
    private static final int FAILURE = 2;
    private static final String NAME = "www.example.org";
    private static final Network RULES = new Network(
            List.of(new Egress("*.example.org", "", List.of(443)), new Egress("", "10.0.0.0/8", List.of(5432))),
            Attachment.ROUTED);

    @TempDir
    Path logs;

    private final Kernel kernel = new Kernel();
    private ProxyFixture fixture;

    @BeforeEach
    void make() {
        open();
    }

    @AfterEach
    void close() throws Exception {
        fixture.close();
    }

    private void open() {
        fixture = new ProxyFixture(logs);
        fixture.names.put(NAME, List.of("93.184.215.14", "10.0.0.1", "192.168.7.7", "2606:2800::1"));
        fixture.proxy.routeWith(kernel);
        fixture.allow(RULES);
    }

    @Test
    void theKernelHasTheAddressesBeforeTheAnswerIsGiven() throws Exception {
        assertThat(ask(NAME)).isZero();
        assertThat(kernel.lists).hasSize(1);
        assertThat(reaches(kernel.lists.getFirst(), "93.184.215.14", 443)).isTrue();
        assertThat(reaches(kernel.lists.getFirst(), "93.184.215.14", 80)).isFalse();
        assertThat(reaches(kernel.lists.getFirst(), "192.168.7.7", 443))
                .as("private, and no range opens it")
                .isFalse();
        assertThat(reaches(kernel.lists.getFirst(), "10.0.0.1", 5432))
                .as("by its range")
                .isTrue();
    }

    @Test
    void whatIsKnownIsNotToldAgain() throws Exception {
        ask(NAME);
        ask(NAME);
        assertThat(kernel.lists).hasSize(1);
    }

    @Test
    void withoutAnInterfaceNothingIsTold() throws Exception {
        fixture.change(RULES.with(Attachment.NONE));
        assertThat(ask(NAME)).isZero();
        assertThat(kernel.lists).isEmpty();
        fixture.change(RULES);
        assertThat(reaches(list(), "93.184.215.14", 443)).isFalse();
    }

    @Test
    void aKernelThatCannotBeToldMakesTheAnswerFail() throws Exception {
        kernel.broken = true;
        assertThat(ask(NAME)).isEqualTo(FAILURE);
        assertThat(fixture.log().toString()).contains("interface-failed");
        kernel.broken = false;
        assertThat(ask(NAME)).as("it is tried again").isZero();
        assertThat(kernel.lists).hasSize(1);
    }

    @Test
    void rulesThatForbidANameTakeItsAddressesBack() throws Exception {
        ask(NAME);
        Network changed = new Network(List.of(new Egress("other.example.org", "", List.of())), Attachment.ROUTED);
        fixture.change(changed);
        assertThat(fixture.proxy.routed(ProxyFixture.vm(changed)).orElseThrow()).isEmpty();
        fixture.change(RULES);
        assertThat(reaches(list(), "93.184.215.14", 443))
                .as("and allowed again")
                .isTrue();
    }

    @Test
    void anOldNameIsForgottenUnlessAConnectionIsOpen() throws Exception {
        fixture.names.put("api.example.org", List.of("93.184.215.15"));
        ask(NAME);
        ask("api.example.org");
        fixture.clock.advance(AnsweredNames.KEPT.minus(Duration.ofSeconds(1)));
        fixture.proxy.forgetOldNames(ProxyFixture.VM);
        assertThat(reaches(list(), "93.184.215.14", 443)).isTrue();
        fixture.clock.advance(Duration.ofSeconds(2));
        kernel.peers = Set.of(InetAddress.getByName("93.184.215.15"));
        fixture.proxy.forgetOldNames(ProxyFixture.VM);
        assertThat(reaches(list(), "93.184.215.14", 443)).isFalse();
        assertThat(reaches(list(), "93.184.215.15", 443)).isTrue();
        assertThat(kernel.lists.getLast()).isEqualTo(list());
        assertThat(ask(NAME)).isZero();
        assertThat(reaches(kernel.lists.getLast(), "93.184.215.14", 443))
                .as("asked for again")
                .isTrue();
    }

    @Test
    void theNextManagerKnowsTheNames() throws Exception {
        ask(NAME);
        fixture.close();
        open();
        assertThat(reaches(list(), "93.184.215.14", 443)).isTrue();
        fixture.proxy.removed(ProxyFixture.VM);
        assertThat(logs).isEmptyDirectory();
    }

    @Test
    void namesAreBounded() throws Exception {
        for (int i = 0; i <= AnsweredNames.MOST; i++) {
            String name = "n" + i + ".example.org";
            fixture.names.put(name, List.of("93.184." + (i >> 8) + "." + (i & 0xff)));
            assertThat(ask(name)).isZero();
        }
        assertThat(reaches(list(), "93.184.0.0", 443)).as("the oldest").isFalse();
        assertThat(reaches(list(), "93.184.0.1", 443)).isTrue();
    }

    private List<RoutedRule> list() {
        return fixture.proxy.routed(ProxyFixture.vm(RULES)).orElseThrow();
    }

    private static boolean reaches(List<RoutedRule> list, String address, int port) throws Exception {
        InetAddress to = InetAddress.getByName(address);
        return list.stream()
                .filter(line -> line.range().contains(to)
                        && (line.ports().isEmpty()
                                || line.ports().stream().anyMatch(p -> p.first() <= port && port <= p.last())))
                .findFirst()
                .filter(line -> !line.deny())
                .isPresent();
    }

    /** @return the answer's code */
    private int ask(String name) throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream query = new DataOutputStream(bytes);
        for (int word : new int[] {7, 0x0100, 1, 0, 0, 0}) {
            query.writeShort(word);
        }
        for (String label : name.split("\\.")) {
            query.writeByte(label.length());
            query.write(label.getBytes(StandardCharsets.US_ASCII));
        }
        query.writeByte(0);
        query.writeShort(1);
        query.writeShort(1);
        try (Socket socket = fixture.connect(53)) {
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            out.writeShort(bytes.size());
            out.write(bytes.toByteArray());
            DataInputStream in = new DataInputStream(socket.getInputStream());
            byte[] answer = new byte[in.readUnsignedShort()];
            in.readFully(answer);
            return answer[3] & 0xf;
        }
    }

    /** What the kernel was told. */
    private final class Kernel implements RoutedNetworks {
        final List<List<RoutedRule>> lists = new CopyOnWriteArrayList<>();
        volatile Set<InetAddress> peers = Set.of();
        volatile boolean broken;

        @Override
        public void refresh(String vm) {
            if (broken) {
                throw new ManagerException(ManagerException.Code.UNAVAILABLE, "the spawner is away");
            }
            lists.add(list());
        }

        @Override
        public Set<InetAddress> peers(String vm) {
            return peers;
        }
    }
}
