package dev.tinyvm.llm.translate;

import static dev.tinyvm.llm.translate.Translated.json;
import static dev.tinyvm.llm.translate.Translated.request;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.llm.translate.Translation.Wire;
import dev.tinyvm.llm.wire.LlmException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** What real agents send beside the plain case. */
class OddRequestsTest {
    private static final String TWO_CALLS = "{'role':'assistant','content':null,'tool_calls':["
            + "{'id':'a','type':'function','function':{'name':'ls','arguments':'{}'}},"
            + "{'id':'b','type':'function','function':{'name':'ls','arguments':''}}]}";

    @Test
    void aPictureInAnAnthropicToolsResultFollowsTheResultsOfAllParallelCalls() {
        JsonNode messages = request(
                        Wire.MESSAGES,
                        Wire.CHAT,
                        "{'messages':[{'role':'user','content':'x'},{'role':'assistant','content':["
                                + "{'type':'tool_use','id':'a','name':'shot','input':{}},{'type':'tool_use','id':'b','name':'ls','input':{'p':1}}]},"
                                + "{'role':'user','content':[{'type':'tool_result','tool_use_id':'a','content':[{'type':'text','text':'done'},"
                                + "{'type':'image','source':{'type':'base64','media_type':'image/png','data':'AA'}}]},"
                                + "{'type':'tool_result','tool_use_id':'b','is_error':true,'content':'no such file'},{'type':'text','text':'go on'}]}]}")
                .path("messages");
        assertThat(messages.path(1).path("tool_calls").size()).isEqualTo(2);
        assertThat(messages.path(2)).isEqualTo(json("{'role':'tool','tool_call_id':'a','content':'done'}"));
        assertThat(messages.path(3))
                .isEqualTo(json("{'role':'tool','tool_call_id':'b','content':'Error: no such file'}"));
        assertThat(messages.path(4).path("role").asString("")).isEqualTo("user");
        assertThat(messages.path(4)
                        .path("content")
                        .path(1)
                        .path("image_url")
                        .path("url")
                        .asString(""))
                .isEqualTo("data:image/png;base64,AA");
        assertThat(messages.path(4).path("content").path(2).path("text").asString(""))
                .isEqualTo("go on");
    }

    @Test
    void aPictureInAChatToolsMessageReachesAnthropicAndGemini() {
        String body = "{'messages':[" + TWO_CALLS.replace("''}}", "'{}'}}")
                + ",{'role':'tool','tool_call_id':'a','content':[{'type':'text','text':'t'},{'type':'image_url','image_url':{'url':'data:image/png;base64,AA'}}]},"
                + "{'role':'tool','tool_call_id':'b','content':'u'}]}";
        JsonNode result = request(Wire.CHAT, Wire.MESSAGES, body)
                .path("messages")
                .path(1)
                .path("content")
                .path(0);
        assertThat(result.path("content").path(1).path("source").path("data").asString(""))
                .isEqualTo("AA");
        JsonNode parts =
                request(Wire.CHAT, Wire.GEMINI, body).path("contents").path(1).path("parts");
        assertThat(parts.path(1).has("functionResponse")).isTrue();
        assertThat(parts.path(2).path("inlineData").path("data").asString("")).isEqualTo("AA");
    }

    @Test
    void aPictureInAFunctionsOutputOfResponsesIsTold() {
        JsonNode messages = request(
                        Wire.RESPONSES,
                        Wire.CHAT,
                        "{'input':[{'type':'function_call','call_id':'a','name':'f','arguments':'{}'},{'type':'function_call','call_id':'b','name':'f','arguments':'{}'},"
                                + "{'type':'function_call_output','call_id':'a','output':[{'type':'input_text','text':'t'},{'type':'input_image','image_url':'data:image/png;base64,AA'}]},"
                                + "{'type':'function_call_output','call_id':'b','output':'u'}]}")
                .path("messages");
        assertThat(messages.path(0).path("tool_calls").size()).isEqualTo(2);
        assertThat(messages.path(1).path("content").asString("")).isEqualTo("t");
        assertThat(messages.path(2).path("content").asString("")).isEqualTo("u");
        assertThat(messages.path(3).path("content").path(1).has("image_url")).isTrue();
    }

