package dev.tinyvm.engine.wasm.split;

import java.util.List;
import java.util.Optional;

/** A piece of a function's body: an instruction, or a block with all that is in it. Immutable. */
sealed interface Item {
    int UNREACHABLE = 0x00;
    int BLOCK = 0x02;
    int LOOP = 0x03;
    int IF = 0x04;
    int ELSE = 0x05;
    int END = 0x0b;
    int BR = 0x0c;
    int BR_IF = 0x0d;
    int BR_TABLE = 0x0e;
    int RETURN = 0x0f;
    int CALL = 0x10;
    int LOCAL_GET = 0x20;
    int LOCAL_SET = 0x21;
    int LOCAL_TEE = 0x22;
    int I32_CONST = 0x41;
    int I32_EQ = 0x46;

    /** Bytes that it takes in the module. */
    int bytes();

    /** What it takes from the operand stack. */
    int pops();

    /** What it leaves there. */
    int pushes();

    /** Whether what follows it in the same block is never reached. */
    boolean endsHere();

    /**
     * One instruction.
     *
     * @param code the opcode; 0xfc00 and above for those with a prefix
     * @param raw its bytes
     * @param index of a local, or a label
     */
    @SuppressWarnings("ArrayRecordComponent")
    record Plain(int code, byte[] raw, int index, int pops, int pushes) implements Item {
        @Override
        public int bytes() {
            return raw.length;
        }

        @Override
        public boolean endsHere() {
            return code == UNREACHABLE || code == BR || code == RETURN;
        }
    }

    /** {@code br_table}. @param targets the labels; the last is the default */
    record Switch(List<Integer> targets, int bytes) implements Item {
        public Switch {
            targets = List.copyOf(targets);
        }

        @Override
        public int pops() {
            return 1;
        }

        @Override
        public int pushes() {
            return 0;
        }

        @Override
        public boolean endsHere() {
            return true;
        }
    }

    /**
     * A block, loop or if.
     *
     * @param type its block type's bytes
     * @param parameters how many values it takes, the condition of an if not among them
     * @param otherwise what is after {@code else}
     */
    @SuppressWarnings("ArrayRecordComponent")
    record Block(
            int code,
            byte[] type,
            int parameters,
            int results,
            List<Item> body,
            Optional<List<Item>> otherwise,
            int bytes)
            implements Item {
        static Block of(
                int code, byte[] type, int parameters, int results, List<Item> body, Optional<List<Item>> otherwise) {
            int bytes = 2
                    + type.length
                    + sum(body)
                    + otherwise.map(items -> 1 + sum(items)).orElse(0);
            return new Block(code, type, parameters, results, List.copyOf(body), otherwise.map(List::copyOf), bytes);
        }

        @Override
        public int pops() {
            return parameters + (code == IF ? 1 : 0);
        }

        @Override
        public int pushes() {
            return results;
        }

        @Override
        public boolean endsHere() {
            return false;
        }

        /** How many values a branch to it carries. */
        int arity() {
            return code == LOOP ? parameters : results;
        }
    }

    static int sum(List<Item> items) {
        int sum = 0;
        for (Item item : items) {
            sum += item.bytes();
        }
        return sum;
    }
}
