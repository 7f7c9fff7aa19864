package dev.tinyvm.cli.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.cli.text.Style.Look;
import org.junit.jupiter.api.Test;

class TableTest {
    @Test
    void columnsAreAlignedAndLinesHaveNoTrailingSpaces() {
        var table = new Table(Style.PLAIN).left("NAME").right("CPU").left("STATE");
        table.row("a", "0.5", "running").row("longer", "12", "");
        assertThat(table.lines()).containsExactly("NAME    CPU  STATE", "a       0.5  running", "longer   12");
    }

    @Test
    void wideCharactersAndCombiningMarksAreCountedAsTheyAreSeen() {
        var table = new Table(Style.PLAIN).left("N").left("X").row("日本", "x").row("e\u0301", "x");
        assertThat(table.lines()).containsExactly("N     X", "日本  x", "e\u0301     x");
    }

    @Test
    void coloursDoNotChangeTheAlignment() {
        var table = new Table(new Style(true)).left("S").left("X").row(new Table.Cell("ok", Look.GREEN), "x");
        assertThat(table.lines())
                .containsExactly("\u001b[1mS\u001b[0m   \u001b[1mX\u001b[0m", "\u001b[32mok\u001b[0m  x");
    }

    @Test
    void escapeSequencesFromInsideATinyVmAreDefused() {
        var table = new Table(Style.PLAIN).left("N").row("a\u001b[2Jb\nc");
        assertThat(table.lines()).containsExactly("N", "a?[2Jb c");
    }

    @Test
    void aRowWithTooFewCellsIsRefused() {
        assertThatThrownBy(() -> new Table(Style.PLAIN).left("A").left("B").row("x"))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
