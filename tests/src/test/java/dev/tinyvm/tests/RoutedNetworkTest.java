package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.sdk.BillRequest;
import dev.tinyvm.sdk.ExecResult;
import dev.tinyvm.sdk.InterfaceInfo;
import dev.tinyvm.sdk.VmInfo;
import java.io.IOException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Programs that know nothing of proxies, behind a real wall, over a routed interface to a network namespace of this test's own. */
@NeedsWalls
class RoutedNetworkTest {
    private static final String RESOURCES = "cpu: 0.5, memory: 256Mi";
    private static final String NAME = "server.outside.test";

    /** Sends a line for each that it finds in a file, and says what came back, or that nothing comes any more. */
    private static final String FLOW = """
            import os, socket, sys, time
            s = socket.create_connection((sys.argv[1], %d), 10)
            s.settimeout(10)
            sent = 0
            print("up", flush=True)
            while True:
                time.sleep(0.05)
                wanted = len(open("/tmp/ask").read().splitlines()) if os.path.exists("/tmp/ask") else 0
                if wanted > sent:
                    try:
                        s.sendall(b"x" * 10)
                        ok = s.recv(100) == b"x" * 10
                    except OSError:
                        ok = False
                    sent += 1
                    open("/tmp/told", "a").write(("ok" if ok else "cut") + "\\n")
            """.formatted(Outside.ECHO);

    private static Outside outside;
    private static Path hosts;
    private static Product product;

    @BeforeAll
    static void start() throws Exception {
        outside = new Outside();
        // The manager's own look-ups: this host has no name server for the name.
        hosts = Files.createTempFile("tinyvm-hosts-", "");
        Files.setPosixFilePermissions(hosts, java.nio.file.attribute.PosixFilePermissions.fromString("rw-r--r--"));
        Files.writeString(hosts, outside.second + " " + NAME + "\n");
        product = Product.start(Map.of("TINYVM_JAVA_OPTIONS", "-Djdk.net.hosts.file=" + hosts));
    }

    @AfterAll
    static void stop() throws Exception {
        if (product != null) {
            product.close();
        }
        if (outside != null) {
            outside.close();
        }
        if (hosts != null) {
            Files.deleteIfExists(hosts);
        }
    }

    private static VmInfo create(String network) {
        return product.create(RESOURCES, "  network: {" + network + "}\n");
    }

    private static String rules() {
        return "egress: [{cidr: " + outside.first + "/32, ports: [" + Outside.WEB + ", " + Outside.ECHO + "]}, {host: "
                + NAME + ", ports: [" + Outside.WEB + "]}]";
    }

    private static ExecResult run(VmInfo vm, String command) {
        return product.exec(vm.id(), "bash", "-c", command + " 2>&1");
    }

    /** Without a proxy. */
    private static String fetch(VmInfo vm, String host) {
        return run(vm, "curl -sS --noproxy '*' --connect-timeout 5 " + Outside.url(host))
                .stdoutText();
    }

    private static boolean connects(VmInfo vm, String host, int port) {
        return run(vm, "timeout 5 bash -c '</dev/tcp/" + host + "/" + port + "'")
                        .shellStatus()
                == 0;
    }

    @Test
    void whatTheRulesAllowIsReachedAndNothingElse() throws Exception {
        VmInfo vm = create(rules());
        assertThat(connects(vm, outside.first, Outside.WEB))
                .as("no interface yet")
                .isFalse();
        assertThat(product.cli("attach", vm.id(), "--network").expectSuccess().output())
                .contains("eth0", " by way of ");
        String answer = "hello " + outside.host + "\n";
        assertThat(fetch(vm, outside.first))
                .as("by its range, from the host's address")
                .isEqualTo(answer);

        assertThat(connects(vm, outside.second, Outside.WEB))
                .as("its name was not asked for")
                .isFalse();
        assertThat(fetch(vm, NAME)).as("by its name").isEqualTo(answer);
        assertThat(connects(vm, outside.second, Outside.WEB)).isTrue();
        assertThat(connects(vm, outside.second, Outside.ECHO))
                .as("another port of the name")
                .isFalse();

        assertThat(connects(vm, outside.first, 22)).isFalse();
        assertThat(connects(vm, outside.host, 22)).as("the host").isFalse();
        assertThat(run(vm, "getent hosts other.outside.test").shellStatus()).isEqualTo(2);
        assertThat(run(vm, "curl -sS " + Outside.url(NAME)).stdoutText())
                .as("the proxy goes on")
                .isEqualTo(answer);

        InterfaceInfo plugged = product.client().networkInterface(vm.id());
        assertThat(plugged.bytesOut()).isPositive();
        assertThat(plugged.bytesIn()).isPositive();
        assertThat(product.cli("network", vm.id()).expectSuccess().output())
                .contains("interface eth0 " + plugged.address());
        assertThat(product.cli("inspect", vm.id()).expectSuccess().output()).contains("\"networkInterface\"");
    }

