package dev.tinyvm.engine.wasm.split;

import dev.tinyvm.engine.wasm.split.Item.Block;
import dev.tinyvm.engine.wasm.split.Item.Plain;
import dev.tinyvm.engine.wasm.split.Item.Switch;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A function's code as a tree of blocks. Instructions: WebAssembly 2.0 without vectors; all others are refused. What can never be reached is
 * left out. The module must have been validated.
 */
final class BodyReader {
    /** Compilers nest a block for each case of a switch; a reader that calls itself has to stop somewhere. */
    private static final int MAX_DEPTH = 2000;

    private final FunctionTypes types;
    private final WasmBytes in;
    private int depth;

    private BodyReader(FunctionTypes types, WasmBytes in) {
        this.types = types;
        this.in = in;
    }

    /** @param in stands behind the declarations of locals @throws UnsupportedCode */
    static List<Item> read(FunctionTypes types, WasmBytes in) {
        BodyReader reader = new BodyReader(types, in);
        List<Item> items = new ArrayList<>();
        if (reader.sequence(items) != Item.END || in.more()) {
            throw new UnsupportedCode("the function does not end where it should");
        }
        return items;
    }

    /** Up to {@code else} or {@code end}, which it returns. */
    private int sequence(List<Item> into) {
        boolean dead = false;
        while (true) {
            int code = in.peek();
            if (code == Item.END || code == Item.ELSE) {
                return in.next();
            }
            Item item = item();
            if (!dead) {
                into.add(item);
                dead = item.endsHere();
            }
        }
    }

    private Item item() {
        int start = in.position();
        int code = in.next();
        return switch (code) {
            case Item.BLOCK, Item.LOOP, Item.IF -> block(code);
            case Item.BR_TABLE -> {
                int count = in.number();
                List<Integer> targets = new ArrayList<>();
                for (int i = 0; i <= count; i++) {
                    targets.add(in.number());
                }
                yield new Switch(targets, in.since(start).length);
            }
            default -> plain(code, start);
        };
    }

    private Block block(int code) {
        if (++depth > MAX_DEPTH) {
            throw new UnsupportedCode("blocks are nested too deeply");
        }
        int start = in.position();
        int parameters = 0;
        int results = 0;
        int first = in.peek();
        if (first == 0x40) {
            in.next();
        } else if ((first & 0x80) == 0 && (first & 0x40) != 0) {
            FunctionTypes.value(in.next());
            results = 1;
        } else {
            FunctionTypes.Type type = types.get((int) in.signed());
            parameters = type.parameters().size();
            results = type.results().size();
        }
        byte[] type = in.since(start);
        List<Item> body = new ArrayList<>();
        Optional<List<Item>> otherwise = Optional.empty();
        if (sequence(body) == Item.ELSE) {
            List<Item> other = new ArrayList<>();
            if (code != Item.IF || sequence(other) != Item.END) {
                throw new UnsupportedCode("an else without its if");
            }
            otherwise = Optional.of(other);
        }
        depth--;
        return Block.of(code, type, parameters, results, body, otherwise);
    }

    private Plain plain(int code, int start) {
        int index = 0;
        int pops = 0;
        int pushes = 0;
        int whole = code;
        switch (code) {
            case Item.UNREACHABLE, 0x01, Item.RETURN -> {}
            case Item.BR -> index = in.number();
            case Item.BR_IF -> {
                index = in.number();
                pops = 1;
            }
            case Item.CALL -> {
                FunctionTypes.Type type = types.ofFunction(in.number());
                pops = type.parameters().size();
                pushes = type.results().size();
            }
            case 0x11 -> {
                FunctionTypes.Type type = types.get(in.number());
                in.number();
                pops = type.parameters().size() + 1;
                pushes = type.results().size();
            }
            case 0x1a -> pops = 1;
            case 0x1b -> {
                pops = 3;
                pushes = 1;
            }
            case 0x1c -> {
                int count = in.number();
                in.skip(count);
                pops = 3;
                pushes = 1;
            }
            case Item.LOCAL_GET -> {
                index = in.number();
                pushes = 1;
            }
            case Item.LOCAL_SET -> {
                index = in.number();
                pops = 1;
            }
            case Item.LOCAL_TEE -> {
                index = in.number();
                pops = 1;
                pushes = 1;
            }
            case 0x23 -> {
                in.number();
                pushes = 1;
            }
            case 0x24 -> {
                in.number();
                pops = 1;
            }
            case 0x25 -> {
                in.number();
                pops = 1;
                pushes = 1;
            }
            case 0x26 -> {
                in.number();
                pops = 2;
            }
            case 0x3f -> {
                in.number();
                pushes = 1;
            }
            case 0x40 -> {
                in.number();
                pops = 1;
                pushes = 1;
            }
            case 0x41, 0x42 -> {
                in.signed();
                pushes = 1;
            }
            case 0x43 -> {
                in.skip(4);
                pushes = 1;
            }
            case 0x44 -> {
                in.skip(8);
                pushes = 1;
            }
            case 0xd0 -> {
                in.signed();
                pushes = 1;
            }
            case 0xd1 -> {
                pops = 1;
                pushes = 1;
            }
            case 0xd2 -> {
                in.number();
                pushes = 1;
            }
            case 0xfc -> {
                int second = in.number();
                whole = 0xfc00 + second;
                pops = prefixed(second);
                pushes = second <= 7 || second == 15 || second == 16 ? 1 : 0;
            }
            default -> {
                if (code >= 0x28 && code <= 0x3e) {
                    in.number();
                    in.signed();
                    pops = code <= 0x35 ? 1 : 2;
                    pushes = code <= 0x35 ? 1 : 0;
                } else {
                    pops = numeric(code);
                    pushes = 1;
                }
            }
        }
        return new Plain(whole, in.since(start), index, pops, pushes);
    }

    /** Operands of a numeric instruction. */
    private static int numeric(int code) {
        boolean test = code == 0x45 || code == 0x50;
        boolean compare = code >= 0x46 && code <= 0x66;
        boolean unary = (code >= 0x67 && code <= 0x69)
                || (code >= 0x79 && code <= 0x7b)
                || (code >= 0x8b && code <= 0x91)
                || (code >= 0x99 && code <= 0x9f)
                || (code >= 0xa7 && code <= 0xc4);
        boolean binary = (code >= 0x6a && code <= 0x78)
                || (code >= 0x7c && code <= 0x8a)
                || (code >= 0x92 && code <= 0x98)
                || (code >= 0xa0 && code <= 0xa6);
        if (test || unary) {
            return 1;
        }
        if (compare || binary) {
            return 2;
        }
        throw new UnsupportedCode("the instruction 0x" + Integer.toHexString(code) + " is not known");
    }

    /** Reads the rest of an instruction with the prefix 0xfc. @return its operands */
    private int prefixed(int second) {
        int immediates = switch (second) {
            case 8, 10, 12, 14 -> 2;
            case 9, 11, 13, 15, 16, 17 -> 1;
            default -> 0;
        };
        for (int i = 0; i < immediates; i++) {
            in.number();
        }
        return switch (second) {
            case 0, 1, 2, 3, 4, 5, 6, 7 -> 1;
            case 8, 10, 11, 12, 14, 17 -> 3;
            case 9, 13, 16 -> 0;
            case 15 -> 2;
            default -> throw new UnsupportedCode("the instruction 0xfc " + second + " is not known");
        };
    }
}
