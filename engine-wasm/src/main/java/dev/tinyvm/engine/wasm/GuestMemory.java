package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.wasm.GuestStop.Trap;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import run.endive.runtime.ConstantEvaluators;
import run.endive.runtime.Instance;
import run.endive.runtime.Memory;
import run.endive.runtime.WasmRuntimeException;
import run.endive.wasm.types.ActiveDataSegment;
import run.endive.wasm.types.DataSegment;
import run.endive.wasm.types.MemoryLimits;
import run.endive.wasm.types.PassiveDataSegment;

/**
 * A module's linear memory in blocks of {@value #BLOCK_BYTES} bytes, each copied when it is first written to: what nobody wrote to is one block of
 * zeros or the snapshot's, which all agents share. So an agent holds what it changed, and its start copies no memory.
 *
 * <p>The whole size is charged to the machine's account all the same: each block may be written to at any time, and then it must be there. A growth
 * that the account refuses is what the module sees as memory.grow = −1. One thread uses it, so that the atomic operations, inherited, need be none.
 */
final class GuestMemory implements Memory, AutoCloseable {
    static final int BLOCK_BYTES = 4096;
    private static final int SHIFT = 12;
    private static final int MASK = BLOCK_BYTES - 1;
    private static final int BLOCKS_PER_PAGE = PAGE_SIZE / BLOCK_BYTES;
    private static final byte[] ZEROS = new byte[BLOCK_BYTES];
    private static final byte[][] NONE = new byte[0][];

    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    /** What a growing limit (resize) may still add to a running process, at most. */
    private static final int GROWTH_FACTOR = 4;

    private final MemoryAccount account;
    private final int initialPages;
    private final int maximumPages;
    /** What is read; shared blocks too. */
    private byte[][] seen;
    /** What may be written to; null for a block that is shared. */
    private byte[] @Nullable [] own;

    private DataSegment[] segments = new DataSegment[0];
    private int pages;
    private int refused;
    /** Whether it holds what the module starts with, which {@link #zero} and {@link #initialize} would undo. */
    private boolean preset;

    /**
     * Makes one.
     *
     * @param blocks what it holds at first, instead of what the module says, shared with others; empty: the module's data
     * @throws Trap when the account has less than the module starts with
     */
    GuestMemory(MemoryLimits wanted, byte[][] blocks, MemoryAccount account) {
        this.account = account;
        this.preset = blocks.length > 0;
        this.initialPages = Math.max(wanted.initialPages(), blocks.length / BLOCKS_PER_PAGE);
        long initialBytes = (long) initialPages * PAGE_SIZE;
        if (!account.take(initialBytes)) {
            throw new Trap(
                    9,
                    "the module starts with " + initialBytes + " bytes of memory; the limit is " + account.limitBytes()
                            + " bytes, of which " + account.usedBytes() + " are in use");
        }
        long most = Math.max(account.limitBytes() / PAGE_SIZE * GROWTH_FACTOR, initialPages);
        this.maximumPages = (int) Math.min(Math.min(wanted.maximumPages(), most), RUNTIME_MAX_PAGES);
        this.pages = initialPages;
        this.seen = Arrays.copyOf(blocks, initialPages * BLOCKS_PER_PAGE);
        Arrays.fill(seen, blocks.length, seen.length, ZEROS);
        this.own = new byte[seen.length][];
    }

