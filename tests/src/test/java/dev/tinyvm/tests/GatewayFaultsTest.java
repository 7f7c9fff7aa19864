package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.llm.script.ScriptedProvider;
import dev.tinyvm.llm.script.Turn;
import dev.tinyvm.sdk.BillInfo;
import dev.tinyvm.sdk.BillRequest;
import dev.tinyvm.sdk.ExecResult;
import dev.tinyvm.sdk.UsageAmounts;
import dev.tinyvm.sdk.VmInfo;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Providers that fail in every way, agents that leave, budgets that many calls race for, and a manager that is killed: from inside a Tiny VM, through the whole product. */
@NeedsWalls
class GatewayFaultsTest {
    private static final List<AutoCloseable> open = new ArrayList<>();
    private static Product product;
    private static VmInfo vm;
    private static ScriptedProvider stalls;
    private static ScriptedProvider talks;
    private static ScriptedProvider flaky;
    private static ScriptedProvider refuses;

    @BeforeAll
    static void start() throws Exception {
        Path own = Files.createTempDirectory("tinyvm-faults-");
        StringBuilder providers = new StringBuilder();
        StringBuilder routes = new StringBuilder();
        for (Turn.Fault fault : Turn.Fault.values()) {
            add(
                    providers,
                    routes,
                    fault.name().toLowerCase(java.util.Locale.ROOT).replace('_', '-'),
                    scripted(new Turn.Failure(fault)).url());
        }
        stalls = scripted(new Turn.Failure(Turn.Fault.STALL));
        add(providers, routes, "left", stalls.url());
        refuses = scripted(new Turn.Refusal(429, ""));
        add(providers, routes, "refuses", refuses.url());
        flaky = scripted(new Turn.Refusal(429, "1"), new Turn.Refusal(429, ""), new Turn.Text("at last"));
        add(providers, routes, "flaky", flaky.url());
        talks = new ScriptedProvider(
                List.of(new Turn.Text("word ".repeat(200))), Duration.ZERO, Duration.ofMillis(100));
        open.add(talks);
        add(providers, routes, "talks", talks.url());
        add(providers, routes, "quick", scripted(new Turn.Text("two words")).url());
        add(providers, routes, "drips", "http://127.0.0.1:" + dripping().getLocalPort());
        Files.writeString(own.resolve("tinyvm.yaml"), """
                llm:
                  providers:
                %s  routes:
                %s  prices: [{model: "*", input: 1.00, output: 2.00}]
                """.formatted(providers, routes));
        product = Product.start("--config", own.resolve("tinyvm.yaml").toString());
        vm = product.create("cpu: 1, memory: 128Mi, pids: 200");
    }

    @AfterAll
    static void stop() throws Exception {
        if (product != null) {
            product.close();
        }
        for (AutoCloseable each : open) {
            each.close();
        }
    }

    @Test
    void aProviderThatHangsDiesOrTalksNonsenseIsAnErrorInTheClientsDialect() {
        for (String[] each : new String[][] {
            {"hang", "504", "provider_timeout"},
            {"close", "502", "provider_failed"},
            {"garbage", "502", "provider_failed"},
            {"huge-headers", "502", "provider_failed"},
            {"refuses", "429", "scripted 429"},
        }) {
            String answer = ask(each[0], false, "");
            assertThat(answer).as(each[0]).contains(each[2]).endsWith("\n" + each[1]);
        }
        assertThat(refuses.seen()).as("tried again once, as configured").hasSize(2);
        assertThat(product.exec(
                                vm.id(),
                                "sh",
                                "-c",
                                "curl -s $ANTHROPIC_BASE_URL/v1/messages -d '{\"model\":\"hang\",\"max_tokens\":9,\"messages\":[]}'")
                        .stdoutText())
                .contains("{\"type\":\"error\",\"error\":{\"type\":\"timeout_error\"");
    }

    @Test
    void aStreamThatFallsSilentOrBreaksOffIsToldAsSuch() {
        assertThat(ask("stall", true, "")).contains("half").contains("fell silent");
        assertThat(ask("reset", true, "")).contains("half").contains("broke off within its answer");
    }

    @Test
    void tooManyRequestsAreTriedAgainAfterRetryAfter() {
        long before = System.nanoTime();
        assertThat(ask("flaky", false, ""))
                .as("429 with Retry-After, then one without")
                .contains("scripted 429");
        assertThat(ask("flaky", false, "")).contains("at last").endsWith("\n200");
        assertThat(Duration.ofNanos(System.nanoTime() - before)).isGreaterThan(Duration.ofSeconds(1));
    }

    @Test
    void oneByteASecondArrivesByteByByte() {
        String stdout = ask("drips", false, "-w '\n%{time_starttransfer} %{time_total}'");
        String[] times = stdout.lines().toList().getLast().split(" ");
        assertThat(stdout).startsWith("{\"a\"}");
        assertThat(Double.parseDouble(times[1]) - Double.parseDouble(times[0]))
                .as("the first byte came long before the last: %s", stdout)
                .isGreaterThan(2);
    }

    @Test
    void anAgentThatLeavesWithinAStreamEndsTheProvidersCallAndPaysForWhatCame() throws Exception {
        UsageAmounts before = billed("left");
        int gone = stalls.clientsGone();
        ask("left", true, "--max-time 1");
        Product.eventually(() -> "the provider's call is cancelled", () -> stalls.clientsGone() == gone + 1);
        Product.eventually(
                () -> "it is billed: " + billed("left"), () -> billed("left").requests() == before.requests() + 1);
        assertThat(billed("left").inputTokens()).isGreaterThan(before.inputTokens());
        assertThat(billed("left").outputTokens()).isGreaterThan(before.outputTokens());
    }

