package dev.tinyvm.cli.text;

import dev.tinyvm.cli.text.Style.Look;
import java.util.ArrayList;
import java.util.List;

/** Rows under headings, columns aligned by what is seen, not by bytes. Not for use by several threads. */
public final class Table {
    private static final int GAP = 2;

    /** Hangul, CJK, full-width forms, emoji: Unicode's East Asian Width W and F, roughly. */
    private static final List<Range> WIDE = List.of(
            new Range(0x1100, 0x115f),
            new Range(0x2e80, 0xa4cf),
            new Range(0xac00, 0xd7a3),
            new Range(0xf900, 0xfaff),
            new Range(0xfe30, 0xfe6f),
            new Range(0xff00, 0xff60),
            new Range(0x1f300, 0x1faff),
            new Range(0x20000, 0x3fffd));

    private final Style style;
    private final List<Column> columns = new ArrayList<>();
    private final List<List<Cell>> rows = new ArrayList<>();

    public Table(Style style) {
        this.style = style;
    }

    /** Adds a column whose cells start at the left. */
    public Table left(String heading) {
        columns.add(new Column(heading, false));
        return this;
    }

    /** Adds a column of numbers, which end at the right. */
    public Table right(String heading) {
        columns.add(new Column(heading, true));
        return this;
    }

    /** Adds a row: {@link Cell}s, or anything else as its text. */
    public Table row(Object... cells) {
        if (cells.length != columns.size()) {
            throw new IllegalArgumentException(cells.length + " cells for " + columns.size() + " columns");
        }
        List<Cell> row = new ArrayList<>(cells.length);
        for (Object cell : cells) {
            row.add(cell instanceof Cell ready ? ready : new Cell(String.valueOf(cell), Look.PLAIN));
        }
        rows.add(row);
        return this;
    }

    /** All lines, headings first, no line end, no spaces at the end of a line. */
    public List<String> lines() {
        int[] widths = new int[columns.size()];
        for (int i = 0; i < widths.length; i++) {
            widths[i] = width(columns.get(i).heading);
            for (List<Cell> row : rows) {
                widths[i] = Math.max(widths[i], width(row.get(i).text));
            }
        }
        List<String> lines = new ArrayList<>(rows.size() + 1);
        lines.add(line(columns.stream().map(c -> new Cell(c.heading, Look.BOLD)).toList(), widths));
        for (List<Cell> row : rows) {
            lines.add(line(row, widths));
        }
        return lines;
    }

    private String line(List<Cell> cells, int[] widths) {
        StringBuilder line = new StringBuilder();
        int owed = 0;
        for (int i = 0; i < widths.length; i++) {
            Cell cell = cells.get(i);
            int room = widths[i] - width(cell.text);
            if (columns.get(i).right) {
                owed += room;
                room = 0;
            }
            if (!cell.text.isEmpty()) {
                line.repeat(' ', owed).append(style.paint(cell.look, cell.text));
                owed = 0;
            }
            owed += room + GAP;
        }
        return line.toString();
    }

    /** Columns that a text takes on a terminal: combining marks none, East Asian wide characters and emoji two. */
    static int width(String text) {
        int width = 0;
        for (int i = 0; i < text.length(); ) {
            int c = text.codePointAt(i);
            i += Character.charCount(c);
            int type = Character.getType(c);
            if (type == Character.NON_SPACING_MARK || type == Character.ENCLOSING_MARK || type == Character.FORMAT) {
                continue;
            }
            boolean wide = WIDE.stream().anyMatch(range -> range.contains(c));
            width += wide ? 2 : 1;
        }
        return width;
    }

    /** One cell. Control characters from inside a Tiny VM never reach the terminal. */
    public record Cell(String text, Look look) {
        public Cell {
            text = Printable.line(text);
        }
    }

    private record Range(int first, int last) {
        boolean contains(int c) {
            return c >= first && c <= last;
        }
    }

    private record Column(String heading, boolean right) {}
}
