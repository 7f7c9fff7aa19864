package dev.tinyvm.llm.translate;

import static dev.tinyvm.llm.translate.Translated.answer;
import static dev.tinyvm.llm.translate.Translated.json;
import static dev.tinyvm.llm.translate.Translated.stream;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.llm.translate.Translation.Wire;
import dev.tinyvm.llm.wire.LlmException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

/** What providers answer beside the plain case. */
class OddAnswersTest {
    private static String delta(String delta, String finish) {
        return "{'id':'c','model':'m','choices':[{'index':0,'delta':" + delta + ",'finish_reason':"
                + (finish.isEmpty() ? "null" : "'" + finish + "'") + "}]}";
    }

    private static String call(int index, String id, String name, String arguments) {
        return delta(
                "{'tool_calls':[{'index':" + index + (id.isEmpty() ? "" : ",'id':'" + id + "'") + ",'function':{"
                        + (name.isEmpty() ? "" : "'name':'" + name + "',") + "'arguments':'" + arguments + "'}}]}",
                "");
    }

    private static List<JsonNode> blocks(List<JsonNode> events, String name) {
        return events.stream()
                .map(event -> event.path(name))
                .filter(block -> block.path("type").asString("").equals("tool_use")
                        || block.path("type").asString("").equals("function_call"))
                .toList();
    }

    @ParameterizedTest
    @EnumSource(names = {"MESSAGES", "RESPONSES", "GEMINI"})
    void parallelCallsOfAStreamAreToldApartByIndexAndById(Wire client) {
        String[][] servers = {
            {call(0, "a", "f", "{}"), call(1, "b", "g", ""), call(1, "", "", "{}")},
            // All index 0, each with an id of its own.
            {call(0, "a", "f", "{}"), call(0, "b", "g", "{}")},
            // The id with every part.
            {call(0, "a", "f", "{"), call(0, "a", "f", "}"), call(1, "b", "g", "{}")},
        };
        for (String[] parts : servers) {
            String[] all = new String[parts.length + 2];
            System.arraycopy(parts, 0, all, 0, parts.length);
            all[parts.length] = delta("{}", "tool_calls");
            all[parts.length + 1] = "[DONE]";
            List<JsonNode> events = stream(client, Wire.CHAT, all);
            List<String> called = (client == Wire.GEMINI
                            ? events.getLast()
                                    .path("candidates")
                                    .path(0)
                                    .path("content")
                                    .path("parts")
                                    .valueStream()
                                    .map(part -> part.path("functionCall"))
                                    .toList()
                            : client == Wire.MESSAGES
                                    ? blocks(events, "content_block")
                                    : blocks(
                                            events.stream()
                                                    .filter(e -> e.path("type")
                                                            .asString("")
                                                            .endsWith("added"))
                                                    .toList(),
                                            "item"))
                    .stream()
                            .map(call -> call.path(client == Wire.RESPONSES ? "call_id" : "id")
                                            .asString("")
                                    + call.path("name").asString(""))
                            .toList();
            assertThat(called).containsExactly("af", "bg");
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"MESSAGES", "RESPONSES"})
    void mixedPartsOfParallelCallsAreAnErrorAndNeverTheWrongCallsArguments(Wire client) {
        assertThatThrownBy(() -> stream(
                        client,
                        Wire.CHAT,
                        call(0, "a", "f", "{"),
                        call(1, "b", "g", "{"),
                        call(0, "", "", "}"),
                        "[DONE]"))
                .isInstanceOf(LlmException.class)
                .hasMessageContaining("mixed the parts");
    }

    @Test
    void aForcedCallEndsWithToolUseThoughTheServerSaysStop() {
        String answer =
                "{'id':'c','model':'m','choices':[{'message':{'content':null,'tool_calls':[{'id':'a','function':{'name':'f','arguments':''}}]},'finish_reason':'stop'}]}";
        JsonNode message = answer(Wire.MESSAGES, Wire.CHAT, answer);
        assertThat(message.path("stop_reason").asString("")).isEqualTo("tool_use");
        assertThat(message.path("content").path(0).path("input")).isEqualTo(json("{}"));
        assertThat(stream(Wire.MESSAGES, Wire.CHAT, call(0, "a", "f", ""), delta("{}", "stop"), "[DONE]")
                        .toString())
                .contains("\"stop_reason\":\"tool_use\"");
    }