    @Test
    void fiftyCallsAtOnceCannotPassABudget() {
        VmInfo careful = product.create("cpu: 1, memory: 256Mi, pids: 200", "  llm: {budget: {requests: 10}}\n");
        ExecResult result = product.exec(
                careful.id(),
                "sh",
                "-c",
                "for i in $(seq 50); do curl -s -o /dev/null -w '%{http_code}\n' $OPENAI_BASE_URL/chat/completions -d '{\"model\":\"quick\",\"messages\":[]}' & done; wait");
        assertThat(result.stdoutText().lines().filter("200"::equals))
                .as("%s", result)
                .hasSize(10);
        assertThat(result.stdoutText().lines().filter("429"::equals)).hasSize(40);
        product.client().remove(careful.id());
        VmInfo thrifty = product.create("cpu: 1, memory: 256Mi, pids: 200", "  llm: {budget: {tokens: 60}}\n");
        product.exec(
                thrifty.id(),
                "sh",
                "-c",
                "seq 50 | xargs -P 5 -I{} curl -s -o /dev/null $OPENAI_BASE_URL/chat/completions -d '{\"model\":\"quick\",\"messages\":[]}'");
        UsageAmounts used = product.client()
                .bill(new BillRequest(
                        "vm",
                        java.util.Optional.empty(),
                        java.util.Optional.empty(),
                        java.util.Optional.empty(),
                        java.util.Optional.of(thrifty.id())))
                .total();
        assertThat(used.inputTokens() + used.outputTokens())
                .as("15 tokens each, five at once")
                .isBetween(60L, 60L + 5 * 15);
        product.client().remove(thrifty.id());
    }

    @Test
    void aCallThatIsUnderWayWhenTheManagerIsKilledIsBilledOnce() throws Exception {
        assertThat(billed("talks").requests()).isZero();
        product.exec(
                vm.id(),
                "sh",
                "-c",
                "setsid curl -sN $OPENAI_BASE_URL/chat/completions -d '{\"model\":\"talks\",\"stream\":true,\"messages\":[]}' > talk.txt 2>&1 &");
        Product.eventually(() -> "it streams", () -> words() > 5);
        Thread.sleep(2_500); // what is older than a second must be on disk
        Product.kill(product.managerPid());
        product.upAgain();
        UsageAmounts after = billed("talks");
        assertThat(after.requests()).isEqualTo(1);
        assertThat(after.inputTokens()).isPositive();
        assertThat(after.outputTokens())
                .as("what had come, but for the last second")
                .isBetween(8L, 200L);
        assertThat(after.llmNanoUsd()).isEqualTo(after.inputTokens() * 1_000 + after.outputTokens() * 2_000);
        Product.kill(product.managerPid());
        product.upAgain();
        assertThat(billed("talks")).isEqualTo(after);
    }

    private static long words() {
        return product.exec(vm.id(), "grep", "-c", "word", "talk.txt")
                .stdoutText()
                .strip()
                .transform(Long::parseLong);
    }

    /** Body, and the status in the last line. */
    private static String ask(String model, boolean stream, String options) {
        return product.exec(
                        vm.id(),
                        "sh",
                        "-c",
                        "curl -sSN -w '\n%{http_code}' " + options
                                + " $OPENAI_BASE_URL/chat/completions -d '{\"model\":\"" + model + "\",\"stream\":"
                                + stream
                                + ",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'")
                .stdoutText();
    }

    private static UsageAmounts billed(String model) {
        BillInfo bill = product.client().bill(BillRequest.by("model"));
        return bill.lines().stream()
                .filter(line -> line.name().equals(model))
                .map(BillInfo.Line::amounts)
                .findFirst()
                .orElse(new UsageAmounts("0", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
    }

    private static ScriptedProvider scripted(Turn... turns) throws IOException {
        ScriptedProvider provider = ScriptedProvider.of(turns);
        open.add(provider);
        return provider;
    }

    private static void add(StringBuilder providers, StringBuilder routes, String name, String url) {
        providers
                .append("    - {name: ")
                .append(name)
                .append(", type: openai, baseUrl: \"")
                .append(url)
                .append("\", timeouts: {firstByte: 3s, idle: 2s}, retries: {attempts: 2, delay: 10ms}}\n");
        routes.append("    - {model: ")
                .append(name)
                .append(", provider: ")
                .append(name)
                .append("}\n");
    }

    /** A provider whose answer comes one byte a second. */
    private static ServerSocket dripping() throws IOException {
        ServerSocket server = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
        open.add(server);
        Thread.ofVirtual().start(() -> {
            while (!server.isClosed()) {
                try (Socket socket = server.accept()) {
                    int _ = socket.getInputStream().read(new byte[65_536]);
                    socket.getOutputStream()
                            .write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n"
                                    .getBytes(StandardCharsets.US_ASCII));
                    for (byte each : "{\"a\"}".getBytes(StandardCharsets.US_ASCII)) {
                        socket.getOutputStream().write(each);
                        socket.getOutputStream().flush();
                        Thread.sleep(1_000);
                    }
                } catch (IOException e) {
                    // The gateway left, or this is closed.
                } catch (InterruptedException e) {
                    return;
                }
            }
        });
        return server;
    }
}
