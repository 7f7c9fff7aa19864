package dev.tinyvm.server.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.anthropic.client.AnthropicClient;
import com.anthropic.client.okhttp.AnthropicOkHttpClient;
import com.anthropic.core.JsonValue;
import com.anthropic.models.messages.ContentBlock;
import com.anthropic.models.messages.Message;
import com.anthropic.models.messages.MessageCreateParams;
import com.anthropic.models.messages.RawContentBlockDeltaEvent;
import com.anthropic.models.messages.Tool;
import com.anthropic.models.messages.ToolUseBlock;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.errors.NotFoundException;
import com.openai.errors.UnauthorizedException;
import com.openai.models.FunctionDefinition;
import com.openai.models.FunctionParameters;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionMessageFunctionToolCall;
import com.openai.models.chat.completions.ChatCompletionToolMessageParam;
import com.openai.models.responses.Response;
import com.openai.models.responses.ResponseCreateParams;
import dev.tinyvm.llm.Gateway;
import dev.tinyvm.llm.GatewayConfig;
import dev.tinyvm.llm.KeySource;
import dev.tinyvm.llm.Provider;
import dev.tinyvm.llm.Route;
import dev.tinyvm.llm.Spending;
import dev.tinyvm.llm.TapeSource;
import dev.tinyvm.llm.WaitListener;
import dev.tinyvm.llm.script.ScriptedProvider;
import dev.tinyvm.llm.script.Turn;
import dev.tinyvm.llm.tape.Tapes;
import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.server.ServerFixture;
import dev.tinyvm.server.ServerSettings;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** OpenAI's and Anthropic's own Java SDKs, unmodified, through the door, on providers of each dialect. */
class JavaSdkTest {
    private static final Map<String, Object> SCHEMA =
            Map.of("type", "object", "properties", Map.of("city", Map.of("type", "string")));

    private final List<AutoCloseable> open = new CopyOnWriteArrayList<>();

    private String url(Dialect dialect, Turn... turns) throws Exception {
        ScriptedProvider provider = ScriptedProvider.of(turns);
        open.add(provider);
        Gateway gateway = new Gateway(
                GatewayConfig.of(
                        List.of(Provider.of("main", dialect, provider.url(), KeySource.NONE)),
                        List.of(Route.of("m*", "main")),
                        List.of()),
                caller -> List.of(),
                new Spending(),
                call -> {},
                WaitListener.NONE,
                TapeSource.NONE);
        open.add(gateway);
        ServerFixture server = new ServerFixture(
                ServerSettings.DEFAULT.withPort(0),
                keys -> List.of(new LlmDoor(Optional.of(gateway), keys, new Tapes(Path.of("none")))));
        open.add(server);
        return server.server.url() + "/llm";
    }

    private OpenAIClient openAi(Dialect dialect, Turn... turns) throws Exception {
        OpenAIClient client = OpenAIOkHttpClient.builder()
                .baseUrl(url(dialect, turns) + "/v1")
                .apiKey(ServerFixture.LOCAL_KEY)
                .build();
        open.add(client::close);
        return client;
    }

