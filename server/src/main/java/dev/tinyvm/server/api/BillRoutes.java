package dev.tinyvm.server.api;

import dev.tinyvm.ledger.Amounts;
import dev.tinyvm.ledger.Bill;
import dev.tinyvm.ledger.BillQuery;
import dev.tinyvm.ledger.BillQuery.By;
import dev.tinyvm.ledger.Measure;
import dev.tinyvm.ledger.RecordQuery;
import dev.tinyvm.ledger.UsageRecord;
import dev.tinyvm.manager.Manager;
import dev.tinyvm.server.http.Call;
import dev.tinyvm.server.http.HttpError;
import dev.tinyvm.server.http.Route;
import dev.tinyvm.server.http.Router;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import tools.jackson.core.JsonGenerator;

/** What was used and what it costs. */
final class BillRoutes {
    private static final int NANO_DIGITS = 9;
    private static final int DEFAULT_LIMIT = 1_000;
    private static final String LABEL = "label=";

    private final Manager manager;

    BillRoutes(Manager manager) {
        this.manager = manager;
    }

    void mount(Router router, String base) {
        router.add(Route.of("GET", base + "/bill", this::bill));
        router.add(Route.of("GET", base + "/usage", this::usage));
    }

    private void bill(Call call) {
        String by = call.query("by").orElse("agent");
        BillQuery query = new BillQuery(
                by(by),
                by.startsWith(LABEL) ? by.substring(LABEL.length()) : "",
                time(call, "since"),
                time(call, "until"),
                named(call, "agent"),
                named(call, "vm"));
        call.takesLong();
        Bill bill = manager.bill(query);
        call.json(200, g -> {
            g.writeStartObject();
            g.writeStringProperty("by", by);
            VmJson.instant(g, "since", query.since());
            VmJson.instant(g, "until", query.until());
            g.writeStringProperty("currency", "USD");
            g.writeArrayPropertyStart("lines");
            for (Bill.Line line : bill.lines()) {
                g.writeStartObject();
                g.writeStringProperty("name", line.name());
                g.writeStringProperty("detail", line.detail());
                amounts(g, "amounts", line.amounts());
                g.writeEndObject();
            }
            g.writeEndArray();
            amounts(g, "total", bill.total());
            g.writeEndObject();
        });
    }

    private void usage(Call call) {
        RecordQuery query = new RecordQuery(
                call.number("after", 0, Long.MAX_VALUE, 0),
                (int) call.number("limit", 1, RecordQuery.MAX_LIMIT, DEFAULT_LIMIT),
                time(call, "since"),
                time(call, "until"),
                named(call, "agent"),
                named(call, "vm"));
        List<UsageRecord> records = manager.usage(query);
        call.json(200, g -> {
            g.writeStartObject();
            g.writeArrayPropertyStart("records");
            records.forEach(record -> record(g, record));
            g.writeEndArray();
            g.writeEndObject();
        });
    }

    private static void record(JsonGenerator g, UsageRecord record) {
        g.writeStartObject();
        g.writeNumberProperty("number", record.number());
        g.writeStringProperty("from", record.from().toString());
        g.writeStringProperty("to", record.to().toString());
        g.writeStringProperty("vm", record.account().vm());
        g.writeStringProperty("vmName", record.account().vmName());
        g.writeStringProperty("agent", record.account().agent());
        g.writeObjectPropertyStart("labels");
        record.account().labels().forEach(g::writeStringProperty);
        g.writeEndObject();
        g.writeStringProperty("key", record.account().key());
        g.writeStringProperty("model", record.model());
        amounts(g, "amounts", record.amounts());
        g.writeEndObject();
    }

    private static void amounts(JsonGenerator g, String name, Amounts amounts) {
        g.writeObjectPropertyStart(name);
        g.writeStringProperty("usd", usd(amounts.nanoUsd()));
        g.writeNumberProperty("nanoUsd", amounts.nanoUsd());
        for (Measure measure : Measure.values()) {
            g.writeNumberProperty(measure.word(), amounts.get(measure));
        }
        g.writeEndObject();
    }

    /** Exact, with all nine decimals. */
    private static String usd(long nanoUsd) {
        return BigDecimal.valueOf(nanoUsd, NANO_DIGITS).toPlainString();
    }

    private static By by(String text) {
        if (text.startsWith(LABEL) && text.length() > LABEL.length()) {
            return By.LABEL;
        }
        return Arrays.stream(By.values())
                .filter(by -> by != By.LABEL && by.word().equals(text))
                .findFirst()
                .orElseThrow(() -> HttpError.invalid("the query parameter 'by' is '" + text + "'; it must be one of "
                        + Arrays.stream(By.values())
                                .map(by -> by == By.LABEL ? LABEL + "KEY" : by.word())
                                .collect(Collectors.joining(", "))));
    }

    private static Optional<String> named(Call call, String parameter) {
        return call.query(parameter).filter(text -> !text.isEmpty());
    }

    private static Optional<Instant> time(Call call, String parameter) {
        return call.query(parameter).map(text -> StreamRoutes.instant(parameter, text));
    }
}
