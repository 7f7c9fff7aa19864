package dev.tinyvm.llm.script;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/**
 * What a scripted provider of the configuration says: {@code {thinking: 2s, betweenParts: 10ms, turns: [{say: …}, {call: NAME, arguments: {…}}, {refuse: 429, retryAfter: 1}, {fail: hang}]}}. The turn is chosen by the conversation: the first for
 * one in which no assistant has spoken, the next after one answer, and so on, the last from then on; so many agents can follow one script at once.
 *
 * @param thinking before each answer
 * @param betweenParts of a streamed answer
 */
public record Script(List<Turn> turns, Duration thinking, Duration betweenParts) {
    private static final Set<String> KEYS = Set.of("thinking", "betweenParts", "turns");
    private static final Set<String> TURN_KEYS = Set.of("say", "call", "arguments", "refuse", "retryAfter", "fail");
    private static final Duration LONGEST = Duration.ofDays(1);

    public Script {
        turns = List.copyOf(turns);
    }

    /**
     * Reads it, YAML or JSON.
     *
     * @throws IOException it cannot be read, or is no script; the message says where and what would be right
     */
    public static Script read(Path file) throws IOException {
        JsonNode root;
        try {
            root = YAMLMapper.shared().readTree(Files.readAllBytes(file));
        } catch (NoSuchFileException e) {
            throw new IOException("there is no file " + file, e);
        } catch (AccessDeniedException e) {
            throw new IOException(file + " may not be read: permission denied", e);
        } catch (JacksonException e) {
            throw new IOException(file + " is not YAML: " + e.getOriginalMessage(), e);
        }
        if (!root.isObject()) {
            throw new IOException(file + " is no script; expected a mapping such as {turns: [{say: hello}]}");
        }
        refuseUnknown(root, KEYS, file.toString());
        List<Turn> turns = new ArrayList<>();
        for (JsonNode turn : root.path("turns")) {
            turns.add(turn(turn, file + ": turns[" + turns.size() + "]"));
        }
        if (turns.isEmpty()) {
            throw new IOException(file + " has no turns; expected turns: [{say: hello}]");
        }
        return new Script(
                turns,
                duration(root.path("thinking"), file + ": thinking"),
                duration(root.path("betweenParts"), file + ": betweenParts"));
    }

    /**
     * A provider that follows it.
     *
     * @throws IOException it cannot listen
     */
    public ScriptedProvider open() throws IOException {
        return ScriptedProvider.following(this);
    }

    private static Turn turn(JsonNode node, String at) throws IOException {
        if (!node.isObject()) {
            throw new IOException(at + " is no mapping; expected one of {say: TEXT}, {call: NAME, arguments: {…}},"
                    + " {refuse: STATUS}, {fail: FAULT}");
        }
        refuseUnknown(node, TURN_KEYS, at);
        if (node.path("say").isString()) {
            return new Turn.Text(node.path("say").stringValue());
        }
        if (node.path("call").isString()) {
            JsonNode arguments = node.path("arguments");
            if (!arguments.isObject() && !arguments.isMissingNode()) {
                throw new IOException(at + ".arguments is no mapping");
            }
            return new Turn.ToolCall(
                    node.path("call").stringValue(), arguments.isObject() ? arguments.toString() : "{}");
        }
        if (node.path("refuse").isIntegralNumber()) {
            int status = node.path("refuse").asInt(0);
            if (status < 400 || status > 599) {
                throw new IOException(at + ".refuse is " + status + "; expected a status from 400 to 599");
            }
            return new Turn.Refusal(status, node.path("retryAfter").asString(""));
        }
        if (node.path("fail").isString()) {
            String word = node.path("fail").stringValue();
            for (Turn.Fault fault : Turn.Fault.values()) {
                if (word(fault).equals(word)) {
                    return new Turn.Failure(fault);
                }
            }
            List<String> words = java.util.Arrays.stream(Turn.Fault.values())
                    .map(Script::word)
                    .toList();
            throw new IOException(at + ".fail is '" + word + "'; allowed are " + String.join(", ", words));
        }
        throw new IOException(at + " says nothing; expected one of {say: TEXT}, {call: NAME, arguments: {…}},"
                + " {refuse: STATUS}, {fail: FAULT}");
    }

    private static String word(Turn.Fault fault) {
        return fault.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static void refuseUnknown(JsonNode node, Set<String> known, String at) throws IOException {
        for (String name : node.propertyNames()) {
            if (!known.contains(name)) {
                throw new IOException(at + " has the unknown key '" + name + "'; allowed are "
                        + String.join(", ", known.stream().sorted().toList()));
            }
        }
    }

    private static Duration duration(JsonNode node, String at) throws IOException {
        if (node.isMissingNode()) {
            return Duration.ZERO;
        }
        try {
            return dev.tinyvm.spec.Quantities.parseDuration(node.asString(""), Duration.ZERO, LONGEST);
        } catch (IllegalArgumentException e) {
            throw new IOException(at + " " + e.getMessage(), e);
        }
    }
}
