package dev.tinyvm.tests.inside;

import com.anthropic.client.AnthropicClient;
import com.anthropic.client.okhttp.AnthropicOkHttpClient;
import com.anthropic.models.messages.ContentBlock;
import com.anthropic.models.messages.ContentBlockParam;
import com.anthropic.models.messages.Message;
import com.anthropic.models.messages.MessageCreateParams;
import com.anthropic.models.messages.RawContentBlockDeltaEvent;
import com.anthropic.models.messages.ToolResultBlockParam;
import com.anthropic.models.messages.ToolUseBlock;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.models.FunctionDefinition;
import com.openai.models.FunctionParameters;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionMessageFunctionToolCall;
import com.openai.models.chat.completions.ChatCompletionToolMessageParam;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** An agent with a tool on OpenAI's and Anthropic's Java SDKs, set up by nothing but the environment. It asks, carries the tool out, and has the last answer streamed. */
public final class JavaAgent {
    private static final Map<String, Object> PROPERTIES = Map.of("city", Map.of("type", "string"));

    private JavaAgent() {}

    /** @param arguments the model's name */
    public static void main(String[] arguments) {
        System.out.println("openai: " + openAi(OpenAIOkHttpClient.fromEnv(), arguments[0]));
        System.out.println("anthropic: " + anthropic(AnthropicOkHttpClient.fromEnv(), arguments[0]));
        System.exit(0); // its clients' threads would keep it for a minute
    }

    private static String openAi(OpenAIClient client, String model) {
        ChatCompletionCreateParams.Builder params = ChatCompletionCreateParams.builder()
                .model(model)
                .addUserMessage("How is the weather in Oslo?")
                .addFunctionTool(FunctionDefinition.builder()
                        .name("weather")
                        .parameters(FunctionParameters.builder()
                                .putAdditionalProperty("type", JsonValue.from("object"))
                                .putAdditionalProperty("properties", JsonValue.from(PROPERTIES))
                                .build())
                        .build());
        ChatCompletion first = client.chat().completions().create(params.build());
        ChatCompletionMessageFunctionToolCall call = first.choices()
                .getFirst()
                .message()
                .toolCalls()
                .orElseThrow()
                .getFirst()
                .asFunction();
        params.addMessage(first.choices().getFirst().message());
        params.addMessage(ChatCompletionToolMessageParam.builder()
                .toolCallId(call.id())
                .content("21 degrees")
                .build());
        try (var stream = client.chat().completions().createStreaming(params.build())) {
            List<String> parts = stream.stream()
                    .flatMap(chunk -> chunk.choices().stream())
                    .map(ChatCompletionChunk.Choice::delta)
                    .flatMap(delta -> delta.content().stream())
                    .filter(part -> !part.isEmpty())
                    .toList();
            return call.function().name() + call.function().arguments() + " " + parts.size() + " parts: "
                    + String.join("", parts);
        }
    }

    private static String anthropic(AnthropicClient client, String model) {
        MessageCreateParams.Builder params = MessageCreateParams.builder()
                .model(model)
                .maxTokens(100)
                .addUserMessage("How is the weather in Oslo?")
                .addTool(com.anthropic.models.messages.Tool.builder()
                        .name("weather")
                        .inputSchema(com.anthropic.models.messages.Tool.InputSchema.builder()
                                .putAdditionalProperty("properties", com.anthropic.core.JsonValue.from(PROPERTIES))
                                .build())
                        .build());
        Message first = client.messages().create(params.build());
        ToolUseBlock call = first.content().stream()
                .filter(ContentBlock::isToolUse)
                .map(ContentBlock::asToolUse)
                .findFirst()
                .orElseThrow();
        params.addMessage(first);
        params.addUserMessageOfContentBlockParams(List.of(ContentBlockParam.ofToolResult(ToolResultBlockParam.builder()
                .toolUseId(call.id())
                .content("21 degrees")
                .build())));
        try (var stream = client.messages().createStreaming(params.build())) {
            List<String> parts = stream.stream()
                    .flatMap(event -> event.contentBlockDelta().stream())
                    .map(RawContentBlockDeltaEvent::delta)
                    .flatMap(delta -> delta.text().stream())
                    .map(delta -> delta.text())
                    .collect(Collectors.toList());
            return call.name() + call._input() + " " + parts.size() + " parts: " + String.join("", parts);
        }
    }
}
