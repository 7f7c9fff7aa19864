package dev.tinyvm.bench;

/**
 * The manager that is measured.
 *
 * @param url its address
 * @param key an API key
 * @param pid of its process; 0 when it is not on this machine
 * @param runDirectory of its spawner; empty when not known
 */
public record BenchTarget(String url, String key, long pid, String runDirectory) {}