    /** The bytes of pages as blocks to share; a page without bytes is zeros. */
    static byte[][] blocks(Iterable<byte[]> pages) {
        byte[][] all = NONE;
        for (byte[] page : pages) {
            int from = all.length;
            all = Arrays.copyOf(all, from + BLOCKS_PER_PAGE);
            for (int i = 0; i < BLOCKS_PER_PAGE; i++) {
                byte[] block =
                        page.length == 0 ? ZEROS : Arrays.copyOfRange(page, i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
                all[from + i] = Arrays.equals(block, ZEROS) ? ZEROS : block;
            }
        }
        return all;
    }

    @Override
    public int pages() {
        return pages;
    }

    @Override
    public int grow(int more) {
        // The accounts are shared with neighbours; a stack overflow half-way would leave them wrong.
        Checkpoint.ensureHeadroom();
        if (more < 0 || more > maximumPages - pages || !account.take((long) more * PAGE_SIZE)) {
            refused++;
            return -1;
        }
        int before = pages;
        int from = seen.length;
        pages += more;
        seen = Arrays.copyOf(seen, pages * BLOCKS_PER_PAGE);
        Arrays.fill(seen, from, seen.length, ZEROS);
        own = Arrays.copyOf(own, seen.length);
        return before;
    }

    /** Whether the module wanted more than it was given. */
    boolean wasRefused() {
        return refused > 0;
    }

    /** Bytes of the heap that it holds alone. */
    long heldBytes() {
        return Arrays.stream(own).filter(block -> block != null).count() * BLOCK_BYTES;
    }

    /** Gives its bytes back to the account; the module must have ended. */
    @Override
    public void close() {
        account.giveBack((long) pages * PAGE_SIZE);
        seen = NONE;
        own = NONE;
        pages = 0;
    }

    @Override
    public int initialPages() {
        return initialPages;
    }

    @Override
    public int maximumPages() {
        return maximumPages;
    }

    @Override
    public boolean shared() {
        return false;
    }

    @Override
    @Deprecated(forRemoval = true)
    @SuppressWarnings({"removal", "InlineMeSuggester"})
    public Object lock(int address) {
        return this;
    }

    @Override
    @Deprecated(forRemoval = true)
    @SuppressWarnings({"removal", "InlineMeSuggester"})
    public int waitOn(int address, int expected, long timeout) {
        throw new WasmRuntimeException("expected shared memory");
    }

    @Override
    @Deprecated(forRemoval = true)
    @SuppressWarnings({"removal", "InlineMeSuggester"})
    public int waitOn(int address, long expected, long timeout) {
        throw new WasmRuntimeException("expected shared memory");
    }

    @Override
    @Deprecated(forRemoval = true)
    @SuppressWarnings({"removal", "InlineMeSuggester"})
    public int notify(int address, int maxThreads) {
        return 0;
    }

    @Override
    public void initialize(Instance instance, DataSegment[] dataSegments) {
        initialize(instance, dataSegments, 0);
    }

    @Override
    public void initialize(Instance instance, DataSegment @Nullable [] dataSegments, int memoryIndex) {
        if (dataSegments != null) {
            segments = dataSegments.clone();
            for (int i = 0; i < segments.length; i++) {
                if (segments[i] instanceof ActiveDataSegment active && active.index() == memoryIndex) {
                    if (!preset) {
                        long[] at = ConstantEvaluators.computeConstantValue(instance, active.offsetInstructions());
                        write((int) at[0], active.data(), 0, active.data().length);
                    }
                    segments[i] = PassiveDataSegment.EMPTY;
                }
            }
        }
        preset = false;
    }

    @Override
    public void initPassiveSegment(int segmentId, int destination, int offset, int size) {
        write(destination, segments[segmentId].data(), offset, size);
    }

    @Override
    public void drop(int segment) {
        segments[segment] = PassiveDataSegment.EMPTY;
    }

    @Override
    public void write(int address, byte[] data, int offset, int size) {
        check(address, size);
        if (offset < 0 || size > data.length - offset) {
            throw outOfBounds();
        }
        int done = 0;
        while (done < size) {
            int at = address + done;
            int part = Math.min(size - done, BLOCK_BYTES - (at & MASK));
            System.arraycopy(data, offset + done, mine(at >>> SHIFT), at & MASK, part);
            done += part;
        }
    }

    @Override
    public byte read(int address) {
        try {
            return seen[address >>> SHIFT][address & MASK];
        } catch (IndexOutOfBoundsException e) {
            throw outOfBounds();
        }
    }

    @Override
    public byte[] readBytes(int address, int length) {
        check(address, length);
        byte[] all = new byte[length];
        int done = 0;
        while (done < length) {
            int at = address + done;
            int part = Math.min(length - done, BLOCK_BYTES - (at & MASK));
            System.arraycopy(seen[at >>> SHIFT], at & MASK, all, done, part);
            done += part;
        }
        return all;
    }

    @Override
    public void writeByte(int address, byte data) {
        try {
            mine(address >>> SHIFT)[address & MASK] = data;
        } catch (IndexOutOfBoundsException e) {
            throw outOfBounds();
        }
    }

    @Override
    public void writeShort(int address, short data) {
        int at = address & MASK;
        if (at > BLOCK_BYTES - 2) {
            byte[] bytes = new byte[2];
            SHORT.set(bytes, 0, data);
            write(address, bytes, 0, 2);
            return;
        }
        try {
            SHORT.set(mine(address >>> SHIFT), at, data);
        } catch (IndexOutOfBoundsException e) {
            throw outOfBounds();
        }
    }

    @Override
    public void writeI32(int address, int data) {
        int at = address & MASK;
        if (at > BLOCK_BYTES - 4) {
            byte[] bytes = new byte[4];
            INT.set(bytes, 0, data);
            write(address, bytes, 0, 4);
            return;
        }
        try {
            INT.set(mine(address >>> SHIFT), at, data);
        } catch (IndexOutOfBoundsException e) {
            throw outOfBounds();
        }
    }

    @Override
    public void writeLong(int address, long data) {
        int at = address & MASK;
        if (at > BLOCK_BYTES - 8) {
            byte[] bytes = new byte[8];
            LONG.set(bytes, 0, data);
            write(address, bytes, 0, 8);
            return;
        }
        try {
            LONG.set(mine(address >>> SHIFT), at, data);
        } catch (IndexOutOfBoundsException e) {
            throw outOfBounds();
        }
    }

    @Override
    public short readShort(int address) {
        int at = address & MASK;
        if (at > BLOCK_BYTES - 2) {
            return (short) SHORT.get(readBytes(address, 2), 0);
        }
        try {
            return (short) SHORT.get(seen[address >>> SHIFT], at);
        } catch (IndexOutOfBoundsException e) {
            throw outOfBounds();
        }
    }

    @Override
    public int readInt(int address) {
        int at = address & MASK;
        if (at > BLOCK_BYTES - 4) {
            return (int) INT.get(readBytes(address, 4), 0);
        }
        try {
            return (int) INT.get(seen[address >>> SHIFT], at);
        } catch (IndexOutOfBoundsException e) {
            throw outOfBounds();
        }
    }

    @Override
    public long readLong(int address) {
        int at = address & MASK;
        if (at > BLOCK_BYTES - 8) {
            return (long) LONG.get(readBytes(address, 8), 0);
        }
        try {
            return (long) LONG.get(seen[address >>> SHIFT], at);
        } catch (IndexOutOfBoundsException e) {
            throw outOfBounds();
        }
    }

    @Override
    public long readU16(int address) {
        return readShort(address) & 0xffffL;
    }

    @Override
    public void writeF32(int address, float data) {
        writeI32(address, Float.floatToRawIntBits(data));
    }

    @Override
    public long readF32(int address) {
        return readInt(address);
    }

    @Override
    public float readFloat(int address) {
        return Float.intBitsToFloat(readInt(address));
    }

    @Override
    public void writeF64(int address, double data) {
        writeLong(address, Double.doubleToRawLongBits(data));
    }

    @Override
    public double readDouble(int address) {
        return Double.longBitsToDouble(readLong(address));
    }

    @Override
    public long readF64(int address) {
        return readLong(address);
    }

    /** Endive's first call, for memory that was in use before; this one is fresh. */
    @Override
    public void zero() {
        if (!preset) {
            Arrays.fill(seen, ZEROS);
            Arrays.fill(own, null);
        }
    }

    @Override
    public void fill(byte value, int from, int to) {
        check(from, to - from);
        int at = from;
        while (at < to) {
            int part = Math.min(to - at, BLOCK_BYTES - (at & MASK));
            int block = at >>> SHIFT;
            if (value == 0 && part == BLOCK_BYTES) {
                seen[block] = ZEROS;
                own[block] = null;
            } else {
                Arrays.fill(mine(block), at & MASK, (at & MASK) + part, value);
            }
            at += part;
        }
    }

    /** Overlapping ranges are copied as if by way of a third place. */
    @Override
    public void copy(int destination, int source, int size) {
        check(source, size);
        check(destination, size);
        boolean backwards = source < destination;
        int left = size;
        while (left > 0) {
            // No part crosses a block on either side.
            int from = backwards ? source + left : source + size - left;
            int to = backwards ? destination + left : destination + size - left;
            int part;
            if (backwards) {
                part = Math.min(left, Math.min(((from - 1) & MASK) + 1, ((to - 1) & MASK) + 1));
                from -= part;
                to -= part;
            } else {
                part = Math.min(left, Math.min(BLOCK_BYTES - (from & MASK), BLOCK_BYTES - (to & MASK)));
            }
            byte[] target = mine(to >>> SHIFT);
            System.arraycopy(seen[from >>> SHIFT], from & MASK, target, to & MASK, part);
            left -= part;
        }
    }

    /** The block to write to; copied when it is still shared. */
    private byte[] mine(int block) {
        byte[] there = own[block];
        return there != null ? there : copied(block);
    }

    private byte[] copied(int block) {
        byte[] copy = seen[block].clone();
        seen[block] = copy;
        own[block] = copy;
        return copy;
    }

    private void check(int address, int size) {
        if (size < 0 || Integer.toUnsignedLong(address) + size > (long) pages * PAGE_SIZE) {
            throw outOfBounds();
        }
    }

    private static WasmRuntimeException outOfBounds() {
        return new WasmRuntimeException("out of bounds memory access");
    }
}
