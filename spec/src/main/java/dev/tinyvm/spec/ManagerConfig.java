package dev.tinyvm.spec;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * The manager's configuration, {@code tinyvm.yaml}. No secret stands in it.
 *
 * @param capacityCpuMillis CPU that may be promised in all; empty: chosen from the machine
 * @param capacityMemoryBytes memory that may be promised in all; empty: chosen from the machine
 * @param volumeHostPaths absolute directories under which descriptors may mount
 * @param logs how much of each Tiny VM's output is kept
 * @param tls the TLS port; empty: none
 * @param e2bDomain under which E2B's hosts are served, {@code name} or {@code name:port}, lower case; empty: that of the certificate, when there is TLS
 * @param llm the LLM gateway
 * @param ledger prices, and how long single lines of the record are kept
 * @param gvisorSandboxes gVisor sandboxes kept ready for each image that was used last
 * @param checkpointBytes what all checkpoints together may take on disk
 * @param network credentials of the egress proxy, and what E2B's sandboxes may reach
 * @param images which images must be signed
 */
public record ManagerConfig(
        OptionalInt capacityCpuMillis,
        OptionalLong capacityMemoryBytes,
        List<String> volumeHostPaths,
        Logs logs,
        Optional<Tls> tls,
        Optional<String> e2bDomain,
        LlmConfig llm,
        Ledger ledger,
        int gvisorSandboxes,
        long checkpointBytes,
        NetworkConfig network,
        ImagesConfig images) {
    /** Sandboxes that are kept ready when nothing is said. */
    public static final int DEFAULT_GVISOR_SANDBOXES = 2;
    /** What checkpoints may take when nothing is said. */
    public static final long DEFAULT_CHECKPOINT_BYTES = 16L << 30;

    public ManagerConfig {
        volumeHostPaths = List.copyOf(volumeHostPaths);
    }

    /**
     * Log rotation.
     *
     * @param maxFileBytes size at which a log file is rotated
     * @param maxFiles how many files a Tiny VM keeps, at least 1
     */
    public record Logs(long maxFileBytes, int maxFiles) {
        public static final Logs DEFAULT = new Logs(4L << 20, 4);
    }

    /**
     * The TLS port beside the plain one.
     *
     * @param port 0: any free one
     * @param files of the certificate and its key; empty: those that {@code tinyvm cert} made in the data directory
     */
    public record Tls(int port, Optional<TlsFiles> files) {
        public static final int DEFAULT_PORT = 7443;
    }

    /**
     * Where a certificate and its key are, PEM.
     *
     * @param certificate absolute path of the chain, the server's own first
     * @param privateKey absolute path
     */
    public record TlsFiles(String certificate, String privateKey) {}

    /**
     * The ledger.
     *
     * @param prices of what Tiny VMs use
     * @param linesKept age from which lines of one account and hour are merged into one
     */
    public record Ledger(LedgerPrices prices, Duration linesKept) {
        public static final Ledger DEFAULT = new Ledger(LedgerPrices.FREE, Duration.ofDays(2));
    }

    /** What holds without a file. */
    public static final ManagerConfig DEFAULT = new ManagerConfig(
            OptionalInt.empty(),
            OptionalLong.empty(),
            List.of(),
            Logs.DEFAULT,
            Optional.empty(),
            Optional.empty(),
            LlmConfig.NONE,
            Ledger.DEFAULT,
            DEFAULT_GVISOR_SANDBOXES,
            DEFAULT_CHECKPOINT_BYTES,
            NetworkConfig.NONE,
            ImagesConfig.NONE);
}
