package dev.tinyvm.engine;

/**
 * The interface of a machine whose packets the host forwards.
 *
 * @param name inside, such as {@code eth0}
 * @param address inside, with its prefix, such as {@code 100.118.0.3/31}
 * @param gateway the host's end, such as {@code 100.118.0.2}
 * @param connectFilter whether connections are judged a first time where they are made, by a filter in the kernel with the same list
 */
public record RoutedInterface(String name, String address, String gateway, boolean connectFilter) {}
