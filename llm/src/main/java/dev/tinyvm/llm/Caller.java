package dev.tinyvm.llm;

/**
 * Who calls, as the door knows it; never taken from the request itself.
 *
 * @param vm id of the Tiny VM; empty for a client outside
 * @param agent name of its agent; empty when it has none
 * @param key name of the API key, of the client or of who made the Tiny VM; empty when there is none
 */
public record Caller(String vm, String agent, String key) {}
