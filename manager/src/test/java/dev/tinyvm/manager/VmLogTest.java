package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.manager.Manager.LogLine;
import dev.tinyvm.manager.Manager.LogQuery;
import dev.tinyvm.manager.Manager.LogStream;
import dev.tinyvm.manager.VmLog.Position;
import dev.tinyvm.spec.ManagerConfig.Logs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VmLogTest {
    private static final MainRun RUN = new MainRun(1, 1);

    @TempDir
    Path data;

    private final ManualTiming timing = new ManualTiming();

    @Test
    void linesComeBackWithTimeAndStream() throws Exception {
        VmLog log = log(Logs.DEFAULT);
        log.resume(RUN);
        append(log, false, 0, "one\ntw");
        timing.advance(Duration.ofSeconds(1));
        append(log, true, 0, "bad\n");
        assertThat(append(log, false, 6, "o\n")).isEqualTo(new Position(8, 4));
        log.say("restarting");
        assertThat(all(log)).extracting(LogLine::stream).containsExactly("stdout", "stderr", "stdout", "system");
        assertThat(texts(log)).containsExactly("one", "bad", "two", "restarting");
        assertThat(all(log).get(1).at()).isEqualTo(timing.now());
    }

    @Test
    void aLineWithoutItsEndIsNotAcknowledgedUntilTheProcessEnds() throws Exception {
        VmLog log = log(Logs.DEFAULT);
        log.resume(RUN);
        assertThat(append(log, false, 0, "a\npart")).isEqualTo(new Position(2, 0));
        assertThat(texts(log)).containsExactly("a");
        log.finish();
        assertThat(texts(log)).containsExactly("a", "part");
    }

    @Test
    void aHeldLineDoesNotHoldUpTheOtherStream() throws Exception {
        VmLog log = log(Logs.DEFAULT);
        log.resume(RUN);
        append(log, false, 0, "prompt> ");
        String line = "x".repeat(1_023) + "\n";
        Position last = new Position(0, 0);
        for (int i = 0; i < 100; i++) {
            last = append(log, true, i * 1_024L, line);
        }
        assertThat(last).isEqualTo(new Position(8, 100 * 1_024L));
    }

    @Test
    void anyBytesAndLongLinesSurvive() throws Exception {
        VmLog log = log(Logs.DEFAULT);
        log.resume(RUN);
        byte[] bytes = new byte[70_000];
        Arrays.fill(bytes, (byte) 'y');
        bytes[0] = 0;
        bytes[1] = '\r';
        bytes[bytes.length - 1] = '\n';
        log.append(false, 0, Arrays.copyOf(bytes, 30_000));
        Position position = log.append(false, 30_000, Arrays.copyOfRange(bytes, 30_000, bytes.length));
        assertThat(position.stdout()).isEqualTo(bytes.length);
        List<LogLine> lines = all(log);
        assertThat(lines).allSatisfy(l -> assertThat(l.text().length()).isLessThanOrEqualTo(16 << 10));
        assertThat(lines.stream().map(LogLine::text).collect(Collectors.joining()))
                .isEqualTo(new String(bytes, 0, bytes.length - 1, StandardCharsets.ISO_8859_1));
        assertThat(append(log, true, 0, " spaces  stay \n\n").stderr()).isEqualTo(16);
        assertThat(texts(log)).endsWith(" spaces  stay ", "");
    }

    @Test
    void aLineOfExactlyTheLimitIsOneLine() throws Exception {
        VmLog log = log(Logs.DEFAULT);
        log.resume(RUN);
        String most = "m".repeat(LogEntry.MAX_CONTENT_BYTES);
        append(log, false, 0, most + "\nx\n");
        assertThat(texts(log)).containsExactly(most, "x");
    }

    @Test
    void cutAnywhereTheNextManagerGoesOnWithoutLossOrDouble() throws Exception {
        Random random = new Random(42);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 60; i++) {
            text.append(i).append('-').append("z".repeat(random.nextInt(40))).append('\n');
        }
        byte[] output = text.toString().getBytes(StandardCharsets.UTF_8);
        for (int round = 0; round < 200; round++) {
            Path directory = data.resolve("r" + round);
            VmLog first = new VmLog(directory, new Logs(600, 100), timing);
            long from = first.resume(RUN).stdout();
            int end = random.nextInt(output.length);
            for (int at = 0; at < end; at += 37) {
                first.append(false, from + at, Arrays.copyOfRange(output, at, Math.min(end, at + 37)));
            }
            first.close();
            tear(directory, random);
            VmLog next = new VmLog(directory, new Logs(600, 100), timing);
            int resumed = (int) next.resume(RUN).stdout();
            next.append(false, resumed, Arrays.copyOfRange(output, resumed, output.length));
            assertThat(String.join("\n", texts(next)) + "\n")
                    .as("round " + round)
                    .isEqualTo(text.toString());
        }
    }

    @Test
    void whatComesTwiceIsWrittenOnce() throws Exception {
        VmLog log = log(Logs.DEFAULT);
        log.resume(RUN);
        append(log, false, 0, "a\nb\n");
        append(log, false, 2, "b\nc\n");
        assertThat(texts(log)).containsExactly("a", "b", "c");
        assertThat(log.resume(new MainRun(1, 2))).isEqualTo(new Position(0, 0));
    }

    @Test
    void aFloodStaysWithinItsFiles() throws Exception {
        VmLog log = log(new Logs(64 << 10, 3));
        log.resume(RUN);
        byte[] chunk = ("0123456789".repeat(6) + "abc\n").repeat(512).getBytes(StandardCharsets.US_ASCII);
        long offset = 0;
        for (int i = 0; i < 200; i++) {
            log.append(false, offset, chunk);
            offset += chunk.length;
        }
        try (var files = Files.list(log.directory())) {
            assertThat(files.mapToLong(f -> f.toFile().length()).sum())
                    .isLessThan(3 * ((64 << 10) + 2L * chunk.length));
        }
        assertThat(all(log)).isNotEmpty();
    }

    @Test
    void theTailReadsFromTheEnd() throws Exception {
        VmLog log = log(new Logs(1_000, 100));
        log.resume(RUN);
        long offset = 0;
        for (int i = 0; i < 200; i++) {
            byte[] line = (i + "\n").getBytes(StandardCharsets.US_ASCII);
            log.append(false, offset, line);
            offset += line.length;
            timing.advance(Duration.ofSeconds(1));
        }
        for (int tail : List.of(0, 1, 5, 20, 57, 199, 200, 500)) {
            int first = Math.max(0, 200 - tail);
            assertThat(Fixture.drain(log.read(new LogQuery(tail, Optional.empty(), false))))
                    .as("tail " + tail)
                    .extracting(LogLine::text)
                    .containsExactlyElementsOf(IntStream.range(first, 200)
                            .mapToObj(Integer::toString)
                            .toList());
        }
        Instant since = timing.now().minusSeconds(30);
        assertThat(Fixture.drain(log.read(new LogQuery(-1, Optional.of(since), false))))
                .hasSize(30);
        assertThat(Fixture.drain(log.read(new LogQuery(10, Optional.of(since), false))))
                .hasSize(10);
    }

    @Test
    void aFollowerSeesNewLinesAndEndsWithTheLog() throws Exception {
        VmLog log = log(new Logs(200, 2));
        log.resume(RUN);
        append(log, false, 0, "old\n");
        try (LogStream stream = log.read(new LogQuery(0, Optional.empty(), true))) {
            assertThat(stream.next(Duration.ZERO)).isEmpty();
            assertThat(stream.ended()).isFalse();
            Thread writer = Thread.startVirtualThread(() -> {
                try {
                    append(log, false, 4, "new\n");
                } catch (IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            });
            assertThat(stream.next(Fixture.PATIENCE).map(LogLine::text)).contains("new");
            writer.join();
            long offset = 8;
            for (int i = 0; i < 50; i++) {
                offset = append(log, false, offset, "line " + i + "\n").stdout();
            }
            List<String> seen = new java.util.ArrayList<>();
            for (Optional<LogLine> l = stream.next(Duration.ZERO); l.isPresent(); l = stream.next(Duration.ZERO)) {
                seen.add(l.get().stream().equals("system") ? "gap" : l.get().text());
            }
            assertThat(seen).contains("gap").endsWith("line 49");
            log.close();
            assertThat(stream.next(Fixture.PATIENCE)).isEmpty();
            assertThat(stream.ended()).isTrue();
        }
    }

    @Test
    void aLogThatCannotBeWrittenTakesItLater() throws Exception {
        VmLog log = log(Logs.DEFAULT);
        log.resume(RUN);
        append(log, false, 0, "held");
        Files.writeString(log.directory(), "a file where the directory should be");
        org.assertj.core.api.Assertions.assertThatThrownBy(() -> append(log, false, 4, " line\n"))
                .isInstanceOf(IOException.class);
        Files.delete(log.directory());
        assertThat(append(log, false, 4, " line\n")).isEqualTo(new Position(10, 0));
        assertThat(texts(log)).containsExactly("held line");
    }

    @Test
    void aNewLogIsWrittenReadAndRemovedLikeOthers() throws Exception {
        VmLog log = log(Logs.DEFAULT);
        log.isNew();
        assertThat(log.resume(RUN)).isEqualTo(new Position(0, 0));
        append(log, false, 0, "one\n");
        assertThat(texts(log)).containsExactly("one");
        assertThat(log(Logs.DEFAULT).resume(RUN)).isEqualTo(new Position(4, 0));
        log.remove();
        assertThat(log.directory()).doesNotExist();
    }

    @Test
    void whatAnEarlierManagerWroteIsRemovedToo() throws Exception {
        VmLog first = log(Logs.DEFAULT);
        first.resume(RUN);
        append(first, false, 0, "one\n");
        VmLog next = log(Logs.DEFAULT);
        next.remove();
        assertThat(next.directory()).doesNotExist();
    }

    private VmLog log(Logs limits) {
        return new VmLog(data.resolve("log"), limits, timing);
    }

    private static void tear(Path directory, Random random) throws IOException {
        List<Long> numbers = LogFiles.numbers(directory);
        if (!numbers.isEmpty() && random.nextBoolean()) {
            byte[] torn = "1772366400000000 o 1.1 99999 0 torn".getBytes(StandardCharsets.US_ASCII);
            Files.write(
                    LogFiles.path(directory, numbers.getLast()),
                    Arrays.copyOf(torn, random.nextInt(torn.length)),
                    StandardOpenOption.APPEND);
        } else if (!numbers.isEmpty()) {
            Files.createFile(LogFiles.path(directory, numbers.getLast() + 1));
        }
    }

    private static Position append(VmLog log, boolean stderr, long offset, String text) throws IOException {
        return log.append(stderr, offset, text.getBytes(StandardCharsets.UTF_8));
    }

    private static List<LogLine> all(VmLog log) {
        return Fixture.drain(log.read(new LogQuery(-1, Optional.empty(), false)));
    }

    private static List<String> texts(VmLog log) {
        return all(log).stream().map(LogLine::text).toList();
    }
}
