package dev.tinyvm.engine.wasm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import run.endive.runtime.Memory;
import run.endive.runtime.WasmRuntimeException;
import run.endive.wasm.types.MemoryLimits;

/** Linear memory against a plain array, with many accesses across the edges of blocks. */
class GuestMemoryTest {
    private static final int PAGES = 2;
    private static final int SIZE = PAGES * Memory.PAGE_SIZE;

    @Test
    void itBehavesLikeOneArray() {
        Random random = new Random(11);
        byte[] plain = new byte[SIZE];
        random.nextBytes(plain);
        GuestMemory memory = memory(plain);
        ByteBuffer model = ByteBuffer.wrap(plain).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 200_000; i++) {
            int at = address(random);
            long value = random.nextLong();
            switch (random.nextInt(12)) {
                case 0 -> {
                    memory.writeByte(at, (byte) value);
                    model.put(at, (byte) value);
                }
                case 1 -> {
                    memory.writeShort(at, (short) value);
                    model.putShort(at, (short) value);
                }
                case 2 -> {
                    memory.writeI32(at, (int) value);
                    model.putInt(at, (int) value);
                }
                case 3 -> {
                    memory.writeLong(at, value);
                    model.putLong(at, value);
                }
                case 4 -> assertThat(memory.readInt(at)).isEqualTo(model.getInt(at));
                case 5 -> assertThat(memory.readLong(at)).isEqualTo(model.getLong(at));
                case 6 -> assertThat(memory.readU16(at)).isEqualTo(model.getShort(at) & 0xffffL);
                case 7 -> assertThat(memory.read(at)).isEqualTo(model.get(at));
                case 8 -> {
                    memory.writeF64(at, Double.longBitsToDouble(value));
                    model.putLong(at, Double.doubleToRawLongBits(Double.longBitsToDouble(value)));
                }
                case 9 -> assertThat(memory.readF32(at)).isEqualTo(model.getInt(at));
                case 10 -> {
                    int size = random.nextInt(Math.min(9000, SIZE - at) + 1);
                    int from = random.nextInt(SIZE - size + 1);
                    memory.copy(at, from, size);
                    System.arraycopy(plain, from, plain, at, size);
                }
                default -> {
                    int size = random.nextInt(Math.min(9000, SIZE - at) + 1);
                    byte with = (byte) (random.nextBoolean() ? 0 : value);
                    memory.fill(with, at, at + size);
                    Arrays.fill(plain, at, at + size, with);
                }
            }
        }
        assertThat(memory.readBytes(0, SIZE)).isEqualTo(plain);
    }

    @Test
    void beyondItsEndEveryAccessTraps() {
        GuestMemory memory = memory(new byte[SIZE]);
        for (int at : new int[] {SIZE, SIZE - 1, SIZE - 7, -1, -8, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            assertTraps(() -> memory.readLong(at));
            assertTraps(() -> memory.writeLong(at, 1));
            assertTraps(() -> memory.copy(at, 0, 8));
            assertTraps(() -> memory.copy(0, at, 8));
            assertTraps(() -> memory.fill((byte) 1, at, at + 8));
            assertTraps(() -> memory.readBytes(at, 8));
            assertTraps(() -> memory.write(at, new byte[8], 0, 8));
        }
        assertTraps(() -> memory.readBytes(0, -1));
        assertTraps(() -> memory.write(0, new byte[8], 4, 8));
        assertThat(memory.readBytes(0, SIZE)).as("nothing was written half-way").containsOnly(0);
    }

    @Test
    void whatIsSharedStaysAsItWasAndCostsNothing() {
        byte[] page = new byte[Memory.PAGE_SIZE];
        Arrays.fill(page, (byte) 7);
        byte[][] blocks = GuestMemory.blocks(List.of(page, new byte[0]));
        MemoryAccount account = account();
        GuestMemory one = new GuestMemory(new MemoryLimits(1, 10), blocks, account);
        GuestMemory two = new GuestMemory(new MemoryLimits(1, 10), blocks, account);
        assertThat(account.usedBytes()).as("charged as a whole").isEqualTo(2L * SIZE);
        assertThat(one.heldBytes()).isZero();
        one.writeI32(4094, -1);
        one.writeByte(Memory.PAGE_SIZE, (byte) 1);
        assertThat(one.heldBytes()).isEqualTo(3L * GuestMemory.BLOCK_BYTES);
        assertThat(two.readBytes(0, Memory.PAGE_SIZE)).containsOnly(7);
        assertThat(two.read(Memory.PAGE_SIZE)).isZero();
        assertThat(two.heldBytes()).isZero();
        assertThat(one.grow(1)).isEqualTo(PAGES);
        assertThat(one.read(SIZE)).isZero();
        one.close();
        two.close();
        assertThat(account.usedBytes()).isZero();
    }

    /** Half of them near the edge of a block. */
    private static int address(Random random) {
        int at = random.nextBoolean()
                ? random.nextInt(SIZE - 8)
                : random.nextInt(1, SIZE / GuestMemory.BLOCK_BYTES) * GuestMemory.BLOCK_BYTES - random.nextInt(9);
        return Math.min(at, SIZE - 8);
    }

    private static GuestMemory memory(byte[] content) {
        return new GuestMemory(
                new MemoryLimits(PAGES, PAGES),
                GuestMemory.blocks(List.of(
                        Arrays.copyOf(content, Memory.PAGE_SIZE), Arrays.copyOfRange(content, Memory.PAGE_SIZE, SIZE))),
                account());
    }

    private static MemoryAccount account() {
        return new MemoryAccount(new HeapBudget(64 << 20), 64 << 20);
    }

    private static void assertTraps(org.assertj.core.api.ThrowableAssert.ThrowingCallable access) {
        assertThatThrownBy(access).isInstanceOf(WasmRuntimeException.class);
    }
}
