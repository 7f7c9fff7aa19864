package dev.tinyvm.sdk;

import java.util.List;
import java.util.Map;

/**
 * Which VMs.
 *
 * @param labels all must match
 * @param states words such as {@code running}; empty: all
 * @param agent empty: all
 */
public record VmFilter(Map<String, String> labels, List<String> states, String agent) {
    public static final VmFilter ALL = new VmFilter(Map.of(), List.of(), "");
}
