package dev.tinyvm.network;

import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What one Tiny VM was told of names: the kernel, which sees only addresses, lets it reach these over its routed interface. Each is kept for {@link #KEPT} from the last answer,
 * longer while a connection to it is open; of more than {@value #MOST} the oldest go.
 *
 * <p>Kept in a file, too, so that connections outlive the manager; the file is written before the kernel is told, and one that is lost costs a new look-up. The monitor guards all.
 */
final class AnsweredNames {
    /** Longer than any answer of this proxy may be kept by who gets it. */
    static final Duration KEPT = Duration.ofMinutes(10);

    static final int MOST = 512;

    private static final Logger LOG = LoggerFactory.getLogger(AnsweredNames.class);
    private static final Pattern LINE =
            Pattern.compile("([0-9]{1,12}) ([a-z0-9_.-]{1,253}) ([0-9]{1,3}(?:\\.[0-9]{1,3}){3})");

    private final Path file;
    private final Clock clock;
    /** Least recently answered first. */
    private final Map<Answer, Kept> all = new LinkedHashMap<>();

    private long version;

    AnsweredNames(Path file, Clock clock) {
        this.file = file;
        this.clock = clock;
        read();
    }

    /** A name and one of its addresses. */
    record Answer(String name, InetAddress address) {}

    /** @param version of the whole when it came */
    private record Kept(long untilSecond, long version) {}

    /** Takes an answer that is about to be given. @return the version from which on all of it is there; 0: nothing of it concerns a routed interface */
    synchronized long add(String name, Collection<InetAddress> addresses) {
        long needed = 0;
        boolean grown = false;
        long until = clock.instant().plus(KEPT).getEpochSecond();
        for (InetAddress address : addresses) {
            if (!(address instanceof Inet4Address)) {
                continue;
            }
            Answer answer = new Answer(name, address);
            Kept known = all.remove(answer);
            if (known == null) {
                version++;
                grown = true;
            }
            Kept now = new Kept(until, known == null ? version : known.version);
            all.put(answer, now);
            needed = Math.max(needed, now.version);
        }
        while (all.size() > MOST) {
            all.remove(all.keySet().iterator().next());
        }
        if (grown) {
            write();
        }
        return needed;
    }

    /** Rises with each answer that is new. */
    synchronized long version() {
        return version;
    }

    synchronized List<Answer> all() {
        return List.copyOf(all.keySet());
    }

    /** Forgets what is too old and leads nowhere. @param inUse addresses of open connections @return whether there was any */
    synchronized boolean forgetOld(Collection<InetAddress> inUse) {
        long now = clock.instant().getEpochSecond();
        boolean changed = all.entrySet()
                .removeIf(e -> e.getValue().untilSecond <= now
                        && !inUse.contains(e.getKey().address()));
        if (changed) {
            write();
        }
        return changed;
    }

    synchronized boolean anyOld() {
        long now = clock.instant().getEpochSecond();
        return all.values().stream().anyMatch(kept -> kept.untilSecond <= now);
    }

    synchronized void clear() {
        all.clear();
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            LOG.warn("could not remove {}: {}", file, e.getMessage());
        }
    }

    private void write() {
        String text = all.entrySet().stream()
                .map(e -> e.getValue().untilSecond + " " + e.getKey().name() + " "
                        + e.getKey().address().getHostAddress() + "\n")
                .collect(Collectors.joining());
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        try {
            Files.createDirectories(file.getParent());
            Files.writeString(fresh, text, StandardCharsets.US_ASCII);
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            LOG.warn("{} could not be written: the next manager will not know these names: {}", file, e.getMessage());
        }
    }

    private void read() {
        List<String> lines;
        try {
            if (Files.notExists(file)) {
                return;
            }
            lines = Files.readAllLines(file, StandardCharsets.US_ASCII);
        } catch (IOException e) {
            LOG.warn("{} could not be read: names have to be looked up anew: {}", file, e.getMessage());
            return;
        }
        List<String> wrong = new ArrayList<>();
        for (String line : lines.subList(0, Math.min(lines.size(), MOST))) {
            var fields = LINE.matcher(line);
            Optional<InetAddress> address = fields.matches() ? address(fields.group(3)) : Optional.empty();
            if (address.isEmpty()) {
                wrong.add(line);
            } else {
                version++;
                all.put(new Answer(fields.group(2), address.get()), new Kept(Long.parseLong(fields.group(1)), version));
            }
        }
        if (!wrong.isEmpty()) {
            LOG.warn("{} has {} lines that are none", file, wrong.size());
        }
    }

    /** Only of what has been matched: any other text would be looked up. */
    private static Optional<InetAddress> address(String text) {
        try {
            return Optional.of(InetAddress.getByName(text));
        } catch (UnknownHostException e) {
            return Optional.empty();
        }
    }
}
