package dev.tinyvm.engine.wasm.split;

import dev.tinyvm.engine.wasm.split.Item.Block;
import dev.tinyvm.engine.wasm.split.Item.Plain;
import dev.tinyvm.engine.wasm.split.Item.Switch;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;

/**
 * Consecutive items of one block that could be a function of their own: nothing is on the operand stack before and after them, and branches out of
 * them carry no values.
 *
 * @param in the block's items, by identity
 * @param from index of the first
 * @param to index behind the last
 * @param used locals that it reads or writes: the new function's parameters
 * @param written locals that it writes: its results
 * @param exits labels outside to which it branches, as seen from its place
 * @param returns whether it ends the whole function
 * @param falls whether what follows can be reached
 */
record Region(
        List<Item> in,
        int from,
        int to,
        TreeSet<Integer> used,
        TreeSet<Integer> written,
        TreeSet<Integer> exits,
        boolean returns,
        boolean falls) {
    /** A function of the JVM has at most 255 parameter slots; calls with many cost more than they save. */
    private static final int MAX_LOCALS = 60;

    List<Item> items() {
        return in.subList(from, to);
    }

    int bytes() {
        return Item.sum(items());
    }

    /** About what its call takes in its place. */
    int callBytes() {
        return 12 + 3 * (used.size() + written.size() + exits.size());
    }

    /** Codes that its function returns: how it was left. */
    int outcomes() {
        return (falls ? 1 : 0) + exits.size() + (returns ? 1 : 0);
    }

    /** @param labels how many values each block around it takes from a branch, the function first @param results of the function; empty when the items cannot be one */
    static Optional<Region> of(List<Item> in, int from, int to, List<Integer> labels, int results) {
        Look look = new Look(labels, results);
        look.at(in.subList(from, to), 0);
        if (!look.possible || look.used.size() > MAX_LOCALS) {
            return Optional.empty();
        }
        boolean falls = !in.get(to - 1).endsHere();
        return Optional.of(new Region(in, from, to, look.used, look.written, look.exits, look.returns, falls));
    }

    /** Whether a label, seen at a depth within the region, means the whole function. */
    static boolean isFunction(int label, int depth, int labels) {
        return label - depth == labels - 1;
    }

    private static final class Look {
        private final List<Integer> labels;
        private final int results;
        private final TreeSet<Integer> used = new TreeSet<>();
        private final TreeSet<Integer> written = new TreeSet<>();
        private final TreeSet<Integer> exits = new TreeSet<>();
        private boolean returns;
        private boolean possible = true;

        private Look(List<Integer> labels, int results) {
            this.labels = labels;
            this.results = results;
            this.possible = results <= 1;
        }

        private void at(List<Item> items, int depth) {
            for (Item item : items) {
                switch (item) {
                    case Plain plain -> at(plain, depth);
                    case Switch table -> table.targets().forEach(label -> branch(label, depth, false));
                    case Block block -> {
                        at(block.body(), depth + 1);
                        block.otherwise().ifPresent(other -> at(other, depth + 1));
                    }
                }
            }
        }

        private void at(Plain plain, int depth) {
            switch (plain.code()) {
                case Item.LOCAL_GET -> used.add(plain.index());
                case Item.LOCAL_SET, Item.LOCAL_TEE -> {
                    used.add(plain.index());
                    written.add(plain.index());
                }
                case Item.BR -> branch(plain.index(), depth, true);
                case Item.BR_IF -> branch(plain.index(), depth, false);
                case Item.RETURN -> returns = true;
                default -> {}
            }
        }

        /** @param always whether it is a plain {@code br}, after which the stack does not matter */
        private void branch(int label, int depth, boolean always) {
            if (label < depth) {
                return;
            }
            if (isFunction(label, depth, labels.size())) {
                returns = true;
                possible &= always || results == 0;
                return;
            }
            int outer = label - depth;
            possible &= outer < labels.size() && labels.get(labels.size() - 1 - outer) == 0;
            exits.add(outer);
        }
    }
}
