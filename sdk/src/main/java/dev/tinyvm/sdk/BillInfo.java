package dev.tinyvm.sdk;

import java.util.List;

/**
 * A bill.
 *
 * @param by what makes its lines
 * @param lines by name
 * @param total of all lines, exactly
 */
public record BillInfo(String by, String currency, List<Line> lines, UsageAmounts total) {
    public BillInfo {
        lines = List.copyOf(lines);
    }

    /**
     * One line.
     *
     * @param name of the agent, the label's value, the day (UTC), the VM's id, the key or the model; empty: has none
     * @param detail the VM's name in a bill by VM
     */
    public record Line(String name, String detail, UsageAmounts amounts) {}
}