    private AnthropicClient anthropic(Dialect dialect, Turn... turns) throws Exception {
        AnthropicClient client = AnthropicOkHttpClient.builder()
                .baseUrl(url(dialect, turns))
                .apiKey(ServerFixture.LOCAL_KEY)
                .build();
        open.add(client::close);
        return client;
    }

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable each : open.reversed()) {
            each.close();
        }
    }

    @ParameterizedTest
    @EnumSource(Dialect.class)
    void openAiChatsAndStreams(Dialect dialect) throws Exception {
        OpenAIClient client = openAi(dialect, new Turn.Text("Hello there"));
        ChatCompletionCreateParams params = ChatCompletionCreateParams.builder()
                .model("m1")
                .addUserMessage("hi")
                .build();
        ChatCompletion answer = client.chat().completions().create(params);
        assertThat(answer.choices().getFirst().message().content()).contains("Hello there");
        assertThat(answer.usage().orElseThrow().promptTokens()).isEqualTo(10);
        try (var stream = client.chat().completions().createStreaming(params)) {
            String text = stream.stream()
                    .flatMap(chunk -> chunk.choices().stream())
                    .map(ChatCompletionChunk.Choice::delta)
                    .flatMap(delta -> delta.content().stream())
                    .collect(Collectors.joining());
            assertThat(text).isEqualTo("Hello there");
        }
        Response response = client.responses()
                .create(ResponseCreateParams.builder().model("m1").input("hi").build());
        assertThat(response.output()
                        .getFirst()
                        .asMessage()
                        .content()
                        .getFirst()
                        .asOutputText()
                        .text())
                .isEqualTo("Hello there");
        try (var stream = client.responses()
                .createStreaming(
                        ResponseCreateParams.builder().model("m1").input("hi").build())) {
            String text = stream.stream()
                    .flatMap(event -> event.outputTextDelta().stream())
                    .map(delta -> delta.delta())
                    .collect(Collectors.joining());
            assertThat(text).isEqualTo("Hello there");
        }
    }

    @ParameterizedTest
    @EnumSource(Dialect.class)
    void openAiCallsATool(Dialect dialect) throws Exception {
        OpenAIClient client =
                openAi(dialect, new Turn.ToolCall("weather", "{\"city\":\"Paris\"}"), new Turn.Text("sunny"));
        FunctionParameters.Builder schema = FunctionParameters.builder();
        SCHEMA.forEach((name, value) -> schema.putAdditionalProperty(name, com.openai.core.JsonValue.from(value)));
        ChatCompletionCreateParams.Builder params = ChatCompletionCreateParams.builder()
                .model("m1")
                .addFunctionTool(FunctionDefinition.builder()
                        .name("weather")
                        .parameters(schema.build())
                        .build())
                .addUserMessage("How is the weather in Paris?");
        ChatCompletion first = client.chat().completions().create(params.build());
        ChatCompletionMessageFunctionToolCall call = first.choices()
                .getFirst()
                .message()
                .toolCalls()
                .orElseThrow()
                .getFirst()
                .asFunction();
        assertThat(call.function().name()).isEqualTo("weather");
        assertThat(call.function().arguments()).isEqualTo("{\"city\":\"Paris\"}");
        params.addMessage(first.choices().getFirst().message());
        params.addMessage(ChatCompletionToolMessageParam.builder()
                .toolCallId(call.id())
                .content("sunny")
                .build());
        ChatCompletion second = client.chat().completions().create(params.build());
        assertThat(second.choices().getFirst().message().content()).contains("sunny");
    }

    @ParameterizedTest
    @EnumSource(Dialect.class)
    void anthropicTalksStreamsAndCallsATool(Dialect dialect) throws Exception {
        AnthropicClient client = anthropic(
                dialect,
                new Turn.Text("Hello there"),
                new Turn.Text("Hello there"),
                new Turn.ToolCall("weather", "{\"city\":\"Paris\"}"));
        MessageCreateParams params = MessageCreateParams.builder()
                .model("m1")
                .maxTokens(50)
                .addUserMessage("hi")
                .build();
        Message answer = client.messages().create(params);
        assertThat(answer.content().getFirst().asText().text()).isEqualTo("Hello there");
        assertThat(answer.usage().outputTokens()).isEqualTo(5);
        try (var stream = client.messages().createStreaming(params)) {
            String text = stream.stream()
                    .flatMap(event -> event.contentBlockDelta().stream())
                    .map(RawContentBlockDeltaEvent::delta)
                    .flatMap(delta -> delta.text().stream())
                    .map(delta -> delta.text())
                    .collect(Collectors.joining());
            assertThat(text).isEqualTo("Hello there");
        }
        Message call = client.messages()
                .create(params.toBuilder()
                        .addTool(Tool.builder()
                                .name("weather")
                                .inputSchema(Tool.InputSchema.builder()
                                        .putAdditionalProperty("properties", JsonValue.from(SCHEMA.get("properties")))
                                        .build())
                                .build())
                        .build());
        ToolUseBlock block = call.content().stream()
                .filter(ContentBlock::isToolUse)
                .map(ContentBlock::asToolUse)
                .findFirst()
                .orElseThrow();
        assertThat(block.name()).isEqualTo("weather");
        assertThat(block._input().toString()).contains("Paris");
    }

    @ParameterizedTest
    @EnumSource(Dialect.class)
    void errorsAreThoseThatTheSdksKnow(Dialect dialect) throws Exception {
        String url = url(dialect, new Turn.Text("Hello there"));
        OpenAIClient stranger = OpenAIOkHttpClient.builder()
                .baseUrl(url + "/v1")
                .apiKey("wrong")
                .build();
        open.add(stranger::close);
        assertThatThrownBy(() -> stranger.models().list()).isInstanceOf(UnauthorizedException.class);
        OpenAIClient client = OpenAIOkHttpClient.builder()
                .baseUrl(url + "/v1")
                .apiKey(ServerFixture.LOCAL_KEY)
                .build();
        open.add(client::close);
        ChatCompletionCreateParams nowhere = ChatCompletionCreateParams.builder()
                .model("nowhere")
                .addUserMessage("hi")
                .build();
        assertThatThrownBy(() -> client.chat().completions().create(nowhere)).isInstanceOf(NotFoundException.class);
    }
}
