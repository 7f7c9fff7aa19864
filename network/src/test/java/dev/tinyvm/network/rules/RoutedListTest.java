package dev.tinyvm.network.rules;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.engine.RoutedRule;
import dev.tinyvm.engine.RoutedRule.Protocol;
import dev.tinyvm.network.rules.EgressRules.Decision;
import dev.tinyvm.network.rules.RoutedList.Opened;
import dev.tinyvm.spec.Cidr;
import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.Network.Egress;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RoutedListTest {
    private static final List<String> RANGES = List.of(
            "0.0.0.0/0",
            "8.0.0.0/7",
            "8.8.8.0/24",
            "8.8.8.8/32",
            "9.9.9.9/32",
            "10.0.0.0/8",
            "10.0.0.0/9",
            "10.1.0.0/16",
            "10.1.2.3/32",
            "172.16.0.0/12",
            "172.0.0.0/8",
            "169.254.169.254/32",
            "169.254.0.0/16",
            "192.0.0.0/16",
            "192.168.0.0/16",
            "100.0.0.0/8",
            "127.0.0.0/8",
            "198.18.0.0/15",
            "224.0.0.0/3",
            "fd00::/8",
            "::/0");
    private static final List<String> ADDRESSES = List.of(
            "8.8.8.8",
            "8.8.4.4",
            "9.9.9.9",
            "1.2.3.4",
            "10.1.2.3",
            "10.1.2.4",
            "10.200.0.1",
            "172.16.0.1",
            "172.1.0.1",
            "169.254.169.254",
            "169.254.1.1",
            "192.168.1.1",
            "192.0.2.1",
            "192.0.9.1",
            "100.64.0.1",
            "100.1.0.1",
            "127.0.0.1",
            "198.19.0.1",
            "240.0.0.1",
            "224.0.0.1",
            "0.0.0.1");
    private static final List<Integer> PORTS = List.of(22, 80, 81, 443, 5432);

    @Test
    void theKernelsListJudgesAddressesAsTheProxyDoes() throws Exception {
        Random random = new Random(11);
        int allowed = 0;
        for (int round = 0; round < 5_000; round++) {
            EgressRules rules = new EgressRules(new Network(someRules(random)));
            List<RoutedRule> list = RoutedList.of(rules, List.of());
            for (String text : ADDRESSES) {
                InetAddress address = InetAddress.getByName(text);
                for (int port : PORTS) {
                    boolean proxy = rules.address(Optional.empty(), address, port) == Decision.ALLOWED;
                    assertThat(decide(list, address, port, Protocol.TCP))
                            .as("%s:%d by %s, listed as %s", text, port, rules.network(), list)
                            .isEqualTo(proxy);
                    assertThat(decide(list, address, port, Protocol.UDP)).isFalse();
                    allowed += proxy ? 1 : 0;
                }
            }
        }
        assertThat(allowed).as("the comparison has both answers").isBetween(10_000, 400_000);
    }

    @Test
    void addressesOfNamesComeFirstWithTheirPorts() throws Exception {
        EgressRules rules = new EgressRules(new Network(List.of(
                new Egress("a.example.org", "", List.of()),
                new Egress("", "8.0.0.0/8", List.of(), true, Optional.empty()))));
        Opened opened = new Opened(InetAddress.getByName("8.8.8.8"), List.of(443, 80, 81));
        assertThat(RoutedList.of(rules, List.of(opened)))
                .containsExactly(new RoutedRule(
                        false,
                        Cidr.parse("8.8.8.8/32"),
                        List.of(new RoutedRule.PortRange(80, 81), new RoutedRule.PortRange(443, 443)),
                        Protocol.TCP));
    }

    @Test
    void manyPortsBecomeSeveralLines() {
        List<Integer> ports =
                IntStream.range(0, 20).map(i -> 1_000 + 2 * i).boxed().toList();
        List<RoutedRule> list =
                RoutedList.of(new EgressRules(new Network(List.of(new Egress("", "10.0.0.0/8", ports)))), List.of());
        assertThat(list).hasSize(3);
        assertThat(list).allSatisfy(line -> assertThat(line.ports()).hasSizeLessThanOrEqualTo(8));
        assertThat(list.stream().mapToInt(line -> line.ports().size()).sum()).isEqualTo(20);
    }

    @Test
    void theOldestNamesMakeRoom() throws Exception {
        List<Opened> opened = new ArrayList<>();
        for (int i = 0; i < 2_000; i++) {
            opened.add(new Opened(
                    InetAddress.getByAddress(new byte[] {8, 1, (byte) (i >> 8), (byte) i}), List.of(443)));
        }
        List<RoutedRule> list =
                RoutedList.of(new EgressRules(new Network(List.of(new Egress("", "0.0.0.0/0", List.of())))), opened);
        assertThat(list).hasSizeLessThanOrEqualTo(RoutedRule.MOST_RULES);
        assertThat(list.getFirst().range().address()).isEqualTo(opened.getLast().address());
        assertThat(decide(list, InetAddress.getByName("10.0.0.1"), 443, Protocol.TCP))
                .isFalse();
    }

    private static List<Egress> someRules(Random random) {
        List<Egress> rules = new ArrayList<>();
        for (int left = random.nextInt(5); left >= 0; left--) {
            List<Integer> ports = new ArrayList<>();
            for (int more = random.nextInt(3); more > 0; more--) {
                ports.add(PORTS.get(random.nextInt(PORTS.size())));
            }
            rules.add(new Egress(
                    "", RANGES.get(random.nextInt(RANGES.size())), ports, random.nextInt(3) == 0, Optional.empty()));
        }
        return rules;
    }

    /** As the spawner's protocol says. */
    private static boolean decide(List<RoutedRule> list, InetAddress address, int port, Protocol protocol)
            throws UnknownHostException {
        for (RoutedRule line : list) {
            boolean matches = line.range().contains(address)
                    && (line.ports().isEmpty()
                            || line.ports().stream().anyMatch(range -> range.first() <= port && port <= range.last()))
                    && (line.protocol() == protocol || line.protocol() == Protocol.TCP_AND_UDP);
            if (matches) {
                return !line.deny();
            }
        }
        return false;
    }
}
