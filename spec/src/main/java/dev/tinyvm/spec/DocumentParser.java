package dev.tinyvm.spec;

import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Parse;
import org.snakeyaml.engine.v2.common.Anchor;
import org.snakeyaml.engine.v2.events.AliasEvent;
import org.snakeyaml.engine.v2.events.CollectionEndEvent;
import org.snakeyaml.engine.v2.events.CollectionStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.NodeEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.ReaderException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/**
 * YAML 1.2 or JSON text to a tree of {@link Value}s with places. The text may come from anybody.
 *
 * <p>Built from parser events rather than the library's own node graph: events need no recursion (its composer overflows the stack on
 * deep nesting), and the size of what aliases stand for can be counted while they are resolved.
 */
final class DocumentParser {
    /** A descriptor is a page of text; more is a mistake. */
    static final int MAX_BYTES = 1 << 20;

    static final int MAX_DEPTH = 32;
    /** Values after all aliases are resolved. */
    static final int MAX_VALUES = 100_000;

    private final String text;
    private final Problems problems;
    private final Deque<Open> open = new ArrayDeque<>();
    private final Map<Anchor, Sized> anchors = new HashMap<>();
    private @Nullable Value root;

    private DocumentParser(String text, Problems problems) {
        this.text = text;
        this.problems = problems;
    }

    /** The only document in the text, or empty with at least one problem added. */
    static Optional<Value> parse(String given, Problems problems) {
        String text = given.startsWith("\uFEFF") ? given.substring(1) : given;
        if (text.length() > MAX_BYTES || text.getBytes(StandardCharsets.UTF_8).length > MAX_BYTES) {
            problems.add("", 1, 1, "the text is over 1 MiB, which is the most that is read; is this the right file?");
            return Optional.empty();
        }
        if (text.stripLeading().startsWith("{")) {
            // JSON may be indented with tabs, YAML may not; columns stay the same.
            text = text.replace('\t', ' ');
        }
        if (hasBinary(text, problems)) {
            return Optional.empty();
        }
        return new DocumentParser(text, problems).parse();
    }

    private static boolean hasBinary(String text, Problems problems) {
        int line = 1;
        int column = 0;
        for (int i = 0; i < text.length(); i += Character.charCount(text.codePointAt(i))) {
            int point = text.codePointAt(i);
            column++;
            if (point == '\n') {
                line++;
                column = 0;
            } else if ((point < ' ' && point != '\t' && point != '\r')
                    || point == 0x7f
                    || point == 0xfffd
                    || Character.getType(point) == Character.SURROGATE) {
                problems.add(
                        "",
                        line,
                        column,
                        "the text holds a byte that no text has (U+" + "%04X".formatted(point)
                                + "); expected YAML or JSON in UTF-8, is this the right file?");
                return true;
            }
        }
        return false;
    }

    private Optional<Value> parse() {
        try {
            Iterator<Event> events = new Parse(LoadSettings.builder()
                            .setCodePointLimit(2 * MAX_BYTES)
                            .build())
                    .parseString(text)
                    .iterator();
            int documents = 0;
            while (events.hasNext()) {
                Event event = events.next();
                if (event.getEventId() == Event.ID.DocumentStart && ++documents > 1) {
                    problems.add(
                            "", line(event), 1, "a second document starts here (`---`); write one document per file");
                    return Optional.empty();
                }
                if (!accept(event)) {
                    return Optional.empty();
                }
            }
        } catch (MarkedYamlEngineException e) {
            syntax(e);
            return Optional.empty();
        } catch (ReaderException e) {
            problems.add(
                    "",
                    1,
                    1,
                    "the text holds a character that YAML does not allow (U+" + "%04X".formatted(e.getCodePoint())
                            + ")");
            return Optional.empty();
        } catch (YamlEngineException | IllegalArgumentException e) {
            problems.add("", 1, 1, "is not valid YAML: " + e.getMessage());
            return Optional.empty();
        }
        if (root == null || (root instanceof Value.Scalar scalar && scalar.isNull())) {
            problems.add("", 1, 1, "the text is empty; the shortest descriptor is `spec: {image: host}`");
            return Optional.empty();
        }
        return Optional.of(root);
    }

