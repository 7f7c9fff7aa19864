package dev.tinyvm.engine.wasm.split;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import run.endive.compiler.InterpreterFallback;
import run.endive.compiler.MachineFactoryCompiler;
import run.endive.runtime.Instance;
import run.endive.wasm.Parser;
import run.endive.wasm.WasmModule;

class ModuleSplitterTest {
    private static final int[] INPUTS = {0, 1, -1, 7, 123_456, Integer.MIN_VALUE};

    /** The whole function interpreted is the measure; the pieces are compiled, and none of them is interpreted. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void theCutFunctionDoesWhatTheWholeOneDid(long seed) {
        byte[] whole = RandomFunction.module(seed, 60_000);
        same(seed, whole, ModuleSplitter.split(whole));
        // So small a bound takes several passes, in which pieces are cut from calls of pieces.
        same(seed, whole, ModuleSplitter.split(whole, 3_000));
    }

    private static void same(long seed, byte[] whole, byte[] cut) {
        assertThat(cut).isNotSameAs(whole);
        WasmModule pieces = parse(cut);
        assertThat(pieces.functionSection().functionCount()).isGreaterThan(3);
        Instance expected = Instance.builder(parse(whole)).build();
        Instance actual = Instance.builder(pieces)
                .withMachineFactory(MachineFactoryCompiler.builder(pieces)
                        .withInterpreterFallback(InterpreterFallback.FAIL)
                        .compile())
                .build();
        for (int input : INPUTS) {
            assertThat(actual.export("f").apply(input))
                    .as("seed %d, input %d", seed, input)
                    .isEqualTo(expected.export("f").apply(input));
        }
    }

    @Test
    void aModuleOfSmallFunctionsStaysAsItIs() {
        byte[] small = RandomFunction.module(1, 2_000);
        assertThat(ModuleSplitter.split(small)).isSameAs(small);
    }

    /** One expression without an end, as no compiler writes it. */
    @Test
    void whatCannotBeCutStaysAsItIs() {
        java.io.ByteArrayOutputStream body = new java.io.ByteArrayOutputStream();
        body.write(0);
        body.writeBytes(new byte[] {0x42, 1});
        for (int i = 0; i < 20_000; i++) {
            body.writeBytes(new byte[] {0x42, 1, 0x7c});
        }
        body.write(0x0b);
        byte[] module = RandomFunction.module(body.toByteArray());
        parse(module);
        assertThat(ModuleSplitter.split(module)).isSameAs(module);
    }

    @Test
    void garbageIsLeftToTheParser() {
        byte[] cutOff = java.util.Arrays.copyOf(RandomFunction.module(1, 60_000), 40_000);
        assertThat(ModuleSplitter.split(cutOff)).isSameAs(cutOff);
    }

    private static WasmModule parse(byte[] wasm) {
        return Parser.builder().withValidation(true).build().parse(() -> new ByteArrayInputStream(wasm));
    }
}
