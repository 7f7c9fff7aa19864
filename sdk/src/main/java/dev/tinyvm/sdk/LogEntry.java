package dev.tinyvm.sdk;

import java.time.Instant;

/** One line. @param stream {@code stdout}, {@code stderr} or {@code system} */
public record LogEntry(Instant at, String stream, String text) {}