    /** False when reading must end because a limit was passed. */
    private boolean accept(Event event) {
        return switch (event) {
            case AliasEvent alias -> alias(alias);
            case ScalarEvent scalar -> scalar(scalar);
            case CollectionStartEvent start -> start(start);
            case CollectionEndEvent end -> end(end);
            default -> true;
        };
    }

    private boolean alias(AliasEvent alias) {
        Sized target = anchors.get(alias.getAlias());
        if (target == null) {
            problems.add(
                    "",
                    line(alias),
                    column(alias),
                    "`*" + alias.getAlias() + "` has no anchor `&" + alias.getAlias() + "` that is complete before it");
            return false;
        }
        return put(target.value(), target.size(), alias);
    }

    private boolean scalar(ScalarEvent scalar) {
        refuseTag(scalar.getTag(), scalar);
        Value value = new Value.Scalar(scalar.getValue(), scalar.isPlain(), line(scalar), column(scalar));
        remember(scalar, value, 1);
        return put(value, 1, scalar);
    }

    private boolean start(CollectionStartEvent start) {
        refuseTag(start.getTag(), start);
        if (open.size() == MAX_DEPTH) {
            problems.add("", line(start), column(start), "is nested more than " + MAX_DEPTH + " levels deep");
            return false;
        }
        open.push(new Open(start));
        return true;
    }

    private boolean end(CollectionEndEvent end) {
        Open done = open.pop();
        Value value = done.value();
        remember(done.start, value, done.size);
        return put(value, done.size, end);
    }

    private void remember(NodeEvent event, Value value, int size) {
        event.getAnchor().ifPresent(anchor -> anchors.put(anchor, new Sized(value, size)));
    }

    private boolean put(Value value, int size, Event event) {
        Open parent = open.peek();
        if (parent == null) {
            root = value;
            return true;
        }
        parent.size += size;
        if (parent.size > MAX_VALUES) {
            problems.add(
                    "",
                    line(event),
                    column(event),
                    "the document stands for more than 100,000 values (aliases counted with what they repeat)");
            return false;
        }
        parent.children.add(value);
        return true;
    }

    private void refuseTag(Optional<String> tag, Event event) {
        tag.ifPresent(name -> problems.add(
                "",
                line(event),
                column(event),
                "has the YAML tag " + Problems.quote(name) + "; tags are not used here, remove it"));
    }

    private void syntax(MarkedYamlEngineException e) {
        int line = e.getProblemMark().map(Mark::getLine).orElse(0);
        int column = e.getProblemMark().map(Mark::getColumn).orElse(0);
        List<String> lines = text.lines().toList();
        String at = line < lines.size() ? lines.get(line) : "";
        if (column < at.length() && at.charAt(column) == '\t') {
            problems.add("", line + 1, column + 1, "a tab stands here; YAML is indented with spaces only, replace it");
            return;
        }
        String problem = String.valueOf(e.getProblem());
        String hint = "";
        if (problem.startsWith("mapping values are not allowed here")) {
            problem = "a `:` followed by a space stands inside of a value";
            hint = "; is the line indented as the lines around it, or does the value need quotes?";
        }
        String context = e.getContext() == null || e.getContext().isEmpty() ? "" : " " + e.getContext();
        problems.add("", line + 1, column + 1, "is not valid YAML:" + context + ": " + problem + hint);
    }

    private static int line(Event event) {
        return event.getStartMark().map(mark -> mark.getLine() + 1).orElse(0);
    }

    private static int column(Event event) {
        return event.getStartMark().map(mark -> mark.getColumn() + 1).orElse(0);
    }

    private record Sized(Value value, int size) {}

    /** A list or mapping whose end was not seen yet. */
    private static final class Open {
        private final CollectionStartEvent start;
        private final List<Value> children = new ArrayList<>();
        private int size = 1;

        Open(CollectionStartEvent start) {
            this.start = start;
        }

        Value value() {
            if (start.getEventId() == Event.ID.SequenceStart) {
                return new Value.Listing(List.copyOf(children), line(start), column(start));
            }
            List<Value.Entry> entries = new ArrayList<>(children.size() / 2);
            for (int i = 0; i + 1 < children.size(); i += 2) {
                entries.add(new Value.Entry(children.get(i), children.get(i + 1)));
            }
            return new Value.Mapping(List.copyOf(entries), line(start), column(start));
        }
    }
}
