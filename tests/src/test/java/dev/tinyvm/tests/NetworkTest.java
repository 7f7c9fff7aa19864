package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.net.httpserver.HttpServer;
import dev.tinyvm.sdk.ExecResult;
import dev.tinyvm.sdk.VmInfo;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Tools as they are, behind a real wall, on their way out through the egress proxy. */
@NeedsWalls
class NetworkTest {
    private static final String RESOURCES = "cpu: 0.5, memory: 256Mi";

    private static Product product;
    private static HttpServer server;
    private static String name = "";
    private static InetAddress address = InetAddress.getLoopbackAddress();

    @BeforeAll
    static void start() throws Exception {
        try {
            name = InetAddress.getLocalHost().getHostName();
            address = InetAddress.getByName(name);
        } catch (UnknownHostException e) {
            name = "";
        }
        // A name that this host's own resolver knows without any network; a server elsewhere than on the loopback would
        // be open to others.
        assumeTrue(
                address.isLoopbackAddress() && name.matches("[a-z0-9.-]+") && !name.equals("localhost"),
                "needs a host name that leads to the host's own loopback, as Debian writes into /etc/hosts; this host's is '"
                        + name + "'");
        server = HttpServer.create(new InetSocketAddress(address, 0), 50);
        server.createContext("/", exchange -> {
            byte[] body = "hello from outside\n".getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        product = Product.start();
    }

    @AfterAll
    static void stop() throws Exception {
        if (server != null) {
            server.stop(0);
        }
        if (product != null) {
            product.close();
        }
    }

    private static int port() {
        return server.getAddress().getPort();
    }

    private static String url() {
        return "http://" + name + ":" + port() + "/";
    }

    private static VmInfo open() {
        return product.create(
                RESOURCES,
                "  network: {egress: [{host: " + name + ", ports: [" + port() + "]}, {cidr: 127.0.0.0/8, ports: ["
                        + port() + "]}]}\n");
    }

    private static ExecResult run(VmInfo vm, String command) {
        return product.exec(vm.id(), "bash", "-c", command + " 2>&1");
    }

    @Test
    void curlAndPythonReachWhatIsAllowedAndNothingElse() {
        VmInfo vm = open();
        assertThat(run(vm, "curl -sS " + url()).stdoutText()).isEqualTo("hello from outside\n");
        assertThat(run(vm, "curl -sS -p -x http://127.0.0.1:3128 " + url()).stdoutText())
                .as("a tunnel")
                .isEqualTo("hello from outside\n");
        assertThat(run(vm, "python3 -c 'import urllib.request as u; print(u.urlopen(\"" + url() + "\").read())'")
                        .stdoutText())
                .contains("hello from outside");
        assertThat(run(vm, "curl -sS http://refused.example.org/").stdoutText())
                .contains("host-not-allowed")
                .contains("refused.example.org:80 is not in this Tiny VM's egress allow-list");
        assertThat(run(vm, "curl -sS https://refused.example.org/").stdoutText())
                .contains("403");
        ExecResult direct = run(vm, "curl -sS --noproxy '*' --connect-timeout 5 " + url());
        assertThat(direct.shellStatus()).as(direct.stdoutText()).isNotZero();
        assertThat(run(vm, "curl -sS --noproxy '*' http://192.0.2.1/").shellStatus())
                .isNotZero();
    }

    @Test
    void namesAreAnsweredByTheHostForAllowedOnesOnly() {
        VmInfo vm = open();
        assertThat(run(vm, "getent ahosts " + name).stdoutText()).startsWith(address.getHostAddress());
        assertThat(run(vm, "getent hosts refused.example.org").shellStatus()).isEqualTo(2);
    }

    /** A resolver that speaks UDP only, as musl's; and one that reads no resolv.conf. */
    @Test
    void namesAreAnsweredOverUdpToo() throws Exception {
        VmInfo vm = open();
        ExecResult looked = run(vm, "busybox nslookup " + name);
        assertThat(looked.stdoutText()).contains("Address: " + address.getHostAddress());
        assertThat(run(vm, "busybox nslookup refused.example.org").stdoutText()).contains("NXDOMAIN");
        String asking = """
                import socket, struct, sys
                q = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0)
                q += b"".join(bytes([len(l)]) + l.encode() for l in sys.argv[1].split(".")) + struct.pack(">BHH", 0, 1, 1)
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.settimeout(20)
                s.sendto(q, ("127.0.0.1", 53))
                a = s.recv(512)
                print(a[3] & 15, socket.inet_ntoa(a[-4:]) if a[7] else "")
                """;
        ExecResult raw = product.exec(vm.id(), "python3", "-c", asking, name);
        assertThat(raw.stdoutText()).isEqualTo("0 " + address.getHostAddress() + "\n");
        assertThat(product.exec(vm.id(), "python3", "-c", asking, "refused.example.org")
                        .stdoutText())
                .isEqualTo("3 \n");
        product.cli("network", vm.id(), "--none").expectSuccess();
        assertThat(product.exec(vm.id(), "python3", "-c", asking, name).stdoutText())
                .isEqualTo("3 \n");
    }

    @Test
    void rulesChangeWhileItRunsAndOutliveTheManager() throws Exception {
        VmInfo vm = product.create(RESOURCES);
        assertThat(run(vm, "env").stdoutText()).doesNotContain("_proxy").doesNotContain("_PROXY");
        assertThat(run(vm, "curl -sS -x http://127.0.0.1:3128 " + url()).shellStatus())
                .as("nothing is offered")
                .isEqualTo(7);
        String allow = name + ":" + port();
        product.cli("network", vm.id(), "--allow", allow, "--allow", address.getHostAddress() + "/32:" + port())
                .expectSuccess();
        assertThat(run(vm, "curl -sS " + url()).stdoutText()).isEqualTo("hello from outside\n");
        assertThat(product.cli("network", vm.id()).expectSuccess().output()).contains("allow  " + name + "  " + port());

        Product.kill(product.managerPid());
        product.upAgain();
        assertThat(run(vm, "curl -sS " + url()).stdoutText()).isEqualTo("hello from outside\n");

        product.cli("network", vm.id(), "--none").expectSuccess();
        assertThat(run(vm, "curl -sS -x http://127.0.0.1:3128 " + url()).stdoutText())
                .contains("host-not-allowed");
        assertThat(product.cli("egress", vm.id()).expectSuccess().output())
                .contains("allowed   http     " + allow, "refused   http     " + allow + "  host-not-allowed");
    }
}
