package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.llm.script.Script;
import dev.tinyvm.llm.script.ScriptedProvider;
import dev.tinyvm.sdk.CreateVm;
import dev.tinyvm.sdk.Descriptor;
import dev.tinyvm.sdk.ExecResult;
import dev.tinyvm.sdk.VmInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Stock agents and SDKs from npm, unmodified, in Tiny VMs without a network. The model is a script; the way to it is the real one. */
@NeedsWalls
class AgentsTest {
    /** Of the provider; the manager holds it, and no Tiny VM. */
    private static final String KEY = "sk-host-4f1d9c7a2be05836";

    private static Path agents;
    private static ScriptedProvider provider;
    private static Product product;

    @BeforeAll
    static void start() throws Exception {
        agents = AgentPackages.directory();
        Path own = Files.createTempDirectory("tinyvm-agents-");
        Files.writeString(own.resolve("key"), KEY + "\n");
        Files.writeString(own.resolve("weather.yaml"), """
                thinking: 300ms
                turns: [{call: weather, arguments: {city: Oslo}}, {say: "It is 21 degrees in Oslo."}]
                """);
        Files.writeString(own.resolve("talk.yaml"), """
                thinking: 1s
                turns: [{say: one}, {say: two}, {say: three}, {say: four}]
                """);
        Script script = Script.read(agents.resolve("script.yaml"));
        provider = new ScriptedProvider(script.turns(), script.thinking(), script.betweenParts());
        Files.writeString(own.resolve("tinyvm.yaml"), """
                volumes: {hostPaths: [%s]}
                llm:
                  providers:
                    - {name: main, type: openai, baseUrl: "%s", apiKey: {file: key}}
                    - {name: weather, type: scripted, script: weather.yaml}
                    - {name: talk, type: scripted, script: talk.yaml}
                  routes:
                    - {model: weather, provider: weather}
                    - {model: talk, targets: [{provider: talk, model: any}]}
                    - {model: "*", provider: main}
                """.formatted(agents, provider.url()));
        product = Product.start("--config", own.resolve("tinyvm.yaml").toString(), "--capacity", "cpu=32,memory=16Gi");
    }

    @AfterAll
    static void stop() throws IOException {
        if (product != null) {
            product.close();
        }
        if (provider != null) {
            provider.close();
        }
    }

    @Test
    void theCodingAgentPiWritesAndRunsAProgramAndNoKeyIsInItsTinyVm() throws Exception {
        // As in the example, but it stays when pi is done, so that its files can be looked at.
        String descriptor = Files.readString(agents.resolve("agent.yaml"))
                .replace(
                        "command: [sh, /agents/pi.sh]",
                        "command: [sh, -c, 'sh /agents/pi.sh; echo $? > pi.status; exec sleep 1000']")
                .replace("hostPath: .", "hostPath: " + agents);
        assertThat(descriptor).contains("pi.status");
        VmInfo vm = product.client().create(CreateVm.of(Descriptor.yaml(descriptor)));
        Product.eventually(
                () -> "pi waits for its model: " + vm(vm), () -> vm(vm).state().equals("waiting"));
        assertThat(ProcessMemory.processesWith(vm(vm).hostPid(), KEY)).isZero();
        Product.eventually(
                () -> "pi is done: " + product.log(vm.id(), -1),
                () -> product.exec(vm.id(), "test", "-s", "pi.status").exitCode() == 0);
        assertThat(product.exec(vm.id(), "cat", "pi.status", "answer.txt").stdoutText())
                .as("%s", product.log(vm.id(), -1))
                .isEqualTo("0\n42\n");
        assertThat(product.exec(vm.id(), "cat", "answer.py").stdoutText()).contains("6 * 7");
        // The key is not there; what is there is found by the same look.
        long pid = vm(vm).hostPid();
        assertThat(ProcessMemory.processesWith(pid, KEY)).isZero();
        assertThat(ProcessMemory.processesWith(pid, "OPENAI_API_KEY=tinyvm")).isPositive();
        assertThat(filesWith(vm, KEY)).isEmpty();
        assertThat(filesWith(vm, "127.0.0.1:4000")).contains("/home/user/.pi/agent/models.json");
        // It was added outside, by the manager.
        assertThat(provider.seen())
                .hasSize(3)
                .allSatisfy(seen ->
                        assertThat(seen.headers().first("Authorization")).contains("Bearer " + KEY));
        // And there was no other way out.
        assertThat(product.exec(vm.id(), "sh", "-c", "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '")
                        .stdoutText())
                .isEqualTo("lo\n");
        ExecResult fetch = product.exec(
                vm.id(),
                "node",
                "-e",
                "fetch('http://192.0.2.1/').then(() => process.exit(0), e => { console.log(e.cause.code); process.exit(3) })");
        assertThat(fetch.exitCode()).isEqualTo(3);
        assertThat(fetch.stdoutText()).contains("ENETUNREACH");
        assertThat(vm(vm).use().waits()).isPositive();
        product.client().remove(vm.id());
    }

