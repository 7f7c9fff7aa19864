package dev.tinyvm.cli;

import dev.tinyvm.cli.text.Quantity;
import dev.tinyvm.cli.text.Style;
import dev.tinyvm.cli.text.Table;
import dev.tinyvm.cli.text.Table.Cell;
import dev.tinyvm.sdk.BillInfo;
import dev.tinyvm.sdk.BillRequest;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.UsageAmounts;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code tinyvm bill}. */
@Command(
        description = {
            "Print what was used and what it costs, until now. Time that Tiny VMs wait for a model or are paused is counted apart and is free unless the manager's configuration has a price for it.",
            "Money is exact to a billionth of a dollar; the table shows six decimals, --json and --csv all."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  tinyvm bill",
            "  tinyvm bill --by day --since 2026-03-01 --until 2026-04-01",
            "  tinyvm bill --by label=team --csv > march.csv",
            "  tinyvm bill --by model --agent researcher --since 1h"
        })
final class BillCommand extends ClientCommand {
    private static final int SHOWN_DECIMALS = 6;
    private static final BigDecimal MICROS = BigDecimal.valueOf(1_000_000);

    @Option(
            names = "--by",
            paramLabel = "WHAT",
            description =
                    "A line for each agent, vm, day (UTC), key, model, or value of a label: label=KEY (default: agent).")
    String by = "agent";

    @Option(
            names = "--since",
            paramLabel = "TIME",
            description = "Only from then on: 10m (ago), 2026-01-31 (its start in UTC), or 2026-01-31T12:00:00Z.")
    @Nullable
    String since;

    @Option(names = "--until", paramLabel = "TIME", description = "Only before then.")
    @Nullable
    String until;

    @Option(names = "--agent", paramLabel = "NAME", description = "Only this agent's.")
    @Nullable
    String agent;

    @Option(names = "--vm", paramLabel = "NAME", description = "Only this Tiny VM's, by id or name.")
    @Nullable
    String vm;

    @Option(names = "--json", description = "Print JSON.")
    boolean json;

    @Option(names = "--csv", description = "Print comma-separated values (RFC 4180), all decimals, without a total.")
    boolean csv;

    BillCommand(Shell shell) {
        super(shell);
    }

    @Override
    int run(TinyVmClient client) {
        if (json && csv) {
            throw new CliException(ExitCode.USAGE, "--json and --csv exclude each other; choose one");
        }
        BillInfo bill = client.bill(new BillRequest(
                by,
                time("--since", since),
                time("--until", until),
                Optional.ofNullable(agent),
                Optional.ofNullable(vm)));
        if (json) {
            JsonOutput.print(shell.out(), bill);
        } else if (csv) {
            csv(bill).forEach(shell.out()::println);
        } else {
            table(bill, shell.style()).lines().forEach(shell.out()::println);
        }
        return ExitCode.OK;
    }

    private static Optional<Instant> time(String option, @Nullable String text) {
        if (text == null) {
            return Optional.empty();
        }
        try {
            return Optional.of(
                    LocalDate.parse(text).atStartOfDay(ZoneOffset.UTC).toInstant());
        } catch (DateTimeParseException notADay) {
            return Optional.of(LogsCommand.instant(option, text));
        }
    }

    static Table table(BillInfo bill, Style style) {
        boolean details = bill.by().equals("vm");
        Table table = new Table(style).left(bill.by().toUpperCase(Locale.ROOT));
        if (details) {
            table.left("NAME");
        }
        table.right("CPU")
                .right("ACTIVE")
                .right("WAITING")
                .right("PAUSED")
                .right("MEMORY")
                .right("EGRESS")
                .right("CALLS")
                .right("IN")
                .right("CACHED")
                .right("OUT")
                .right("COMPUTE $")
                .right("LLM $")
                .right("TOTAL $");
        for (BillInfo.Line line : bill.lines()) {
            row(
                    table,
                    details,
                    line.name().isEmpty() ? "-" : line.name(),
                    line.detail(),
                    line.amounts(),
                    Style.Look.PLAIN);
        }
        row(table, details, "total", "", bill.total(), Style.Look.BOLD);
        return table;
    }

    private static void row(Table table, boolean details, String name, String detail, UsageAmounts a, Style.Look look) {
        List<Object> cells = new ArrayList<>();
        cells.add(new Cell(name, look));
        if (details) {
            cells.add(detail);
        }
        cells.add(seconds(a.cpuMicros()) + "s");
        cells.add(Quantity.duration(Duration.ofMillis(a.activeMillis())));
        cells.add(Quantity.duration(Duration.ofMillis(a.waitingMillis())));
        cells.add(Quantity.duration(Duration.ofMillis(a.pausedMillis())));
        cells.add(gibSeconds(a.activeKibSeconds()));
        cells.add(Quantity.bytes(a.egressBytes()));
        cells.add(a.requests());
        cells.add(a.inputTokens());
        cells.add(a.cachedInputTokens());
        cells.add(a.outputTokens());
        cells.add(dollars(a.computeNanoUsd() + a.egressNanoUsd()));
        cells.add(dollars(a.llmNanoUsd()));
        cells.add(new Cell(dollars(a.nanoUsd()), look));
        table.row(cells.toArray());
    }

    /** One line for each line of the bill, with the names of the API behind each other. */
    static List<String> csv(BillInfo bill) {
        RecordComponent[] columns = Objects.requireNonNull(UsageAmounts.class.getRecordComponents());
        List<String> lines = new ArrayList<>();
        StringBuilder heading = new StringBuilder(quoted(bill.by())).append(",detail");
        for (RecordComponent column : columns) {
            heading.append(',').append(column.getName());
        }
        lines.add(heading.toString());
        for (BillInfo.Line line : bill.lines()) {
            StringBuilder text =
                    new StringBuilder(quoted(line.name())).append(',').append(quoted(line.detail()));
            for (RecordComponent column : columns) {
                text.append(',').append(value(column, line.amounts()));
            }
            lines.add(text.toString());
        }
        return lines;
    }

    private static String value(RecordComponent column, UsageAmounts amounts) {
        try {
            return String.valueOf(column.getAccessor().invoke(amounts));
        } catch (IllegalAccessException | InvocationTargetException e) {
            throw new IllegalStateException("a record of the SDK cannot be read", e);
        }
    }

    /** Text that begins as a formula would is kept from being one in a spreadsheet. */
    private static String quoted(String text) {
        String safe = text.matches("(?s)[=+@\\t\\r-].*") ? "'" + text : text;
        return safe.matches("(?s).*[\",\\n\\r].*") ? '"' + safe.replace("\"", "\"\"") + '"' : safe;
    }

    private static String seconds(long micros) {
        return BigDecimal.valueOf(micros)
                .divide(MICROS, 3, RoundingMode.HALF_UP)
                .toPlainString();
    }

    private static String gibSeconds(long kibSeconds) {
        return BigDecimal.valueOf(kibSeconds)
                        .divide(BigDecimal.valueOf(1L << 20), 3, RoundingMode.HALF_UP)
                        .toPlainString()
                + " GiB·s";
    }

    private static String dollars(long nanoUsd) {
        return BigDecimal.valueOf(nanoUsd, 9)
                .setScale(SHOWN_DECIMALS, RoundingMode.HALF_UP)
                .toPlainString();
    }
}