    @Test
    void resultsOfParallelCallsOfOneFunctionReachGeminiInTheOrderOfTheCalls() {
        JsonNode parts = request(
                        Wire.CHAT,
                        Wire.GEMINI,
                        "{'messages':[" + TWO_CALLS
                                + ",{'role':'tool','tool_call_id':'b','content':'of b'},{'role':'tool','tool_call_id':'a','content':'of a'}]}")
                .path("contents")
                .path(1)
                .path("parts");
        assertThat(parts.path(0).path("functionResponse").path("response")).isEqualTo(json("{'result':'of a'}"));
        assertThat(parts.path(1).path("functionResponse").path("response")).isEqualTo(json("{'result':'of b'}"));
    }

    @Test
    void geminisResponsesFindTheirCallsWithAndWithoutIds() {
        JsonNode messages = request(
                        Wire.GEMINI,
                        Wire.CHAT,
                        "{'contents':[{'role':'model','parts':[{'functionCall':{'name':'f','id':'x','args':{}}},{'functionCall':{'name':'f','args':{}}}]},"
                                + "{'role':'user','parts':[{'functionResponse':{'name':'f','id':'x','response':{'n':1}}},{'functionResponse':{'name':'f','response':{'n':2}}}]}]}")
                .path("messages");
        assertThat(messages.path(1).path("tool_call_id").asString("")).isEqualTo("x");
        assertThat(messages.path(2).path("tool_call_id"))
                .isEqualTo(messages.path(0).path("tool_calls").path(1).path("id"));
        assertThatThrownBy(() -> request(
                        Wire.GEMINI,
                        Wire.CHAT,
                        "{'contents':[{'role':'user','parts':[{'functionResponse':{'name':'f','response':{}}}]}]}"))
                .isInstanceOf(LlmException.class)
                .hasMessageContaining("'f' answers no call");
    }

    @Test
    void aStreamedAnswerThatAGeminiClientKeptInPiecesIsOneMessage() {
        JsonNode messages = request(
                        Wire.GEMINI,
                        Wire.CHAT,
                        "{'contents':[{'role':'user','parts':[{'text':'x'}]},{'role':'model','parts':[{'text':'two '},{'text':'wo'}]},{'role':'model','parts':[{'text':'rds'}]},"
                                + "{'role':'model','parts':[{'functionCall':{'name':'f','args':{}}}]},{'role':'model','parts':[{'functionCall':{'name':'g','args':{}}},{'thoughtSignature':'s'}]},"
                                + "{'role':'user','parts':[{'functionResponse':{'name':'g','response':{}}},{'functionResponse':{'name':'f','response':{}}}]}]}")
                .path("messages");
        assertThat(messages.size()).isEqualTo(4);
        assertThat(messages.path(1).path("content").asString("")).isEqualTo("two words");
        assertThat(messages.path(1).path("tool_calls").size()).isEqualTo(2);
    }

    @Test
    void geminisNamesMayBeWrittenWithUnderscoresButNotTheClientsOwn() {
        JsonNode chat = request(
                Wire.GEMINI,
                Wire.CHAT,
                "{'system_instruction':{'parts':[{'text':'be brief'}]},'contents':[{'parts':[{'text':'x'},{'inline_data':{'mime_type':'image/png','data':'AA'}}]}],"
                        + "'generation_config':{'max_output_tokens':7,'stop_sequences':['END'],'response_mime_type':'application/json',"
                        + "'response_schema':{'type':'OBJECT','properties':{'my_key':{'any_of':[{'type':'STRING'}]}}}},"
                        + "'tools':[{'function_declarations':[{'name':'f','parameters':{'type':'OBJECT'}},{'name':'g'}]}],"
                        + "'tool_config':{'function_calling_config':{'mode':'ANY','allowed_function_names':['g']}}}");
        assertThat(chat.path("messages").path(0).path("content").asString("")).isEqualTo("be brief");
        assertThat(chat.path("messages").path(1).path("content").path(1).has("image_url"))
                .isTrue();
        assertThat(chat.path("max_tokens").asInt(0)).isEqualTo(7);
        assertThat(chat.path("stop")).isEqualTo(json("['END']"));
        assertThat(chat.path("response_format").path("json_schema").path("schema"))
                .isEqualTo(json("{'type':'object','properties':{'my_key':{'anyOf':[{'type':'string'}]}}}"));
        // Those that may not be called are not offered.
        assertThat(chat.path("tools").size()).isEqualTo(1);
        assertThat(chat.path("tool_choice").path("function").path("name").asString(""))
                .isEqualTo("g");
    }

