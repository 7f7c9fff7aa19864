package dev.tinyvm.bench;

/**
 * How much is measured.
 *
 * @param n how many; 0: as many as the benchmark does by itself
 * @param clients how many clients at once; 0: as the benchmark does by itself
 * @param engine the wall to measure, such as {@code container} or {@code wasm}
 * @param command what was typed, for the result
 */
public record BenchPlan(int n, int clients, String engine, String command) {
    int count(int usual) {
        return n > 0 ? n : usual;
    }

    int clients(int usual) {
        return clients > 0 ? clients : usual;
    }
}
