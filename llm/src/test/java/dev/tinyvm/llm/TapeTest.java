package dev.tinyvm.llm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.llm.script.ScriptedProvider;
import dev.tinyvm.llm.script.Turn;
import dev.tinyvm.llm.tape.Recorder;
import dev.tinyvm.llm.tape.Replayer;
import dev.tinyvm.llm.wire.Dialect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class TapeTest {
    private static final String CHAT = "/v1/chat/completions";
    private static final String STREAM = "{\"model\":\"m1\",\"stream\":true,\"messages\":[]}";
    private static final String PLAIN = "{\"model\":\"m1\",\"messages\":[]}";

    @Test
    void aRecordedRunReplaysBitForBitWithoutAProvider(@TempDir Path directory) throws Exception {
        Path tape = directory.resolve("tape");
        Recorder recorder = new Recorder(tape);
        String streamed;
        String plain;
        GatewayConfig config;
        try (var provider =
                ScriptedProvider.of(new Turn.ToolCall("write", "{\"path\":\"a\"}"), new Turn.Text("one two three"))) {
            config = GatewayFixture.config(GatewayFixture.provider("main", Dialect.OPENAI, provider.url()));
            try (var gateway = new GatewayFixture(config, caller -> List.of(), caller -> Optional.of(recorder))) {
                plain = gateway.post(CHAT, PLAIN).body();
                streamed = gateway.post(CHAT, STREAM).body();
            }
        }
        try (var files = Files.list(tape)) {
            for (Path file : files.toList()) {
                assertThat(Files.readString(file)).doesNotContain(GatewayFixture.KEY);
            }
        }
        Replayer replayer = new Replayer(tape, Replayer.Match.EXACT);
        try (var gateway = new GatewayFixture(config, caller -> List.of(), caller -> Optional.of(replayer))) {
            var again = gateway.post(CHAT, STREAM);
            assertThat(again.body()).isEqualTo(streamed);
            assertThat(again.headers().firstValue("x-script")).contains("kept");
            assertThat(gateway.post(CHAT, "{\"model\":\"m2\"}").statusCode()).isEqualTo(409);
            assertThat(replayer.left()).isEqualTo(1);
            assertThat(gateway.post(CHAT, PLAIN).body()).isEqualTo(plain);
            assertThat(gateway.post(CHAT, PLAIN).body()).contains("not_recorded");
            assertThat(gateway.used).isEmpty();
        }
    }

    @Test
    void inOrderTheBodiesMayDiffer(@TempDir Path directory) throws Exception {
        Path tape = directory.resolve("tape");
        Recorder recorder = new Recorder(tape);
        try (var provider = ScriptedProvider.of(new Turn.Refusal(400, ""), new Turn.Text("fine"))) {
            GatewayConfig config =
                    GatewayFixture.config(GatewayFixture.provider("main", Dialect.OPENAI, provider.url()));
            try (var gateway = new GatewayFixture(config, caller -> List.of(), caller -> Optional.of(recorder))) {
                gateway.post(CHAT, PLAIN);
                gateway.post(CHAT, PLAIN);
            }
            Replayer replayer = new Replayer(tape, Replayer.Match.ORDER);
            try (var gateway = new GatewayFixture(config, caller -> List.of(), caller -> Optional.of(replayer))) {
                assertThat(gateway.post(CHAT, "{\"model\":\"m1\",\"at\":1}").statusCode())
                        .isEqualTo(400);
                assertThat(gateway.post(CHAT, "{\"model\":\"m1\",\"at\":2}").body())
                        .contains("fine");
            }
        }
    }
}