    @Test
    void systemPromptsInOddPlacesStandBeforeTheConversationAtAnthropicAndGemini() {
        String body =
                "{'messages':[{'role':'user','content':'x'},{'role':'system','content':[{'type':'text','text':'one'}]},"
                        + "{'role':'developer','content':'two'},{'role':'user','content':'y'}]}";
        JsonNode messages = request(Wire.CHAT, Wire.MESSAGES, body);
        assertThat(messages.path("system").asString("")).isEqualTo("one\ntwo");
        assertThat(messages.path("messages").size()).isEqualTo(1);
        JsonNode gemini = request(Wire.CHAT, Wire.GEMINI, body);
        assertThat(gemini.path("systemInstruction")
                        .path("parts")
                        .path(0)
                        .path("text")
                        .asString(""))
                .isEqualTo("one\ntwo");
        JsonNode responses = request(
                Wire.RESPONSES,
                Wire.CHAT,
                "{'instructions':'a','input':[{'role':'user','content':'x'},{'role':'developer','content':[{'type':'input_text','text':'b'}]}]}");
        assertThat(responses.path("messages").path(2)).isEqualTo(json("{'role':'system','content':'b'}"));
    }

    @Test
    void argumentsThatTheModelGotWrongStayToBeSeen() {
        String body =
                "{'messages':[{'role':'assistant','tool_calls':[{'id':'a','type':'function','function':{'name':'f','arguments':'{no'}}]},{'role':'tool','tool_call_id':'a','content':'bad'}]}";
        assertThat(request(Wire.CHAT, Wire.MESSAGES, body)
                        .path("messages")
                        .path(0)
                        .path("content")
                        .path(0)
                        .path("input"))
                .isEqualTo(json("{'invalid_json':'{no'}"));
        assertThat(request(Wire.CHAT, Wire.GEMINI, body)
                        .path("contents")
                        .path(0)
                        .path("parts")
                        .path(0)
                        .path("functionCall")
                        .path("args"))
                .isEqualTo(json("{'invalid_json':'{no'}"));
    }

    @Test
    void anAnswersPrescribedFormIsPrescribedToTheOther() {
        String schema = "{'type':'object','properties':{'n':{'type':'number'}}}";
        assertThat(request(
                                Wire.CHAT,
                                Wire.MESSAGES,
                                "{'messages':[],'response_format':{'type':'json_schema','json_schema':{'name':'x','schema':"
                                        + schema + "}}}")
                        .path("output_config"))
                .isEqualTo(json("{'format':{'type':'json_schema','schema':" + schema + "}}"));
        for (String there : new String[] {"'output_config':{'format':", "'output_format':"}) {
            String end = there.contains("{") ? "}" : "";
            assertThat(request(
                                    Wire.MESSAGES,
                                    Wire.CHAT,
                                    "{'messages':[]," + there + "{'type':'json_schema','schema':" + schema + "}" + end
                                            + "}")
                            .path("response_format")
                            .path("json_schema")
                            .path("schema"))
                    .isEqualTo(json(schema));
        }
    }

    @Test
    void theBoundOfTokensHasTheNameThatTheProviderKnows() {
        byte[] messages = "{\"max_tokens\":5,\"messages\":[]}".getBytes(StandardCharsets.UTF_8);
        byte[] newest = Translation.of(Wire.MESSAGES, Wire.CHAT, "max_completion_tokens")
                .orElseThrow()
                .request(messages, "m", false);
        assertThat(new String(newest, StandardCharsets.UTF_8))
                .contains("\"max_completion_tokens\":5")
                .doesNotContain("max_tokens\"");
        // Both are understood, and the newer one wins.
        assertThat(request(Wire.CHAT, Wire.MESSAGES, "{'messages':[],'max_tokens':5,'max_completion_tokens':6}")
                        .path("max_tokens")
                        .asInt(0))
                .isEqualTo(6);
        assertThat(request(Wire.CHAT, Wire.GEMINI, "{'messages':[],'max_tokens':5}")
                        .path("generationConfig")
                        .path("maxOutputTokens")
                        .asInt(0))
                .isEqualTo(5);
    }