    @ParameterizedTest
    @EnumSource(names = {"MESSAGES", "GEMINI"})
    void argumentsThatAreNoObjectAreAnErrorOrLeftOutWhereTheAnswerWasCut(Wire client) {
        String broken =
                "{'id':'c','model':'m','choices':[{'message':{'content':'so','tool_calls':[{'id':'a','function':{'name':'f','arguments':'{no'}}]},'finish_reason':'FINISH'}]}";
        assertThatThrownBy(() -> answer(client, Wire.CHAT, broken.replace("FINISH", "tool_calls")))
                .isInstanceOf(LlmException.class)
                .hasMessageContaining("'f'");
        String cut =
                answer(client, Wire.CHAT, broken.replace("FINISH", "length")).toString();
        assertThat(cut).containsAnyOf("max_tokens", "MAX_TOKENS").doesNotContain("\"f\"");
    }

    @Test
    void aRefusalIsToldInWordsAndAsSuch() {
        String refused =
                "{'id':'c','model':'m','choices':[{'message':{'content':null,'refusal':'I will not'},'finish_reason':'stop'}]}";
        assertThat(answer(Wire.MESSAGES, Wire.CHAT, refused).toString())
                .contains("I will not", "\"stop_reason\":\"refusal\"");
        assertThat(answer(Wire.GEMINI, Wire.CHAT, refused).toString())
                .contains("I will not", "\"finishReason\":\"SAFETY\"");
        assertThat(answer(Wire.RESPONSES, Wire.CHAT, refused).toString()).contains("I will not");
        assertThat(stream(
                                Wire.MESSAGES,
                                Wire.CHAT,
                                delta("{'refusal':'I will '}", ""),
                                delta("{'refusal':'not'}", ""),
                                delta("{}", "stop"),
                                "[DONE]")
                        .toString())
                .contains("I will ", "not", "\"stop_reason\":\"refusal\"");
    }

    @Test
    void thoughtsAreNoPartOfAnAnswerAndTheirTokensAreCounted() {
        String gemini =
                "{'candidates':[{'content':{'parts':[{'text':'hm','thought':true},{'text':'so','thoughtSignature':'s'}]},'finishReason':'STOP'}],"
                        + "'usageMetadata':{'promptTokenCount':9,'cachedContentTokenCount':4,'candidatesTokenCount':2,'thoughtsTokenCount':5}}";
        JsonNode chat = answer(Wire.CHAT, Wire.GEMINI, gemini);
        assertThat(chat.path("choices").path(0).path("message").path("content").asString(""))
                .isEqualTo("so");
        assertThat(chat.path("usage"))
                .isEqualTo(
                        json(
                                "{'prompt_tokens':9,'completion_tokens':7,'total_tokens':16,'prompt_tokens_details':{'cached_tokens':4},'completion_tokens_details':{'reasoning_tokens':5}}"));
        JsonNode messages = answer(Wire.MESSAGES, Wire.GEMINI, gemini);
        assertThat(messages.path("usage").path("cache_read_input_tokens").asInt(0))
                .isEqualTo(4);
        assertThat(messages.path("usage").path("input_tokens").asInt(0)).isEqualTo(5);
        JsonNode responses = answer(Wire.RESPONSES, Wire.GEMINI, gemini);
        assertThat(responses
                        .path("usage")
                        .path("output_tokens_details")
                        .path("reasoning_tokens")
                        .asInt(0))
                .isEqualTo(5);
        JsonNode back = answer(
                Wire.GEMINI,
                Wire.CHAT,
                "{'id':'c','model':'m','choices':[{'message':{'content':[{'type':'thinking'},{'type':'text','text':'so'}]},'finish_reason':'stop'}],"
                        + "'usage':{'prompt_tokens':9,'completion_tokens':7,'completion_tokens_details':{'reasoning_tokens':5}}}");
        assertThat(back.path("candidates").path(0).path("content").path("parts"))
                .isEqualTo(json("[{'text':'so'}]"));
        assertThat(back.path("usageMetadata").path("candidatesTokenCount").asInt(0))
                .isEqualTo(2);
        assertThat(back.path("usageMetadata").path("totalTokenCount").asInt(0)).isEqualTo(16);
    }

