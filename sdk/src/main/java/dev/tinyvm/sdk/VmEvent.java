package dev.tinyvm.sdk;

import java.time.Instant;
import java.util.Map;

/** Something that happened. @param sequence rises by one @param type such as {@code vm.started} */
public record VmEvent(
        long sequence,
        Instant at,
        String type,
        String vmId,
        String vmName,
        String agent,
        String message,
        Map<String, String> attributes) {}
