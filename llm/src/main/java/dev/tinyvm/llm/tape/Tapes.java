package dev.tinyvm.llm.tape;

import dev.tinyvm.llm.wire.LlmException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Named recordings below one directory. A recording that is there is added to; a replay begins anew for each run. Thread-safe.
 *
 * <p>A run is a Tiny VM, or what a client outside names; the replays of the latest {@value #RUNS} runs are kept.
 */
public final class Tapes {
    /** Of a Tiny VM: record its LLM calls under this name. */
    public static final String RECORD_LABEL = "tinyvm.dev/llm-record";
    /** Of a Tiny VM: answer its LLM calls from the recording of this name. */
    public static final String REPLAY_LABEL = "tinyvm.dev/llm-replay";
    /** Of a Tiny VM: {@code exact} or {@code order}. */
    public static final String MATCH_LABEL = "tinyvm.dev/llm-replay-match";

    private static final int RUNS = 1000;
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,62}");

    private final Path directory;
    private final Map<String, Recorder> recorders = new LinkedHashMap<>();
    private final Map<String, Replayer> replayers = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Replayer> eldest) {
            return size() > RUNS;
        }
    };

    /** @param directory is made with the first recording */
    public Tapes(Path directory) {
        this.directory = directory;
    }

    /** What the labels of a Tiny VM, or the like of a client, ask for; empty: nothing. @throws LlmException there is no such recording, or the words make no sense */
    public Optional<Tape> of(String run, String record, String replay, String match) {
        if (record.isEmpty() && replay.isEmpty()) {
            return Optional.empty();
        }
        if (!record.isEmpty() && !replay.isEmpty()) {
            throw invalid("a run can be recorded or replayed, not both; ask for one");
        }
        String name = record.isEmpty() ? replay : record;
        if (!NAME.matcher(name).matches()) {
            throw invalid("a recording's name has 1 to 63 letters, digits, _, . and -, a letter or digit first");
        }
        return Optional.of(record.isEmpty() ? replaying(run, name, match(match)) : recording(name));
    }

    private synchronized Tape recording(String name) {
        Recorder known = recorders.get(name);
        // It may have been removed to begin anew.
        if (known == null || !Files.isDirectory(directory.resolve(name))) {
            try {
                known = Recorder.goingOn(directory.resolve(name));
            } catch (IOException e) {
                throw new LlmException(
                        LlmException.Kind.INTERNAL,
                        "the recording '" + name + "' cannot be written; the log tells more");
            }
            recorders.put(name, known);
        }
        return known;
    }

    private synchronized Tape replaying(String run, String name, Replayer.Match match) {
        String key = run + "\n" + name + "\n" + match;
        Replayer known = replayers.get(key);
        if (known == null) {
            try {
                known = new Replayer(directory.resolve(name), match);
            } catch (IOException e) {
                throw new LlmException(
                        LlmException.Kind.NOT_FOUND,
                        "there is no recording '" + name + "'; './tinyvm tape ls' lists those that are there");
            }
            replayers.put(key, known);
        }
        return known;
    }

    private static Replayer.Match match(String word) {
        return switch (word) {
            case "", "exact" -> Replayer.Match.EXACT;
            case "order" -> Replayer.Match.ORDER;
            default -> throw invalid("a replay matches 'exact' or in 'order', not '" + word + "'");
        };
    }

    private static LlmException invalid(String message) {
        return new LlmException(LlmException.Kind.INVALID, message);
    }
}