    @Test
    void rulesChangeForWhatIsOpenAndTheInterfaceGoes() throws Exception {
        VmInfo vm = create(rules());
        product.client().attachNetwork(vm.id());
        flow(vm);
        assertThat(ask(vm)).isEqualTo("ok");
        product.cli(
                        "network",
                        vm.id(),
                        "--remove",
                        outside.first + "/32",
                        "--allow",
                        outside.first + "/32:" + Outside.WEB)
                .expectSuccess();
        assertThat(ask(vm)).as("its rule is gone").isEqualTo("cut");
        assertThat(fetch(vm, outside.first)).startsWith("hello");
        String device = device(vm);
        product.cli("detach", vm.id(), "--network").expectSuccess();
        assertThat(run(vm, "ls /sys/class/net; cat /proc/net/dev").stdoutText()).doesNotContain("eth0");
        assertThat(connects(vm, outside.first, Outside.WEB)).isFalse();
        assertThat(Path.of("/sys/class/net", device)).doesNotExist();
    }

    @Test
    void connectionsNamesAndTheBillOutliveTheManager() throws Exception {
        VmInfo vm = create(rules() + ", interface: routed");
        assertThat(fetch(vm, NAME)).startsWith("hello");
        flow(vm);
        assertThat(ask(vm)).isEqualTo("ok");
        InterfaceInfo before = product.client().networkInterface(vm.id());
        Product.kill(product.managerPid());
        product.upAgain();
        assertThat(ask(vm)).as("the connection").isEqualTo("ok");
        assertThat(connects(vm, outside.second, Outside.WEB)).as("the name").isTrue();
        InterfaceInfo after = product.client().networkInterface(vm.id());
        assertThat(after.address()).isEqualTo(before.address());
        assertThat(after.bytesOut()).isGreaterThan(before.bytesOut());
        assertThat(flowsSeenByTheManager(vm)).contains(hex(outside.first));
        product.client().detachNetwork(vm.id());
        long sent = billedBytes(vm);
        assertThat(sent).as("billed once").isBetween(after.bytesOut(), after.bytesOut() + 2_000);
        Product.kill(product.managerPid());
        product.upAgain();
        assertThat(billedBytes(vm)).isEqualTo(sent);
    }

    @Test
    void aRestartBringsItAgainAndARemovalLeavesNothing() throws Exception {
        VmInfo vm = create(rules());
        product.client().attachNetwork(vm.id());
        product.client().restart(vm.id());
        assertThat(fetch(vm, outside.first)).startsWith("hello");
        String device = device(vm);
        assertThat(Path.of("/sys/class/net", device)).exists();
        product.client().remove(vm.id());
        Product.eventually(() -> device + " is gone", () -> Files.notExists(Path.of("/sys/class/net", device)));
    }

    private static long billedBytes(VmInfo vm) {
        return product.client()
                .bill(new BillRequest("vm", Optional.empty(), Optional.empty(), Optional.empty(), Optional.of(vm.id())))
                .total()
                .egressBytes();
    }

    private static void flow(VmInfo vm) throws InterruptedException {
        run(
                vm,
                "rm -f /tmp/ask /tmp/told /tmp/up; cat >/tmp/flow.py <<'END'\n" + FLOW
                        + "END\nsetsid python3 /tmp/flow.py " + outside.first
                        + " >/tmp/up 2>&1 </dev/null & sleep 0.1");
        Product.eventually(
                () -> run(vm, "cat /tmp/up").stdoutText(),
                () -> run(vm, "cat /tmp/up").stdoutText().startsWith("up"));
    }

    /** Whether the flow answers once more. */
    private static String ask(VmInfo vm) throws InterruptedException {
        int told = lines(vm);
        run(vm, "echo >>/tmp/ask");
        Product.eventually(() -> "an answer of the flow", () -> lines(vm) > told);
        return run(vm, "tail -n 1 /tmp/told").stdoutText().strip();
    }

    private static int lines(VmInfo vm) {
        return (int) run(vm, "cat /tmp/told 2>/dev/null || true")
                .stdoutText()
                .lines()
                .count();
    }

    /** The host's end. */
    private static String device(VmInfo vm) throws IOException {
        InetAddress gateway =
                InetAddress.getByName(product.client().networkInterface(vm.id()).gateway());
        return NetworkInterface.getByInetAddress(gateway).getName();
    }

    /** With the uid that the manager has given root up for. */
    private static String flowsSeenByTheManager(VmInfo vm) throws IOException, InterruptedException {
        String uid = Integer.toString(product.managerUid());
        return Shell.run(
                        Path.of("/"),
                        "setpriv",
                        "--reuid",
                        uid,
                        "--regid",
                        uid,
                        "--clear-groups",
                        "cat",
                        "/proc/" + product.client().vm(vm.id()).hostPid() + "/net/tcp")
                .expectSuccess()
                .output();
    }

    private static String hex(String address) throws IOException {
        byte[] bytes = InetAddress.getByName(address).getAddress();
        return "%02X%02X%02X%02X:%04X".formatted(bytes[3], bytes[2], bytes[1], bytes[0], Outside.ECHO);
    }
}
