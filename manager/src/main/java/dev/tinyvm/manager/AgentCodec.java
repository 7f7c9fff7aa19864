package dev.tinyvm.manager;

import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.AgentSpec;
import dev.tinyvm.spec.AgentSpecBuilder;
import dev.tinyvm.spec.Budget;
import dev.tinyvm.spec.EngineChoice;
import dev.tinyvm.spec.Health;
import dev.tinyvm.spec.Idle;
import dev.tinyvm.spec.Llm;
import dev.tinyvm.spec.Metadata;
import dev.tinyvm.spec.Network;
import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Restart;
import dev.tinyvm.spec.Trust;
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
    private static final int VERSION = 6;
    /** What a descriptor without a routed interface is written as, so that its fingerprint is that of the versions before. */
    private static final int WITHOUT_INTERFACE = 5;

    private AgentCodec() {}

    static byte[] encode(Agent agent) {
        return bytes(out -> {
            out.writeByte(agent.spec().network().routed() ? VERSION : WITHOUT_INTERFACE);
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
            writeNetwork(out, spec.network());
            writeLlm(out, spec.llm());
            writeIdle(out, spec.idle());
            writeText(out, spec.trust().name());
            out.writeLong(spec.budget().nanoUsd().orElse(-1));
            for (Volume volume : spec.volumes()) {
                writeText(out, volume.name());
                out.writeLong(volume.sizeBytes().orElse(-1));
            }
            out.writeBoolean(spec.resources().memoryMerge());
            if (spec.network().routed()) {
                writeText(out, spec.network().attachment().name());
            }
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
            if (version < 1 || version > VERSION) {
                throw new IOException("a descriptor of format " + version + "; this version reads 1 to " + VERSION);
            }
            Metadata metadata = new Metadata(readText(in), readMap(in));
            AgentSpecBuilder spec = AgentSpec.of(readText(in))
                    .change()
                    .engine(EngineChoice.valueOf(readText(in)))
                    .command(readList(in))
                    .env(readMap(in))
                    .workingDir(readText(in))
                    .user(readText(in))
                    .resources(new Resources(in.readInt(), in.readLong(), in.readLong(), in.readInt()))
                    .volumes(readVolumes(in))
                    .restart(readRestart(in))
                    .health(in.readBoolean() ? Optional.of(readHealth(in)) : Optional.empty())
                    .stopGracePeriod(readDuration(in))
                    .replicas(in.readInt());
            if (version >= 2) {
                spec.network(readNetwork(in, version)).llm(readLlm(in)).idle(readIdle(in));
            }
            if (version >= 3) {
                spec.trust(Trust.valueOf(readText(in)));
            }
            if (version >= 4) {
                spec.budget(new Budget(readOptional(in)));
            }
            if (version >= 5) {
                AgentSpec so = spec.build();
                List<Volume> volumes = new ArrayList<>();
                for (Volume volume : so.volumes()) {
                    String name = readText(in);
                    long size = in.readLong();
                    volumes.add(new Volume(
                            name,
                            volume.hostPath(),
                            volume.mountPath(),
                            volume.readOnly(),
                            size < 0 ? OptionalLong.empty() : OptionalLong.of(size)));
                }
                Resources r = so.resources();
                spec.volumes(volumes)
                        .resources(new Resources(
                                r.cpuMillis(), r.memoryBytes(), r.diskBytes(), r.pids(), in.readBoolean()));
            }
            if (version >= 6) {
                Network.Attachment attachment = Network.Attachment.valueOf(readText(in));
                spec.network(spec.build().network().with(attachment));
            }
            return new Agent(metadata, spec.build());
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
        return new Restart(policy, maxRestarts, window, backoff, maxBackoff, readOptional(in));
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

    private static void writeNetwork(DataOutputStream out, Network network) throws IOException {
        out.writeInt(network.egress().size());
        for (Network.Egress rule : network.egress()) {
            writeText(out, rule.host());
            writeText(out, rule.cidr());
            out.writeInt(rule.ports().size());
            for (int port : rule.ports()) {
                out.writeInt(port);
            }
            out.writeBoolean(rule.deny());
            writeText(out, rule.credential().orElse(""));
        }
    }

    private static Network readNetwork(DataInputStream in, int version) throws IOException {
        List<Network.Egress> rules = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            String host = readText(in);
            String cidr = readText(in);
            List<Integer> ports = new ArrayList<>();
            for (int more = in.readInt(); more > 0; more--) {
                ports.add(in.readInt());
            }
            boolean deny = version >= 5 && in.readBoolean();
            Optional<String> credential =
                    version >= 5 ? Optional.of(readText(in)).filter(name -> !name.isEmpty()) : Optional.empty();
            rules.add(new Network.Egress(host, cidr, ports, deny, credential));
        }
        return new Network(rules);
    }

    private static void writeLlm(DataOutputStream out, Llm llm) throws IOException {
        writeList(out, llm.models());
        for (OptionalLong number : List.of(
                llm.budget().nanoUsd(),
                llm.budget().tokens(),
                llm.budget().requests(),
                llm.requestsPerMinute(),
                llm.tokensPerMinute())) {
            out.writeLong(number.orElse(-1));
        }
    }

    private static Llm readLlm(DataInputStream in) throws IOException {
        List<String> models = readList(in);
        Llm.Budget budget = new Llm.Budget(readOptional(in), readOptional(in), readOptional(in));
        return new Llm(models, budget, readOptional(in), readOptional(in));
    }

    private static void writeIdle(DataOutputStream out, Idle idle) throws IOException {
        out.writeBoolean(idle.freezeOnLlm());
        writeDuration(out, idle.pauseAfter().orElse(Duration.ZERO));
        writeDuration(out, idle.stopAfter().orElse(Duration.ZERO));
    }

    private static Idle readIdle(DataInputStream in) throws IOException {
        return new Idle(in.readBoolean(), readUnlessZero(in), readUnlessZero(in));
    }

    private static Optional<Duration> readUnlessZero(DataInputStream in) throws IOException {
        return Optional.of(readDuration(in)).filter(duration -> !duration.isZero());
    }

    private static OptionalLong readOptional(DataInputStream in) throws IOException {
        long number = in.readLong();
        return number < 0 ? OptionalLong.empty() : OptionalLong.of(number);
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
