package dev.tinyvm.ledger;

import java.util.List;

/**
 * What was used within a time and what it costs.
 *
 * @param lines by name; the money of all lines is that of the total, exactly
 */
public record Bill(BillQuery query, List<Line> lines, Amounts total) {
    public Bill {
        lines = List.copyOf(lines);
    }

    /**
     * One line.
     *
     * @param name of the agent, the label's value, the day as {@code 2026-03-01}, the Tiny VM's id, the key or the model; empty: has none
     * @param detail the Tiny VM's name in a bill by Tiny VM; else empty
     */
    public record Line(String name, String detail, Amounts amounts) {}
}