    @Test
    void fourSdksStreamAndUseToolsUnmodified() throws Exception {
        VmInfo vm = product.create("cpu: 1, memory: 512Mi, disk: 64Mi, pids: 128", volume());
        ExecResult result = product.exec(vm.id(), "env", "MODEL=weather", "node", "/agents/sdks.mjs");
        assertThat(result.exitCode()).as("%s", result).isZero();
        for (String sdk : List.of("openai", "anthropic", "gemini", "ai")) {
            assertThat(result.stdoutText().lines().filter(line -> line.contains("\"sdk\":\"" + sdk + "\"")))
                    .as("%s", result)
                    .singleElement()
                    .asString()
                    .contains("\"text\":\"It is 21 degrees in Oslo.\"")
                    .doesNotContain("\"parts\":0,", "\"parts\":1,");
        }
        product.client().remove(vm.id());
    }

    @Test
    void manyLoopsAtOnceWaitFrozenAndFinish() throws Exception {
        String descriptor = Files.readString(agents.resolve("loop.yaml"))
                .replace("hostPath: .", "hostPath: " + agents)
                .replace("\"6\"", "\"4\"")
                .replace("restart:", "env: {MODEL: talk}\n  restart:");
        List<VmInfo> vms = new java.util.ArrayList<>();
        for (int i = 0; i < 8; i++) {
            vms.add(product.client()
                    .create(CreateVm.of(Descriptor.yaml(descriptor.replace("name: loop", "name: loop-of-" + i)))));
        }
        for (VmInfo vm : vms) {
            Product.eventually(() -> "it is done: " + vm(vm), () -> vm(vm).ended());
            assertThat(vm(vm).exitCode()).as("%s", product.log(vm.id(), -1)).hasValue(0);
            assertThat(product.log(vm.id(), -1).stream()
                            .map(line -> line.text())
                            .toList())
                    .containsExactly("one", "two", "three", "four");
            assertThat(vm(vm).use().waits()).isPositive();
            assertThat(vm(vm).use().cpuSeconds()).isPositive();
        }
    }

    @Test
    void anAgentThatWaitedWhenTheManagerWasKilledGoesOnWithTheNext() throws Exception {
        VmInfo vm = product.client()
                .create(CreateVm.of(Descriptor.yaml(Files.readString(agents.resolve("loop.yaml"))
                        .replace("hostPath: .", "hostPath: " + agents)
                        .replace("\"6\"", "\"4\"")
                        .replace("restart:", "env: {MODEL: talk}\n  restart:"))));
        Product.eventually(
                () -> "it waits for its model: " + vm(vm), () -> vm(vm).state().equals("waiting"));
        Product.kill(product.managerPid());
        product.upAgain();
        Product.eventually(() -> "it is done: " + vm(vm), () -> vm(vm).ended());
        assertThat(vm(vm).exitCode()).as("%s", product.log(vm.id(), -1)).hasValue(0);
        assertThat(product.log(vm.id(), -1).stream().map(line -> line.text()).toList())
                .containsExactly("one", "two", "three", "four");
    }

    private static VmInfo vm(VmInfo vm) {
        return product.client().vm(vm.id());
    }

    private static String volume() {
        return "  volumes: [{hostPath: " + agents + ", mountPath: /agents, readOnly: true}]\n";
    }

    /** Of those that are the Tiny VM's own. */
    private static List<String> filesWith(VmInfo vm, String text) {
        return product.execAsRoot(
                        vm.id(), "grep", "-rlF", text, "/home", "/root", "/tmp", "/etc", "/run", "/var", "/dev/shm")
                .stdoutText()
                .lines()
                .toList();
    }
}
