package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.net.httpserver.HttpServer;
import dev.tinyvm.sdk.CreateVm;
import dev.tinyvm.sdk.Descriptor;
import dev.tinyvm.sdk.VmInfo;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Agents inside of the JVM, through the real egress proxy, the real LLM gateway, the real ledger; the model is a script that thinks for two seconds. */
@NeedsWalls
class WasmAgentsTest {
    private static Product product;
    private static HttpServer server;
    private static Path programs = Path.of("");
    private static String name = "";

    @BeforeAll
    static void start() throws Exception {
        InetAddress address = InetAddress.getLoopbackAddress();
        try {
            name = InetAddress.getLocalHost().getHostName();
            address = InetAddress.getByName(name);
        } catch (UnknownHostException e) {
            name = "";
        }
        assumeTrue(
                address.isLoopbackAddress() && name.matches("[a-z0-9.-]+") && !name.equals("localhost"),
                "SKIPPED: needs a host name that leads to the host's own loopback; this host's is '" + name + "'");
        server = HttpServer.create(new InetSocketAddress(address, 0), 50);
        server.createContext("/", exchange -> {
            byte[] body = "hello from outside".getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        programs = Files.createTempDirectory(
                Path.of("/var/tmp"),
                "tinyvm-wasm-",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
        Files.writeString(programs.resolve("talk.yaml"), """
                thinking: 2s
                turns: [{say: one}, {say: two}, {say: three}]
                """);
        Files.writeString(programs.resolve("tinyvm.yaml"), """
                volumes: {hostPaths: [%s]}
                llm:
                  providers: [{name: talk, type: scripted, script: talk.yaml}]
                  routes: [{model: "*", targets: [{provider: talk, model: any}]}]
                """.formatted(programs));
        product = Product.start("--config", programs.resolve("tinyvm.yaml").toString());
    }

    @AfterAll
    static void stop() throws Exception {
        if (product != null) {
            product.close();
        }
        if (server != null) {
            server.stop(0);
        }
    }

    @Test
    void aScriptInJavaScriptFetchesWhatIsAllowedAndWaitsFrozenForItsModel() throws Exception {
        agentFetchesAndWaits("agent.js", """
                import { llm } from 'tinyvm';
                for (const url of process.env.URLS.split(' ')) {
                  try {
                    const answer = await fetch(url);
                    console.log(answer.status, (await answer.text()).slice(0, 18));
                  } catch (error) {
                    console.log((error.cause ?? error).code);
                  }
                }
                const messages = [];
                for (const question of ['a', 'b', 'c']) {
                  messages.push({ role: 'user', content: question });
                  const answer = await llm(messages, { model: 'any' });
                  messages.push({ role: 'assistant', content: answer });
                  console.log(answer);
                }
                """);
    }

    @Test
    void aScriptInPythonFetchesWhatIsAllowedAndWaitsFrozenForItsModel() throws Exception {
        assumeFalse(
                product.cli("doctor").output().contains("without the image python-wasi"),
                "SKIPPED: the build could not fetch Python's module");
        agentFetchesAndWaits("agent.py", """
                import os, tinyvm
                for url in os.environ['URLS'].split(' '):
                    try:
                        with tinyvm.fetch(url) as answer:
                            print(answer.status, answer.text()[:18])
                    except tinyvm.Error as error:
                        print(error.code)
                messages = []
                for question in 'abc':
                    messages.append({'role': 'user', 'content': question})
                    answer = tinyvm.llm(messages, model='any')
                    messages.append({'role': 'assistant', 'content': answer})
                    print(answer)
                """);
    }

    private static void agentFetchesAndWaits(String file, String script) throws Exception {
        Path image = Files.writeString(programs.resolve(file), script);
        int port = server.getAddress().getPort();
        String urls = "http://" + name + ":" + port + "/ https://refused.example.org/";
        VmInfo vm = product.client().create(CreateVm.of(Descriptor.yaml("""
                apiVersion: tinyvm.dev/v1
                kind: Agent
                metadata: {name: %s}
                spec:
                  image: %s
                  engine: wasm
                  env: {URLS: "%s"}
                  resources: {cpu: 0.5, memory: 64Mi, disk: 16Mi}
                  network: {egress: [{host: %s, ports: [%d]}, {cidr: 127.0.0.0/8, ports: [%d]}]}
                  llm: {models: ["*"]}
                  restart: {policy: never}
                """.formatted(
                        file.replace('.', '-'), image, urls, name, port, port))));
        Product.eventually(
                () -> "it waits for its model: " + vm(vm) + product.log(vm.id(), -1),
                () -> vm(vm).state().equals("waiting"));
        Product.eventually(() -> "it is done: " + vm(vm) + product.log(vm.id(), -1), () -> vm(vm).ended());
        assertThat(product.log(vm.id(), -1).stream().map(line -> line.text()).toList())
                .containsExactly("200 hello from outside", "EACCES", "one", "two", "three");
        assertThat(vm(vm).exitCode()).hasValue(0);
        // Six seconds of thinking, of which next to nothing is billed as active.
        assertThat(vm(vm).use().waits()).isGreaterThanOrEqualTo(3);
        assertThat(vm(vm).use().waitingSeconds()).isGreaterThan(4.5);
        product.client().remove(vm.id());
    }

    private static VmInfo vm(VmInfo vm) {
        return product.client().vm(vm.id());
    }
}
