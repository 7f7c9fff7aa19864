package dev.tinyvm.spec;

import java.util.OptionalLong;

/**
 * Files that outlive a Tiny VM, mounted in it: a named volume of this host's manager, or a directory of the host.
 *
 * @param name {@code [a-z0-9][a-z0-9-]{0,62}} of a named volume; empty: it is a host directory
 * @param hostPath absolute, normalized directory of the host, which the manager's configuration must allow; empty: it is a named volume
 * @param mountPath absolute path inside
 * @param readOnly whether writes are refused
 * @param sizeBytes what a named volume may hold that is made because it is missing; empty: {@link #DEFAULT_SIZE_BYTES}
 */
public record Volume(String name, String hostPath, String mountPath, boolean readOnly, OptionalLong sizeBytes) {
    /** What a named volume may hold when nobody says anything. */
    public static final long DEFAULT_SIZE_BYTES = 1L << 30;

    /** A host directory. */
    public Volume(String hostPath, String mountPath, boolean readOnly) {
        this("", hostPath, mountPath, readOnly, OptionalLong.empty());
    }

    /** A named volume. */
    public static Volume named(String name, String mountPath, boolean readOnly) {
        return new Volume(name, "", mountPath, readOnly, OptionalLong.empty());
    }

    public boolean isNamed() {
        return !name.isEmpty();
    }

    /** What is mounted: its name, or its directory. */
    public String source() {
        return isNamed() ? name : hostPath;
    }

    /** What is wrong with a name, as the end of a sentence; empty: nothing. */
    public static java.util.Optional<String> wrongName(String name) {
        return name.matches("[a-z0-9][a-z0-9-]{0,62}")
                ? java.util.Optional.empty()
                : java.util.Optional.of("is " + Problems.quote(name)
                        + "; a volume's name has 1 to 63 characters a-z, 0-9 and -, a letter or digit first");
    }
}
