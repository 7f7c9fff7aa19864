package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.wasm.GuestStop.Trap;
import run.endive.runtime.ByteArrayMemory;
import run.endive.runtime.Instance;
import run.endive.runtime.Memory;
import run.endive.wasm.types.DataSegment;
import run.endive.wasm.types.MemoryLimits;

/**
 * A module's linear memory: Endive's, whose growth is charged to the machine's account. A growth that the account refuses is what the
 * module sees as memory.grow = −1. One thread uses it.
 */
final class GuestMemory implements Memory, AutoCloseable {
    /** What a growing limit (resize) may still add to a running process, at most. */
    private static final int GROWTH_FACTOR = 4;

    private final MemoryAccount account;
    private final ByteArrayMemory pages;
    private int refused;

    /** @throws Trap when the account has less than the module starts with */
    GuestMemory(MemoryLimits wanted, MemoryAccount account) {
        this.account = account;
        long initialBytes = (long) wanted.initialPages() * PAGE_SIZE;
        if (!account.take(initialBytes)) {
            throw new Trap(
                    9,
                    "the module starts with " + initialBytes + " bytes of memory; the limit is " + account.limitBytes()
                            + " bytes, of which " + account.usedBytes() + " are in use");
        }
        long most = Math.max(account.limitBytes() / PAGE_SIZE * GROWTH_FACTOR, wanted.initialPages());
        int maximum = (int) Math.min(Math.min(wanted.maximumPages(), most), RUNTIME_MAX_PAGES);
        pages = new ByteArrayMemory(new MemoryLimits(wanted.initialPages(), maximum));
    }

    @Override
    public int pages() {
        return pages.pages();
    }

    @Override
    public int grow(int more) {
        // The accounts are shared with neighbours; a stack overflow half-way would leave them wrong.
        Checkpoint.ensureHeadroom();
        if (more < 0 || more > pages.maximumPages() || !account.take((long) more * PAGE_SIZE)) {
            refused++;
            return -1;
        }
        int before = pages.grow(more);
        if (before < 0) {
            account.giveBack((long) more * PAGE_SIZE);
            refused++;
        }
        return before;
    }

    /** Whether the module wanted more than it was given. */
    boolean wasRefused() {
        return refused > 0;
    }

    /** Gives its bytes back to the account; the module must have ended. */
    @Override
    public void close() {
        account.giveBack((long) pages.pages() * PAGE_SIZE);
    }

    @Override
    @Deprecated(forRemoval = true)
    @SuppressWarnings("removal")
    public Object lock(int address) {
        return pages.lock(address);
    }

    @Override
    @Deprecated(forRemoval = true)
    @SuppressWarnings("removal")
    public int waitOn(int address, int expected, long timeout) {
        return pages.waitOn(address, expected, timeout);
    }

    @Override
    @Deprecated(forRemoval = true)
    @SuppressWarnings("removal")
    public int waitOn(int address, long expected, long timeout) {
        return pages.waitOn(address, expected, timeout);
    }

    @Override
    @Deprecated(forRemoval = true)
    @SuppressWarnings("removal")
    public int notify(int address, int maxThreads) {
        return pages.notify(address, maxThreads);
    }

    @Override
    public int initialPages() {
        return pages.initialPages();
    }

    @Override
    public int maximumPages() {
        return pages.maximumPages();
    }

    @Override
    public boolean shared() {
        return pages.shared();
    }

    @Override
    public void atomicFence() {
        pages.atomicFence();
    }

    @Override
    public int atomicReadInt(int addr) {
        return pages.atomicReadInt(addr);
    }

    @Override
    public long atomicReadLong(int addr) {
        return pages.atomicReadLong(addr);
    }

    @Override
    public short atomicReadShort(int addr) {
        return pages.atomicReadShort(addr);
    }

    @Override
    public byte atomicReadByte(int addr) {
        return pages.atomicReadByte(addr);
    }

    @Override
    public void atomicWriteInt(int addr, int value) {
        pages.atomicWriteInt(addr, value);
    }

    @Override
    public void atomicWriteLong(int addr, long value) {
        pages.atomicWriteLong(addr, value);
    }

    @Override
    public void atomicWriteShort(int addr, short value) {
        pages.atomicWriteShort(addr, value);
    }

    @Override
    public void atomicWriteByte(int addr, byte value) {
        pages.atomicWriteByte(addr, value);
    }

    @Override
    public int atomicAddInt(int addr, int delta) {
        return pages.atomicAddInt(addr, delta);
    }

    @Override
    public int atomicAndInt(int addr, int mask) {
        return pages.atomicAndInt(addr, mask);
    }

    @Override
    public int atomicOrInt(int addr, int mask) {
        return pages.atomicOrInt(addr, mask);
    }

    @Override
    public int atomicXorInt(int addr, int mask) {
        return pages.atomicXorInt(addr, mask);
    }

    @Override
    public int atomicXchgInt(int addr, int value) {
        return pages.atomicXchgInt(addr, value);
    }

