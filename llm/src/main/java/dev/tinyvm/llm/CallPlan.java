package dev.tinyvm.llm;

import dev.tinyvm.llm.translate.AnthropicOnOpenAi;
import dev.tinyvm.llm.wire.Dialect;
import dev.tinyvm.llm.wire.Endpoint;
import dev.tinyvm.llm.wire.IncludeUsage;
import dev.tinyvm.llm.wire.JsonScan;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What is to be done for a request, known before anyone is asked.
 *
 * @param model as the client called it
 * @param members of the body that were found
 * @param streams whether the body asks for a stream
 * @param targets to ask, in this order
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared.
record CallPlan(
        Endpoint endpoint,
        String model,
        byte[] body,
        Map<String, JsonScan.Span> members,
        boolean streams,
        List<Target> targets,
        List<Allowance> allowances) {

    /** Whom to ask, and for which model. */
    record Target(Upstream upstream, String model, Optional<Price> price) {}

    /** Whether the client can be served by a provider of this type. */
    static boolean canServe(Endpoint endpoint, Provider provider) {
        boolean translated = endpoint.dialect() == Dialect.ANTHROPIC
                && endpoint.operation() == Endpoint.Operation.CHAT
                && provider.dialects().contains(Dialect.OPENAI);
        return provider.dialects().contains(endpoint.dialect()) || translated;
    }

    /** Whether this target speaks another dialect than the client. */
    boolean isTranslated(Target target) {
        return !target.upstream().provider().dialects().contains(endpoint.dialect());
    }

    /** In which the target is asked. */
    Dialect dialect(Target target) {
        return isTranslated(target) ? target.upstream().provider().dialects().getFirst() : endpoint.dialect();
    }

    /** Whether the answer must lose the usage that the client did not ask for. */
    boolean asksForUsage() {
        return streams && endpoint.dialect() == Dialect.OPENAI && endpoint.operation() == Endpoint.Operation.CHAT;
    }

    /** The client's bytes, but for the model's name when it is an alias and the question for usage. */
    byte[] body(Target target) {
        if (isTranslated(target)) {
            return AnthropicOnOpenAi.request(body, target.model());
        }
        byte[] sent = body;
        JsonScan.Span named = members.get("model");
        Map<String, JsonScan.Span> spans = members;
        if (named != null && endpoint.model().isEmpty() && !target.model().equals(model)) {
            sent = JsonScan.splice(sent, named.start(), named.end(), quoted(target.model()));
            spans = JsonScan.members(sent, members.keySet());
        }
        return asksForUsage() ? IncludeUsage.ask(sent, spans) : sent;
    }

    /** Path and query without a key. */
    String target(Target target, String path, String query) {
        if (isTranslated(target)) {
            return "/v1/chat/completions";
        }
        String sent = path;
        if (!endpoint.model().isEmpty() && !target.model().equals(model)) {
            String name =
                    URLEncoder.encode(target.model(), StandardCharsets.UTF_8).replace("+", "%20");
            sent = "/v1beta/models/" + name + ":" + endpoint.verb();
        }
        List<String> kept = new ArrayList<>();
        for (String part : query.split("&", -1)) {
            if (!part.isEmpty() && !part.equals("key") && !part.startsWith("key=")) {
                kept.add(part);
            }
        }
        return kept.isEmpty() ? sent : sent + "?" + String.join("&", kept);
    }

    private static byte[] quoted(String text) {
        return dev.tinyvm.llm.wire.Json.bytes(tools.jackson.databind.node.StringNode.valueOf(text));
    }
}
