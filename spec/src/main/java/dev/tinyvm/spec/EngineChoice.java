package dev.tinyvm.spec;

/** Which wall a descriptor asks for. */
public enum EngineChoice {
    /** The manager chooses and says why. */
    AUTO,
    /** In the JVM. */
    WASM,
    /** Namespaces, cgroups, seccomp. */
    CONTAINER,
    /** gVisor's own kernel. */
    GVISOR,
    /** A container made by crun, where a host's policy asks for it. */
    CRUN,
    /** A container made by runc, where a host's policy asks for it. */
    RUNC,
    /** A virtual machine. */
    MICROVM;

    /** The word in a descriptor, such as {@code container}. */
    public String word() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }
}
