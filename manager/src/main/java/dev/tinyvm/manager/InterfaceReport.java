package dev.tinyvm.manager;

import dev.tinyvm.engine.RoutedInterface;
import dev.tinyvm.engine.RoutedStats;

/**
 * The routed interface of a Tiny VM.
 *
 * @param about what it is
 * @param counters since it was attached
 * @param rules lines of the list that the kernel holds for it
 */
public record InterfaceReport(RoutedInterface about, RoutedStats counters, int rules) {}
