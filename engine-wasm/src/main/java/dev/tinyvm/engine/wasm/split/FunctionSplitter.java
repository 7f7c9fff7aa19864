package dev.tinyvm.engine.wasm.split;

import dev.tinyvm.engine.wasm.split.Item.Block;
import dev.tinyvm.engine.wasm.split.Item.Plain;
import dev.tinyvm.engine.wasm.split.Item.Switch;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Makes one function small enough: the largest regions become functions of their own until what is left is within the bound. The smallest stay,
 * since what runs most often is small (the cases of an interpreter's switch).
 */
final class FunctionSplitter {
    /** About what a new function has; small enough for the JVM's compiler. */
    private static final int REGION_BYTES = 5000;

    private static final int LEAST_REGION_BYTES = 160;
    private static final int MAX_PASSES = 6;

    private final FunctionTypes types;
    private final FunctionTypes.Type type;
    private final List<Integer> locals;
    private final Consumer<byte[]> added;
    private int codeLocal = -1;
    private int resultLocal = -1;

    /**
     * @param type the function's
     * @param locals value types, parameters first
     * @param added takes the code of each new function, in the order of their numbers
     */
    FunctionSplitter(FunctionTypes types, FunctionTypes.Type type, List<Integer> locals, Consumer<byte[]> added) {
        this.types = types;
        this.type = type;
        this.locals = new ArrayList<>(locals);
        this.added = added;
    }

    /** @return the function's new code, locals included @throws UnsupportedCode when it cannot be made so small; functions may have been added */
    byte[] split(List<Item> body, int mostBytes) {
        List<Item> rest = List.copyOf(body);
        for (int pass = 0; Item.sum(rest) > mostBytes; pass++) {
            // Of each pass its own: what an earlier one keeps there may be in a region of this one.
            codeLocal = -1;
            resultLocal = -1;
            List<Candidate> found = new ArrayList<>();
            collect(rest, List.of(type.results().size()), 0, found);
            found.sort(Comparator.comparingInt(
                            (Candidate c) -> c.region().bytes() - c.region().callBytes())
                    .reversed());
            IdentityHashMap<List<Item>, Map<Integer, Candidate>> chosen = new IdentityHashMap<>();
            int left = Item.sum(rest);
            for (Candidate candidate : found) {
                if (left <= mostBytes) {
                    break;
                }
                Region region = candidate.region();
                chosen.computeIfAbsent(region.in(), list -> new java.util.HashMap<>())
                        .put(region.from(), candidate);
                left -= region.bytes() - region.callBytes();
            }
            if (chosen.isEmpty() || pass >= MAX_PASSES) {
                throw new UnsupportedCode("it cannot be cut into pieces that are small enough");
            }
            rest = rebuilt(rest, chosen);
        }
        return written(rest);
    }

    /** @param labels how many values a branch to each block around carries, the function first @param height what is on the stack at the start */
    private void collect(List<Item> items, List<Integer> labels, int height, List<Candidate> into) {
        int depth = height;
        int statement = 0;
        int runFrom = -1;
        int runBytes = 0;
        int statementBytes = 0;
        boolean whole = depth == 0;
        for (int i = 0; i < items.size(); i++) {
            Item item = items.get(i);
            if (item instanceof Block block && block.bytes() > REGION_BYTES) {
                whole = false;
                List<Integer> inner = new ArrayList<>(labels);
                inner.add(block.arity());
                collect(block.body(), inner, block.parameters(), into);
                block.otherwise().ifPresent(other -> collect(other, inner, block.parameters(), into));
            }
            statementBytes += item.bytes();
            depth += item.pushes() - item.pops();
            if (depth > 0 && !item.endsHere()) {
                continue;
            }
            if (!whole || (runFrom >= 0 && runBytes + statementBytes > REGION_BYTES)) {
                offer(items, runFrom, statement, labels, into);
                runFrom = -1;
            }
            if (whole) {
                runBytes = (runFrom < 0 ? 0 : runBytes) + statementBytes;
                runFrom = runFrom < 0 ? statement : runFrom;
            }
            statement = i + 1;
            statementBytes = 0;
            whole = true;
        }
        offer(items, runFrom, statement, labels, into);
    }

    private void offer(List<Item> items, int from, int to, List<Integer> labels, List<Candidate> into) {
        if (from < 0 || from >= to) {
            return;
        }
        Region.of(items, from, to, labels, type.results().size())
                .filter(region -> region.bytes() - region.callBytes() >= LEAST_REGION_BYTES)
                .ifPresent(region -> into.add(new Candidate(region, labels.size())));
    }

    private List<Item> rebuilt(List<Item> items, IdentityHashMap<List<Item>, Map<Integer, Candidate>> chosen) {
        Map<Integer, Candidate> here = chosen.getOrDefault(items, Map.of());
        List<Item> fresh = new ArrayList<>();
        int i = 0;
        while (i < items.size()) {
            Candidate candidate = here.get(i);
            if (candidate != null) {
                call(candidate, fresh);
                i = candidate.region().to();
                continue;
            }
            fresh.add(
                    items.get(i) instanceof Block block
                            ? Block.of(
                                    block.code(),
                                    block.type(),
                                    block.parameters(),
                                    block.results(),
                                    rebuilt(block.body(), chosen),
                                    block.otherwise().map(other -> rebuilt(other, chosen)))
                            : items.get(i));
            i++;
        }
        return List.copyOf(fresh);
    }

    /** The region becomes a function; what calls it takes its place. */
    private void call(Candidate candidate, List<Item> into) {
        Region region = candidate.region();
        FunctionTypes.Type own = RegionWriter.type(region, locals, type.results());
        int function = types.addFunction(types.number(own));
        added.accept(RegionWriter.write(region, candidate.labels(), type.results()));
        region.used().forEach(local -> into.add(indexed(Item.LOCAL_GET, local, 0, 1)));
        into.add(indexed(
                Item.CALL, function, own.parameters().size(), own.results().size()));
        if (region.outcomes() > 1) {
            into.add(indexed(Item.LOCAL_SET, codeLocal(), 1, 0));
        }
        boolean hasResult = region.returns() && !type.results().isEmpty();
        if (hasResult) {
            into.add(indexed(Item.LOCAL_SET, resultLocal(), 1, 0));
        }
        region.written().descendingSet().forEach(local -> into.add(indexed(Item.LOCAL_SET, local, 1, 0)));
        goOn(region, hasResult, into);
    }

    /** Goes where the region would have gone. */
    private void goOn(Region region, boolean hasResult, List<Item> into) {
        List<Item> leave = new ArrayList<>();
        if (hasResult) {
            leave.add(indexed(Item.LOCAL_GET, resultLocal(), 0, 1));
        }
        leave.add(bare(Item.RETURN, 0, 0));
        if (region.outcomes() == 0) {
            into.add(bare(Item.UNREACHABLE, 0, 0));
            return;
        }
        if (region.outcomes() == 1) {
            if (region.returns()) {
                into.addAll(leave);
            } else if (!region.falls()) {
                into.add(indexed(Item.BR, region.exits().first(), 0, 0));
            }
            return;
        }
        if (region.returns()) {
            into.add(indexed(Item.LOCAL_GET, codeLocal(), 0, 1));
            into.add(indexed(Item.I32_CONST, region.outcomes() - 1, 0, 1));
            into.add(bare(Item.I32_EQ, 2, 1));
            into.add(Block.of(Item.IF, new byte[] {0x40}, 0, 0, leave, Optional.empty()));
        }
        if (region.exits().isEmpty()) {
            return;
        }
        into.add(indexed(Item.LOCAL_GET, codeLocal(), 0, 1));
        if (region.falls() && region.exits().size() == 1) {
            into.add(indexed(Item.BR_IF, region.exits().first(), 1, 0));
            return;
        }
        if (!region.falls()) {
            into.add(table(List.copyOf(region.exits())));
            return;
        }
        List<Integer> targets = new ArrayList<>(List.of(0));
        region.exits().forEach(label -> targets.add(label + 1));
        Item get = into.removeLast();
        into.add(Block.of(Item.BLOCK, new byte[] {0x40}, 0, 0, List.of(get, table(targets)), Optional.empty()));
    }

    private int codeLocal() {
        if (codeLocal < 0) {
            codeLocal = locals.size();
            locals.add(RegionWriter.I32);
        }
        return codeLocal;
    }

    private int resultLocal() {
        if (resultLocal < 0) {
            resultLocal = locals.size();
            locals.add(type.results().getFirst());
        }
        return resultLocal;
    }

    private byte[] written(List<Item> body) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        List<Integer> own = locals.subList(type.parameters().size(), locals.size());
        WasmBytes.number(out, own.size());
        own.forEach(value -> {
            WasmBytes.number(out, 1);
            out.write(value);
        });
        write(body, out);
        out.write(Item.END);
        return out.toByteArray();
    }

    private static void write(List<Item> items, ByteArrayOutputStream out) {
        for (Item item : items) {
            switch (item) {
                case Plain plain -> out.writeBytes(plain.raw());
                case Switch table -> {
                    out.write(Item.BR_TABLE);
                    WasmBytes.number(out, table.targets().size() - 1);
                    table.targets().forEach(label -> WasmBytes.number(out, label));
                }
                case Block block -> {
                    out.write(block.code());
                    out.writeBytes(block.type());
                    write(block.body(), out);
                    block.otherwise().ifPresent(other -> {
                        out.write(Item.ELSE);
                        write(other, out);
                    });
                    out.write(Item.END);
                }
            }
        }
    }

    private static Plain bare(int code, int pops, int pushes) {
        return new Plain(code, new byte[] {(byte) code}, 0, pops, pushes);
    }

    private static Plain indexed(int code, int index, int pops, int pushes) {
        ByteArrayOutputStream raw = new ByteArrayOutputStream();
        raw.write(code);
        if (code == Item.I32_CONST) {
            WasmBytes.signedNumber(raw, index);
        } else {
            WasmBytes.number(raw, index);
        }
        return new Plain(code, raw.toByteArray(), index, pops, pushes);
    }

    private static Switch table(List<Integer> targets) {
        return new Switch(targets, 2 + targets.size());
    }

    /** @param labels how many blocks are around it, the function among them */
    private record Candidate(Region region, int labels) {}
}
