package dev.tinyvm.network.wire;

/**
 * What a head may have, and a trailer.
 *
 * @param bytes with line ends
 * @param fields lines behind the first one
 */
public record HeadLimits(int bytes, int fields) {}