    @Override
    public int atomicCmpxchgInt(int addr, int expected, int replacement) {
        return pages.atomicCmpxchgInt(addr, expected, replacement);
    }

    @Override
    public long atomicAddLong(int addr, long delta) {
        return pages.atomicAddLong(addr, delta);
    }

    @Override
    public long atomicAndLong(int addr, long mask) {
        return pages.atomicAndLong(addr, mask);
    }

    @Override
    public long atomicOrLong(int addr, long mask) {
        return pages.atomicOrLong(addr, mask);
    }

    @Override
    public long atomicXorLong(int addr, long mask) {
        return pages.atomicXorLong(addr, mask);
    }

    @Override
    public long atomicXchgLong(int addr, long value) {
        return pages.atomicXchgLong(addr, value);
    }

    @Override
    public long atomicCmpxchgLong(int addr, long expected, long replacement) {
        return pages.atomicCmpxchgLong(addr, expected, replacement);
    }

    @Override
    public short atomicAddShort(int addr, short delta) {
        return pages.atomicAddShort(addr, delta);
    }

    @Override
    public short atomicAndShort(int addr, short mask) {
        return pages.atomicAndShort(addr, mask);
    }

    @Override
    public short atomicOrShort(int addr, short mask) {
        return pages.atomicOrShort(addr, mask);
    }

    @Override
    public short atomicXorShort(int addr, short mask) {
        return pages.atomicXorShort(addr, mask);
    }

    @Override
    public short atomicXchgShort(int addr, short value) {
        return pages.atomicXchgShort(addr, value);
    }

    @Override
    public short atomicCmpxchgShort(int addr, short expected, short replacement) {
        return pages.atomicCmpxchgShort(addr, expected, replacement);
    }

    @Override
    public byte atomicAddByte(int addr, byte delta) {
        return pages.atomicAddByte(addr, delta);
    }

    @Override
    public byte atomicAndByte(int addr, byte mask) {
        return pages.atomicAndByte(addr, mask);
    }

    @Override
    public byte atomicOrByte(int addr, byte mask) {
        return pages.atomicOrByte(addr, mask);
    }

    @Override
    public byte atomicXorByte(int addr, byte mask) {
        return pages.atomicXorByte(addr, mask);
    }

    @Override
    public byte atomicXchgByte(int addr, byte value) {
        return pages.atomicXchgByte(addr, value);
    }

    @Override
    public byte atomicCmpxchgByte(int addr, byte expected, byte replacement) {
        return pages.atomicCmpxchgByte(addr, expected, replacement);
    }

    @Override
    public void initialize(Instance instance, DataSegment[] dataSegments) {
        pages.initialize(instance, dataSegments);
    }

    @Override
    public void initialize(Instance instance, DataSegment[] dataSegments, int memoryIndex) {
        pages.initialize(instance, dataSegments, memoryIndex);
    }

    @Override
    public void initPassiveSegment(int segmentId, int dest, int offset, int size) {
        pages.initPassiveSegment(segmentId, dest, offset, size);
    }

    @Override
    public void write(int addr, byte[] data) {
        pages.write(addr, data);
    }

    @Override
    public void write(int addr, byte[] data, int offset, int size) {
        pages.write(addr, data, offset, size);
    }

    @Override
    public byte read(int addr) {
        return pages.read(addr);
    }

    @Override
    public byte[] readBytes(int addr, int len) {
        return pages.readBytes(addr, len);
    }

    @Override
    public void writeI32(int addr, int data) {
        pages.writeI32(addr, data);
    }

    @Override
    public int readInt(int addr) {
        return pages.readInt(addr);
    }

    @Override
    public void writeLong(int addr, long data) {
        pages.writeLong(addr, data);
    }

    @Override
    public long readLong(int addr) {
        return pages.readLong(addr);
    }

    @Override
    public void writeShort(int addr, short data) {
        pages.writeShort(addr, data);
    }

    @Override
    public short readShort(int addr) {
        return pages.readShort(addr);
    }

    @Override
    public long readU16(int addr) {
        return pages.readU16(addr);
    }

    @Override
    public void writeByte(int addr, byte data) {
        pages.writeByte(addr, data);
    }

    @Override
    public void writeF32(int addr, float data) {
        pages.writeF32(addr, data);
    }

    @Override
    public long readF32(int addr) {
        return pages.readF32(addr);
    }

    @Override
    public float readFloat(int addr) {
        return pages.readFloat(addr);
    }

    @Override
    public void writeF64(int addr, double data) {
        pages.writeF64(addr, data);
    }

    @Override
    public double readDouble(int addr) {
        return pages.readDouble(addr);
    }

    @Override
    public long readF64(int addr) {
        return pages.readF64(addr);
    }

    @Override
    public void zero() {
        pages.zero();
    }

    @Override
    public void fill(byte value, int fromIndex, int toIndex) {
        pages.fill(value, fromIndex, toIndex);
    }

    @Override
    public void copy(int dest, int src, int size) {
        pages.copy(dest, src, size);
    }

    @Override
    public void drop(int segment) {
        pages.drop(segment);
    }
}
