package dev.tinyvm.spec;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Collects what is wrong with one document, so that all of it can be told at once. Confined to the reading thread. */
final class Problems {
    /** More than this is noise; the last entry says that there was more. */
    static final int MAX = 100;

    private static final int SHOWN_CHARACTERS = 60;

    private final List<Problem> found = new ArrayList<>();
    private int dropped;

    void add(String path, Value at, String message) {
        add(path, at.line(), at.column(), message);
    }

    void add(String path, int line, int column, String message) {
        if (found.size() == MAX) {
            dropped++;
        } else {
            found.add(new Problem(path, line, column, message));
        }
    }

    boolean isEmpty() {
        return found.isEmpty();
    }

    /** Throws when anything was added. */
    void throwIfAny(String sourceName) {
        if (found.isEmpty()) {
            return;
        }
        List<Problem> sorted = new ArrayList<>(found);
        sorted.sort(Comparator.comparingInt(Problem::line).thenComparingInt(Problem::column));
        if (dropped > 0) {
            sorted.add(new Problem("", 0, 0, dropped + " more problems are not shown"));
        }
        throw new DescriptorException(sourceName, sorted);
    }

    /** A piece of the document for a message: in back quotes, short, and without control characters. */
    static String quote(String text) {
        StringBuilder shown = new StringBuilder("`");
        int characters = 0;
        for (int i = 0; i < text.length(); ) {
            int point = text.codePointAt(i);
            if (characters++ == SHOWN_CHARACTERS) {
                shown.append('…');
                break;
            }
            if (Character.isISOControl(point) || Character.getType(point) == Character.SURROGATE) {
                shown.append("\\u").append(java.util.HexFormat.of().toHexDigits((char) point));
            } else {
                shown.appendCodePoint(point);
            }
            i += Character.charCount(point);
        }
        return shown.append('`').toString();
    }
}
