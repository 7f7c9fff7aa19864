package dev.tinyvm.engine.wasm.split;

import dev.tinyvm.engine.wasm.split.Item.Block;
import dev.tinyvm.engine.wasm.split.Item.Plain;
import dev.tinyvm.engine.wasm.split.Item.Switch;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/**
 * Writes a region as a function. Its parameters are the locals that the region uses; its results those that it writes, then the whole function's
 * result when the region may return, then a code that says how it was left when there is more than one way. All of the region stands in one block;
 * a branch to somewhere outside becomes: set the code, leave that block.
 */
final class RegionWriter {
    static final int I32 = 0x7f;
    private static final int EMPTY = 0x40;

    private final Region region;
    private final int labels;
    private final List<Integer> parameters;
    private final List<Integer> exits;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final int codeLocal;
    private final int switchLocal;
    private final int resultLocal;
    private final boolean hasResult;

    private RegionWriter(Region region, int labels, List<Integer> results) {
        this.region = region;
        this.labels = labels;
        this.parameters = List.copyOf(region.used());
        this.exits = List.copyOf(region.exits());
        this.codeLocal = parameters.size();
        this.switchLocal = codeLocal + 1;
        this.resultLocal = codeLocal + 2;
        this.hasResult = !results.isEmpty();
    }

    /** @param locals value types of the function from which it is cut @param results of that function */
    static FunctionTypes.Type type(Region region, List<Integer> locals, List<Integer> results) {
        List<Integer> given = new ArrayList<>();
        region.used().forEach(local -> given.add(locals.get(local)));
        List<Integer> taken = new ArrayList<>();
        region.written().forEach(local -> taken.add(locals.get(local)));
        if (region.returns()) {
            taken.addAll(results);
        }
        if (region.outcomes() > 1) {
            taken.add(I32);
        }
        return new FunctionTypes.Type(given, taken);
    }

    /** The function's code. @param labels how many blocks are around the region, the function itself among them */
    static byte[] write(Region region, int labels, List<Integer> results) {
        return new RegionWriter(region, labels, results).body(results);
    }

    private byte[] body(List<Integer> results) {
        WasmBytes.number(out, results.isEmpty() ? 1 : 2);
        WasmBytes.number(out, 2);
        out.write(I32);
        if (!results.isEmpty()) {
            WasmBytes.number(out, 1);
            out.write(results.getFirst());
        }
        out.write(Item.BLOCK);
        out.write(EMPTY);
        items(region.items(), 0);
        out.write(Item.END);
        for (int local : region.written()) {
            local(Item.LOCAL_GET, parameters.indexOf(local));
        }
        if (region.returns() && hasResult) {
            local(Item.LOCAL_GET, resultLocal);
        }
        if (region.outcomes() > 1) {
            local(Item.LOCAL_GET, codeLocal);
        }
        out.write(Item.END);
        return out.toByteArray();
    }

    private void items(List<Item> items, int depth) {
        for (Item item : items) {
            switch (item) {
                case Plain plain -> plain(plain, depth);
                case Switch table -> table(table, depth);
                case Block block -> {
                    out.write(block.code());
                    out.writeBytes(block.type());
                    items(block.body(), depth + 1);
                    block.otherwise().ifPresent(other -> {
                        out.write(Item.ELSE);
                        items(other, depth + 1);
                    });
                    out.write(Item.END);
                }
            }
        }
    }

    private void plain(Plain plain, int depth) {
        switch (plain.code()) {
            case Item.LOCAL_GET, Item.LOCAL_SET, Item.LOCAL_TEE ->
                local(plain.code(), parameters.indexOf(plain.index()));
            case Item.RETURN -> returned(depth);
            case Item.BR -> {
                if (plain.index() < depth) {
                    out.writeBytes(plain.raw());
                } else if (Region.isFunction(plain.index(), depth, labels)) {
                    returned(depth);
                } else {
                    leave(code(plain.index() - depth), depth);
                }
            }
            case Item.BR_IF -> {
                if (plain.index() < depth) {
                    out.writeBytes(plain.raw());
                } else {
                    out.write(Item.IF);
                    out.write(EMPTY);
                    leave(target(plain.index(), depth), depth + 1);
                    out.write(Item.END);
                }
            }
            default -> out.writeBytes(plain.raw());
        }
    }

    /** Each target outside gets a block around the switch, behind which the code is set. */
    private void table(Switch table, int depth) {
        List<Integer> outside = List.copyOf(new TreeSet<>(
                table.targets().stream().filter(label -> label >= depth).toList()));
        if (outside.isEmpty()) {
            out.write(Item.BR_TABLE);
            targets(table.targets());
            return;
        }
        local(Item.LOCAL_SET, switchLocal);
        for (int i = 0; i < outside.size(); i++) {
            out.write(Item.BLOCK);
            out.write(EMPTY);
        }
        local(Item.LOCAL_GET, switchLocal);
        out.write(Item.BR_TABLE);
        targets(table.targets().stream()
                .map(label -> label < depth ? label + outside.size() : outside.indexOf(label))
                .toList());
        for (int i = 0; i < outside.size(); i++) {
            out.write(Item.END);
            leave(target(outside.get(i), depth), depth + outside.size() - 1 - i);
        }
    }

    private void targets(List<Integer> targets) {
        WasmBytes.number(out, targets.size() - 1);
        targets.forEach(label -> WasmBytes.number(out, label));
    }

    /** The code for a label that lies outside. */
    private int target(int label, int depth) {
        return Region.isFunction(label, depth, labels) ? returnCode() : code(label - depth);
    }

    private int code(int exit) {
        return (region.falls() ? 1 : 0) + exits.indexOf(exit);
    }

    private int returnCode() {
        return region.outcomes() - 1;
    }

    private void returned(int depth) {
        if (hasResult) {
            local(Item.LOCAL_SET, resultLocal);
        }
        leave(returnCode(), depth);
    }

    private void leave(int code, int depth) {
        if (region.outcomes() > 1) {
            out.write(Item.I32_CONST);
            WasmBytes.signedNumber(out, code);
            local(Item.LOCAL_SET, codeLocal);
        }
        out.write(Item.BR);
        WasmBytes.number(out, depth);
    }

    private void local(int instruction, int index) {
        out.write(instruction);
        WasmBytes.number(out, index);
    }
}
