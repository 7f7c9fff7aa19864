package dev.tinyvm.spec;

/**
 * A host directory inside a Tiny VM.
 *
 * @param hostPath absolute, normalized directory of the host; the manager's configuration must allow it
 * @param mountPath absolute path inside
 * @param readOnly whether writes are refused
 */
public record Volume(String hostPath, String mountPath, boolean readOnly) {}
