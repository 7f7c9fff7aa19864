package dev.tinyvm.sdk;

/**
 * A change under a watched path.
 *
 * @param kind {@code create}, {@code write}, {@code remove}, {@code rename}, {@code chmod}, {@code overflow} (changes were lost: look again)
 * @param path relative to the watched directory
 */
public record FileChange(String kind, String path) {}