    @Test
    void whatOnlyTunesIsLeftOutAndUnknownFieldsToo() {
        JsonNode asked = request(
                Wire.MESSAGES,
                Wire.CHAT,
                "{'thinking':{'type':'enabled','budget_tokens':9},'top_k':3,'from_the_future':1,'messages':[{'role':'assistant','content':["
                        + "{'type':'thinking','thinking':'hm','signature':'s'},{'type':'text','text':'so','cache_control':{'type':'ephemeral'}}]}]}");
        assertThat(asked.propertyNames()).containsExactlyInAnyOrder("model", "messages");
        assertThat(asked.path("messages")).isEqualTo(json("[{'role':'assistant','content':'so'}]"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "MESSAGES | CHAT   | {'messages':[],'mcp_servers':[{'name':'x'}]} | mcp_servers",
                "MESSAGES | CHAT   | {'messages':[],'container':'c'} | container",
                "MESSAGES | CHAT   | {'messages':[{'role':'user','content':[{'type':'document'}]}]} | 'document'",
                "MESSAGES | CHAT   | {'messages':[{'role':'user','content':[{'type':'image','source':{'type':'file','file_id':'f'}}]}]} | 'file'",
                "MESSAGES | CHAT   | {'messages':[{'role':'user','content':[{'type':'tool_result','content':[{'type':'document'}]}]}]} | 'document'",
                "CHAT | MESSAGES   | {'messages':[],'response_format':{'type':'json_object'}} | 'json_object'",
                "CHAT | MESSAGES   | {'messages':[],'tools':[{'type':'function','function':{'name':'f'}}],'tool_choice':{'type':'allowed_tools'}} | 'allowed_tools'",
                "CHAT | MESSAGES   | {'messages':[{'role':'user','content':[{'type':'input_audio'}]}]} | 'input_audio'",
                "CHAT | GEMINI     | {'messages':[{'role':'tool','tool_call_id':'z','content':'x'}]} | 'z'",
                "CHAT | GEMINI     | {'messages':[],'tools':[{'type':'function','function':{'name':'f'}}],'tool_choice':{'type':'allowed_tools'}} | 'allowed_tools'",
                "CHAT | GEMINI     | {'messages':[{'role':'user','content':[{'type':'image_url','image_url':{'url':'https://x/y.png'}}]}]} | data: URL",
                "GEMINI | CHAT     | {'contents':[],'cached_content':'cachedContents/1'} | cachedContent",
                "GEMINI | CHAT     | {'contents':[],'generationConfig':{'responseModalities':['TEXT','IMAGE']}} | IMAGE",
                "GEMINI | CHAT     | {'contents':[],'generationConfig':{'responseMimeType':'text/x.enum'}} | text/x.enum",
                "GEMINI | CHAT     | {'contents':[],'generationConfig':{'responseLogprobs':true}} | responseLogprobs",
                "GEMINI | CHAT     | {'contents':[{'parts':[{'fileData':{'fileUri':'f'}}]}]} | 'fileData'",
                "GEMINI | MESSAGES | {'contents':[{'parts':[{'inlineData':{'mimeType':'audio/wav','data':'A'}}]}]} | 'audio/wav'",
                "RESPONSES | CHAT  | {'input':[{'type':'item_reference','id':'x'}]} | 'item_reference'",
                "RESPONSES | CHAT  | {'input':[{'type':'function_call_output','call_id':'a','output':[{'type':'input_file'}]}]} | 'input_file'",
                "RESPONSES | CHAT  | {'input':'x','top_logprobs':2} | top_logprobs",
            })
    void whatWouldChangeTheAnswerIsRefusedByName(Wire client, Wire provider, String body, String named) {
        assertThatThrownBy(() -> request(client, provider, body))
                .isInstanceOf(LlmException.class)
                .hasMessageContaining(named)
                .extracting(e -> ((LlmException) e).kind())
                .isEqualTo(LlmException.Kind.INVALID);
    }
}