    @Test
    void anAnthropicCallWithoutArgumentsHasArgumentsThatAreJson() {
        List<JsonNode> events = stream(
                Wire.CHAT,
                Wire.MESSAGES,
                "{'type':'message_start','message':{'id':'i','model':'m','usage':{'input_tokens':3,'cache_read_input_tokens':2}}}",
                "{'type':'content_block_start','index':0,'content_block':{'type':'thinking','thinking':''}}",
                "{'type':'content_block_delta','index':0,'delta':{'type':'thinking_delta','thinking':'hm'}}",
                "{'type':'content_block_delta','index':0,'delta':{'type':'signature_delta','signature':'s'}}",
                "{'type':'content_block_stop','index':0}",
                "{'type':'ping'}",
                "{'type':'content_block_start','index':1,'content_block':{'type':'tool_use','id':'a','name':'f','input':{}}}",
                "{'type':'content_block_delta','index':1,'delta':{'type':'input_json_delta','partial_json':''}}",
                "{'type':'content_block_stop','index':1}",
                "{'type':'message_delta','delta':{'stop_reason':'tool_use'},'usage':{'output_tokens':7}}",
                "{'type':'message_stop'}");
        StringBuilder arguments = new StringBuilder();
        events.forEach(event -> arguments.append(event.path("choices")
                .path(0)
                .path("delta")
                .path("tool_calls")
                .path(0)
                .path("function")
                .path("arguments")
                .asString("")));
        assertThat(arguments.toString()).isEqualTo("{}");
        assertThat(events.toString()).doesNotContain("hm");
        assertThat(events.getLast().path("usage").path("prompt_tokens").asInt(0))
                .isEqualTo(5);
    }

    @Test
    void aStreamMayEndWithoutItsLastLineButNotWithoutItsReason() {
        for (Wire client : List.of(Wire.MESSAGES, Wire.RESPONSES, Wire.GEMINI)) {
            // Azure's first chunk has neither choice nor name.
            List<JsonNode> events = stream(
                    client,
                    Wire.CHAT,
                    "{'id':'','model':'','choices':[],'prompt_filter_results':[]}",
                    delta("{'content':'so'}", ""),
                    delta("{}", "stop"));
            assertThat(events.toString()).contains("so").contains("\"m\"");
            assertThatThrownBy(() -> stream(client, Wire.CHAT, delta("{'content':'so'}", "")))
                    .isInstanceOf(AssertionError.class);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "CHAT|MESSAGES|{'type':'error','error':{'type':'overloaded_error','message':'too busy'}}|BUSY",
                "MESSAGES|CHAT|{'error':{'message':'too fast','type':'requests','code':'rate_limit_exceeded'}}|RATE",
                "RESPONSES|CHAT|{'error':{'message':'gone'}}|UPSTREAM",
                "CHAT|GEMINI|{'error':{'code':503,'message':'too busy','status':'UNAVAILABLE'}}|BUSY",
                "MESSAGES|GEMINI|{'error':{'code':429,'message':'too fast','status':'RESOURCE_EXHAUSTED'}}|RATE",
                "GEMINI|MESSAGES|{'type':'error','error':{'type':'overloaded_error','message':'too busy'}}|BUSY",
            })
    void anErrorWithinAStreamKeepsItsKind(Wire client, Wire provider, String event, LlmException.Kind kind) {
        assertThatThrownBy(() -> stream(client, provider, event))
                .isInstanceOf(LlmException.class)
                .extracting(e -> ((LlmException) e).kind())
                .isEqualTo(kind);
    }

    @ParameterizedTest
    @CsvSource({
        "STOP, stop",
        "MAX_TOKENS, length",
        "SAFETY, content_filter",
        "PROHIBITED_CONTENT, content_filter",
        "MALFORMED_FUNCTION_CALL, stop",
        "FROM_THE_FUTURE, stop"
    })
    void geminisReasonsAreThoseOfChat(String finish, String reason) {
        assertThat(answer(
                                Wire.CHAT,
                                Wire.GEMINI,
                                "{'candidates':[{'content':{'parts':[{'text':'x'}]},'finishReason':'" + finish + "'}]}")
                        .path("choices")
                        .path(0)
                        .path("finish_reason")
                        .asString(""))
                .isEqualTo(reason);
    }

    @Test
    void aBlockedPromptAndAPictureAreNotAnEmptyAnswer() {
        assertThat(answer(Wire.CHAT, Wire.GEMINI, "{'promptFeedback':{'blockReason':'SAFETY'}}")
                        .toString())
                .contains("content_filter");
        assertThatThrownBy(() -> answer(
                        Wire.CHAT,
                        Wire.GEMINI,
                        "{'candidates':[{'content':{'parts':[{'inlineData':{'mimeType':'image/png','data':'A'}}]}}]}"))
                .isInstanceOf(LlmException.class)
                .hasMessageContaining("picture");
        assertThat(answer(
                                Wire.RESPONSES,
                                Wire.CHAT,
                                "{'id':'c','model':'m','choices':[{'message':{'content':'x'},'finish_reason':'content_filter'}]}")
                        .path("incomplete_details")
                        .path("reason")
                        .asString(""))
                .isEqualTo("content_filter");
    }
}
