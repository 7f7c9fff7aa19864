package dev.tinyvm.manager;

import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.AgentSpec;
import dev.tinyvm.spec.EngineChoice;
import dev.tinyvm.spec.Health;
import dev.tinyvm.spec.Metadata;
import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Restart;
import dev.tinyvm.spec.Volume;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Descriptors and maps as bytes for the database. Not the descriptor's own text: what a door accepted once must come back as it was even when
 * a later version's reader is stricter, and a thousand of them are read at a start. The first byte is the version; a later version reads all earlier ones.
 */
final class AgentCodec {
    private static final int VERSION = 1;

    private AgentCodec() {}

    static byte[] encode(Agent agent) {
        return bytes(out -> {
            out.writeByte(VERSION);
            writeText(out, agent.metadata().name());
            writeMap(out, agent.metadata().labels());
            AgentSpec spec = agent.spec();
            writeText(out, spec.image());
            writeText(out, spec.engine().name());
            writeList(out, spec.command());
            writeMap(out, spec.env());
            writeText(out, spec.workingDir());
            writeText(out, spec.user());
            out.writeInt(spec.resources().cpuMillis());
            out.writeLong(spec.resources().memoryBytes());
            out.writeLong(spec.resources().diskBytes());
            out.writeInt(spec.resources().pids());
            out.writeInt(spec.volumes().size());
            for (Volume volume : spec.volumes()) {
                writeText(out, volume.hostPath());
                writeText(out, volume.mountPath());
                out.writeBoolean(volume.readOnly());
            }
            writeRestart(out, spec.restart());
            out.writeBoolean(spec.health().isPresent());
            if (spec.health().isPresent()) {
                writeHealth(out, spec.health().get());
            }
            writeDuration(out, spec.stopGracePeriod());
            out.writeInt(spec.replicas());
        });
    }

    /** Equal for equal descriptors. */
    static String fingerprint(Agent agent) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(encode(agent));
            return HexFormat.of().formatHex(hash, 0, 16);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    static Agent decode(byte[] bytes) {
        return parse(bytes, in -> {
            int version = in.readByte();
            if (version != VERSION) {
                throw new IOException("a descriptor of format " + version + "; this version reads " + VERSION);
            }
            Metadata metadata = new Metadata(readText(in), readMap(in));
            AgentSpec spec = new AgentSpec(
                    readText(in),
                    EngineChoice.valueOf(readText(in)),
                    readList(in),
                    readMap(in),
                    readText(in),
                    readText(in),
                    new Resources(in.readInt(), in.readLong(), in.readLong(), in.readInt()),
                    readVolumes(in),
                    readRestart(in),
                    in.readBoolean() ? Optional.of(readHealth(in)) : Optional.empty(),
                    readDuration(in),
                    in.readInt());
            return new Agent(metadata, spec);
        });
    }

    static byte[] encodeMap(Map<String, String> map) {
        return bytes(out -> writeMap(out, map));
    }

    static Map<String, String> decodeMap(byte[] bytes) {
        return parse(bytes, AgentCodec::readMap);
    }

    private static void writeRestart(DataOutputStream out, Restart restart) throws IOException {
        writeText(out, restart.policy().name());
        out.writeInt(restart.maxRestarts());
        writeDuration(out, restart.window());
        writeDuration(out, restart.backoff());
        writeDuration(out, restart.maxBackoff());
        out.writeLong(restart.maxMemoryBytes().orElse(-1));
    }

    private static Restart readRestart(DataInputStream in) throws IOException {
        Restart.Policy policy = Restart.Policy.valueOf(readText(in));
        int maxRestarts = in.readInt();
        Duration window = readDuration(in);
        Duration backoff = readDuration(in);
        Duration maxBackoff = readDuration(in);
        long memory = in.readLong();
        return new Restart(
                policy,
                maxRestarts,
                window,
                backoff,
                maxBackoff,
                memory < 0 ? OptionalLong.empty() : OptionalLong.of(memory));
    }

    private static void writeHealth(DataOutputStream out, Health health) throws IOException {
        switch (health.check()) {
            case Health.Exec exec -> {
                out.writeByte(0);
                writeList(out, exec.command());
            }
            case Health.Tcp tcp -> {
                out.writeByte(1);
                out.writeInt(tcp.port());
            }
            case Health.Http http -> {
                out.writeByte(2);
                out.writeInt(http.port());
                writeText(out, http.path());
            }
        }
        writeDuration(out, health.interval());
        writeDuration(out, health.timeout());
        writeDuration(out, health.startPeriod());
        out.writeInt(health.retries());
    }

    private static Health readHealth(DataInputStream in) throws IOException {
        int kind = in.readByte();
        Health.Check check = switch (kind) {
            case 0 -> new Health.Exec(readList(in));
            case 1 -> new Health.Tcp(in.readInt());
            case 2 -> new Health.Http(in.readInt(), readText(in));
            default -> throw new IOException("health check of kind " + kind);
        };
        return new Health(check, readDuration(in), readDuration(in), readDuration(in), in.readInt());
    }

    private static List<Volume> readVolumes(DataInputStream in) throws IOException {
        List<Volume> volumes = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            volumes.add(new Volume(readText(in), readText(in), in.readBoolean()));
        }
        return volumes;
    }

    private static void writeDuration(DataOutputStream out, Duration duration) throws IOException {
        out.writeLong(duration.getSeconds());
        out.writeInt(duration.getNano());
    }

    private static Duration readDuration(DataInputStream in) throws IOException {
        return Duration.ofSeconds(in.readLong(), in.readInt());
    }

    private static void writeList(DataOutputStream out, List<String> list) throws IOException {
        out.writeInt(list.size());
        for (String text : list) {
            writeText(out, text);
        }
    }

    private static List<String> readList(DataInputStream in) throws IOException {
        List<String> list = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            list.add(readText(in));
        }
        return list;
    }

    private static void writeMap(DataOutputStream out, Map<String, String> map) throws IOException {
        out.writeInt(map.size());
        for (Map.Entry<String, String> entry : map.entrySet()) {
            writeText(out, entry.getKey());
            writeText(out, entry.getValue());
        }
    }

    private static Map<String, String> readMap(DataInputStream in) throws IOException {
        Map<String, String> map = new LinkedHashMap<>();
        for (int left = in.readInt(); left > 0; left--) {
            map.put(readText(in), readText(in));
        }
        return map;
    }

    private static void writeText(DataOutputStream out, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    private static String readText(DataInputStream in) throws IOException {
        return new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8);
    }

    private static byte[] bytes(Writing writing) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
        try {
            writing.to(new DataOutputStream(bytes));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    private static <T> T parse(byte[] bytes, Reading<T> reading) {
        try {
            return reading.from(new DataInputStream(new ByteArrayInputStream(bytes)));
        } catch (IOException | IllegalArgumentException e) {
            throw new ManagerException(
                    ManagerException.Code.FAILED, "could not read a stored descriptor: " + e.getMessage(), e);
        }
    }

    private interface Writing {
        void to(DataOutputStream out) throws IOException;
    }

    private interface Reading<T> {
        T from(DataInputStream in) throws IOException;
    }
}
