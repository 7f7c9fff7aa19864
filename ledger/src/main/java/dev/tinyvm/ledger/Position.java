package dev.tinyvm.ledger;

/**
 * Up to where one machine has been billed. It is stored in the same transaction as the usage that it closes, so that whoever goes on from it counts nothing twice.
 *
 * @param generation which machine of the Tiny VM: its counters begin at 0
 * @param atMillis since 1970
 * @param cpuMicros the machine's counter then
 * @param memoryBytes then; −1: not known yet
 * @param routedBytes the counter of its routed interface then, which begins at 0 with each attachment
 */
record Position(
        int generation, MachineMeter.Mode mode, long atMillis, long cpuMicros, long memoryBytes, long routedBytes) {
    Position withRouted(long bytes) {
        return new Position(generation, mode, atMillis, cpuMicros, memoryBytes, bytes);
    }
}
