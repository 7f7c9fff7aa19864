package dev.tinyvm.cli;

import dev.tinyvm.cli.text.Style;
import dev.tinyvm.sdk.ItemStream;
import dev.tinyvm.sdk.LogEntry;
import dev.tinyvm.sdk.LogFilter;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.VmInfo;
import dev.tinyvm.spec.Quantities;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm logs}. */
@Command(
        description = {
            "Print what the main processes said: their stdout here on stdout, their stderr and the manager's own remarks on stderr.",
            "Lines of an agent with several replicas are merged by time, each behind its Tiny VM's name."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  tinyvm logs researcher",
            "  tinyvm logs -f --tail 20 researcher-0",
            "  tinyvm logs --since 10m -t researcher"
        })
final class LogsCommand extends ClientCommand {
    /** Lines on their way to the printer while following. */
    private static final int QUEUE_LINES = 4096;

    @Parameters(paramLabel = "NAME", description = "An agent, or a Tiny VM by id or name.")
    String name = "";

    @Option(
            names = {"-f", "--follow"},
            description = "Go on as new lines come.")
    boolean follow;

    @Option(
            names = {"-n", "--tail"},
            paramLabel = "N",
            description = "Only the last N lines of each Tiny VM.")
    @Nullable
    Integer tail;

    @Option(
            names = "--since",
            paramLabel = "TIME",
            description = "Only from then on: 10m (ago), or 2026-01-31T12:00:00Z.")
    @Nullable
    String since;

    @Option(
            names = {"-t", "--timestamps"},
            description = "Print the time before each line.")
    boolean timestamps;

    @Option(names = "--json", description = "Print one JSON object a line.")
    boolean json;

    LogsCommand(Shell shell) {
        super(shell);
    }

    @Override
    int run(TinyVmClient client) throws InterruptedException {
        List<VmInfo> vms = Target.find(client, name).vms();
        if (tail != null && tail < 0) {
            throw new CliException(ExitCode.USAGE, "--tail " + tail + " is negative");
        }
        LogFilter filter = new LogFilter(
                tail == null ? -1 : tail, since == null ? Optional.empty() : Optional.of(instant(since)), follow);
        List<Source> sources = new ArrayList<>();
        try {
            for (VmInfo vm : vms) {
                sources.add(new Source(vms.size() > 1 || json ? vm.name() : "", client.logs(vm.id(), filter)));
            }
            return follow && sources.size() > 1 ? follow(sources) : merge(sources);
        } finally {
            sources.forEach(s -> s.lines.close());
        }
    }

    /** All kept lines in the order of their times. With one source, in its own order for as long as it lasts. */
    private int merge(List<Source> sources) {
        PriorityQueue<Head> heads = new PriorityQueue<>(Comparator.comparing(h -> h.entry.at()));
        for (Source source : sources) {
            if (source.lines.hasNext()) {
                heads.add(new Head(source.lines.next(), source));
            }
        }
        for (Head head = heads.poll(); head != null; head = heads.poll()) {
            print(head.source.name, head.entry);
            if (shell.out().checkError()) {
                return ExitCode.OK;
            }
            if (head.source.lines.hasNext()) {
                heads.add(new Head(head.source.lines.next(), head.source));
            }
        }
        return ExitCode.OK;
    }

    /** One reader for each; what has come together is sorted by time. */
    private int follow(List<Source> sources) throws InterruptedException {
        LinkedBlockingQueue<Arrival> arrivals = new LinkedBlockingQueue<>(QUEUE_LINES);
        for (Source source : sources) {
            Thread.ofVirtual().start(() -> {
                try {
                    while (source.lines.hasNext()) {
                        arrivals.put(new Arrival(source.name, source.lines.next(), null));
                    }
                    arrivals.put(new Arrival(source.name, null, null));
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                } catch (RuntimeException e) {
                    arrivals.offer(new Arrival(source.name, null, e));
                }
            });
        }
        int open = sources.size();
        List<Arrival> batch = new ArrayList<>();
        while (open > 0) {
            batch.clear();
            batch.add(arrivals.take());
            arrivals.drainTo(batch);
            batch.sort(Comparator.comparing(a -> a.entry == null ? Instant.MAX : a.entry.at()));
            for (Arrival arrival : batch) {
                if (arrival.failure != null) {
                    throw arrival.failure;
                }
                if (arrival.entry == null) {
                    open--;
                } else {
                    print(arrival.name, arrival.entry);
                }
            }
            if (shell.out().checkError()) {
                return ExitCode.OK;
            }
        }
        return ExitCode.OK;
    }

    private void print(String vm, LogEntry entry) {
        if (json) {
            JsonOutput.printLine(shell.out(), new JsonLine(vm, entry.at(), entry.stream(), entry.text()));
            return;
        }
        boolean plain = entry.stream().equals("stdout");
        Style style = plain ? shell.style() : shell.errorStyle();
        String line = (vm.isEmpty() ? "" : style.paint(Style.Look.CYAN, vm) + " | ")
                + (timestamps ? entry.at() + " " : "")
                + (entry.stream().equals("system")
                        ? style.paint(Style.Look.DIM, "[tinyvm] " + entry.text())
                        : entry.text());
        (plain ? shell.out() : shell.err()).println(line);
    }

    /** {@code 10m} before now, or a time. */
    static Instant instant(String text) {
        return instant("--since", text);
    }

    /** {@code 10m} before now, or a time. @param option for the message when it is neither */
    static Instant instant(String option, String text) {
        try {
            return OffsetDateTime.parse(text).toInstant();
        } catch (DateTimeException notATime) {
            return Instant.now().minus(ResizeCommand.quantity(option, text, Quantities::parseDuration));
        }
    }

    private record Source(String name, ItemStream<LogEntry> lines) {}

    private record Head(LogEntry entry, Source source) {}

    /** A line, or without one the end or the failure of a source. */
    private record Arrival(
            String name, @Nullable LogEntry entry, @Nullable RuntimeException failure) {}

    /** As printed by {@code --json}. */
    record JsonLine(String vm, Instant at, String stream, String text) {}
}
