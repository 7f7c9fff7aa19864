package dev.tinyvm.bench;

import java.time.Duration;

/**
 * How much is measured.
 *
 * @param n how many; 0: as many as the benchmark does by itself
 * @param clients how many clients at once; 0: as the benchmark does by itself
 * @param engine the wall to measure, such as {@code container} or {@code wasm}
 * @param pause untimed rest between two rounds of {@code start} and {@code create}, in which a pool may fill again
 * @param command what was typed, for the result
 */
public record BenchPlan(int n, int clients, String engine, Duration pause, String command) {
    int count(int usual) {
        return n > 0 ? n : usual;
    }

    int clients(int usual) {
        return clients > 0 ? clients : usual;
    }
}
