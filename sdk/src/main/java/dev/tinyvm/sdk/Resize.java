package dev.tinyvm.sdk;

import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * New sizes of a live VM; empty parts stay.
 *
 * @param cpuMillis thousandths of a core, in steps of 100
 */
public record Resize(OptionalInt cpuMillis, OptionalLong memoryBytes, OptionalInt pids) {}
