package dev.tinyvm.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Archives that are refused, and leave nothing. */
class HostileArchiveTest extends ArchiveFixture {
    static Stream<Arguments> hostileArchives() {
        return Stream.of(
                hostile("a name that leads up", "leads out", tar -> tar.file("../canary", "owned")),
                hostile(
                        "a name that leads up in the middle",
                        "leads out",
                        tar -> tar.file("bin/../../canary", "owned")),
                hostile("an absolute name", "absolute", tar -> tar.file("/tmp/canary-of-tinyvm", "owned")),
                hostile(
                        "a pax name that leads up",
                        "leads out",
                        tar -> tar.pax("path", "../canary".getBytes(StandardCharsets.UTF_8))
                                .file("a", "owned")),
                hostile(
                        "a file through a link out",
                        "below something that is a link",
                        tar -> tar.symlink("bin/out", "../../..").file("bin/out/canary", "owned")),
                hostile(
                        "a file through a link inside",
                        "below something that is a link",
                        tar -> tar.symlink("lib", "bin").file("lib/a", "owned")),
                hostile(
                        "a directory through a link",
                        "below something that is a link",
                        tar -> tar.symlink("bin/out", "../..").directory("bin/out/new/deep/")),
                hostile(
                        "a link through a link",
                        "below something that is a link",
                        tar -> tar.symlink("x", "..").symlink("x/y", "z")),
                hostile(
                        "a file below a file",
                        "below something that is a link or a file",
                        tar -> tar.file("f", "").file("f/g", "")),
                hostile("a hard link that leads up", "leads out", tar -> tar.hardLink("bin/a", "../../canary")),
                hostile("a hard link to an absolute name", "absolute", tar -> tar.hardLink("bin/a", "/etc/passwd")),
                hostile(
                        "a hard link through a link",
                        "not a file that the archive brought",
                        tar -> tar.symlink("o", "../../..").hardLink("bin/a", "o/canary")),
                hostile(
                        "a hard link to nothing",
                        "not a file that the archive brought",
                        tar -> tar.hardLink("bin/a", "bin/none")),
                hostile(
                        "a hard link to a directory",
                        "not a file that the archive brought",
                        tar -> tar.hardLink("d", "bin")),
                hostile("a hard link to itself", "to itself", tar -> tar.hardLink("bin/a", "bin/a")),
                hostile("a device", "device node", tar -> tar.header('4', "sda", "", 0, 0660)),
                hostile("a device called dev", "device node", tar -> tar.header('3', "dev", "", 0, 0660)),
                hostile("a file in place of a directory", "twice", tar -> tar.file("bin", "")),
                hostile(
                        "a file as the root",
                        "must be a directory",
                        tar -> tar.file("./", "").file(".", "x")),
                hostile("a link as the root", "must be a directory", tar -> tar.symlink(".", "/etc")),
                hostile("a symlink to nothing", "target is empty", tar -> tar.symlink("bin/a", "")),
                hostile(
                        "a name part that is too long",
                        "name part",
                        tar -> tar.pax("path", "x".repeat(256).getBytes(StandardCharsets.UTF_8))
                                .file("a", "")),
                hostile(
                        "too deep nesting",
                        "deep",
                        tar -> tar.pax("path", "a/".repeat(200).getBytes(StandardCharsets.UTF_8))
                                .directory("a/")),
                hostile(
                        "a size that is more than there is",
                        "cut off",
                        tar -> tar.header('0', "bin/a", "", 5_000, 0644)),
                hostile(
                        "a pax size that is negative",
                        "no such number",
                        tar -> tar.pax("size", "-1".getBytes(StandardCharsets.UTF_8))
                                .file("a", "")),
                hostile(
                        "a pax size with an exponent",
                        "no such number",
                        tar -> tar.pax("size", "1e9".getBytes(StandardCharsets.UTF_8))
                                .file("a", "")),
                hostile(
                        "a pax owner that no Tiny VM has",
                        "ids 0 to 65535",
                        tar -> tar.pax("uid", "65536".getBytes(StandardCharsets.UTF_8))
                                .file("bin/a", "")),
                hostile("a huge pax header", "at most", tar -> tar.header('x', "pax", "", 2 << 20, 0644)),
                hostile(
                        "a malformed pax header",
                        "malformed",
                        tar -> tar.header('x', "pax", "", 6, 0644)
                                .raw("99 a=b".getBytes(StandardCharsets.UTF_8))
                                .pad()),
                hostile(
                        "a global pax header",
                        "for all entries",
                        tar -> tar.header('g', "pax", "", 10, 0644)
                                .raw("10 path=x\n".getBytes(StandardCharsets.UTF_8))
                                .pad()),
                hostile(
                        "a sparse file",
                        "sparse",
                        tar -> tar.pax("GNU.sparse.map", "0,1".getBytes(StandardCharsets.UTF_8))
                                .file("a", "")),
                hostile("an old sparse file", "of the type `S`", tar -> tar.header('S', "a", "", 0, 0644)),
                hostile(
                        "a file over the limit",
                        "the most that is allowed",
                        tar -> tar.file("bin/a", "x".repeat(10_001))),
                hostile(
                        "files over the limit together",
                        "the most that is allowed",
                        tar -> tar.file("bin/a", "x".repeat(6_000)).file("bin/b", "x".repeat(6_000))),
                hostile("too many files", "the most that is allowed", tar -> {
                    for (int i = 0; i < 25; i++) {
                        tar.file("bin/" + i, "");
                    }
                    return tar;
                }),
                hostile("a size in base 256 that no file has", "impossible size", tar -> {
                    byte[] block = new byte[512];
                    block[0] = 'a';
                    Arrays.fill(block, 124, 136, (byte) 0xff);
                    return tar.raw(TarBuilder.sealed(block));
                }),
                hostile("a wrong checksum", "checksum is wrong", tar -> {
                    byte[] block = TarBuilder.sealed(new byte[512]);
                    block[0] = 'z';
                    return tar.raw(block);
                }));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("hostileArchives")
    void aHostileArchiveIsRefusedWithoutATrace(String name, String reason, Function<TarBuilder, TarBuilder> attack)
            throws IOException {
        Path archive = write(
                attack.apply(builder().directory("bin/").file("bin/first", "1")).end());
        ImageException refusal = catchThrowableOfType(
                ImageException.class, () -> store.importFrom("a", archive, ImageConfig.DEFAULT, SMALL));
        assertThat(refusal).as(name).isNotNull();
        assertThat(refusal).hasMessageContaining(reason);
        assertNoTrace();
    }

    @Test
    void aCutOffArchiveIsRefusedWithoutATrace() throws IOException {
        byte[] tar = builder().directory("bin/").file("bin/a", "a".repeat(700)).withoutEnd();
        for (int length : new int[] {0, 1, 511, 512, 600, 1024, 1030, 1100, 1600, tar.length}) {
            refuse(Arrays.copyOf(tar, length), ImageException.Code.REFUSED);
        }
        byte[] gzip = gzip(tar);
        refuse(Arrays.copyOf(gzip, gzip.length / 2), ImageException.Code.REFUSED);
        gzip[gzip.length / 2] ^= 0x55;
        refuse(gzip, ImageException.Code.REFUSED);
    }

    @Test
    void aBombEndsAtItsLimit() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
            // Skipped content counts too: a fifo with 20 MB behind it.
            out.write(builder()
                    .directory("bin/")
                    .header('6', "fifo", "", 20_000_000, 0644)
                    .withoutEnd());
            out.write(new byte[20_000_000]);
        }
        refuse(bytes.toByteArray(), ImageException.Code.TOO_LARGE);
        ByteArrayOutputStream tail = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(tail)) {
            out.write(builder().directory("bin/").end());
            out.write(new byte[20_000_000]);
        }
        refuse(tail.toByteArray(), ImageException.Code.TOO_LARGE);
    }

    @Test
    void theLimitsAreAllowedAndOneOverIsNot() throws IOException {
        byte[] full = builder().file("bin/a", "x".repeat(10_000)).end();
        store.importFrom("bytes", write(full), ImageConfig.DEFAULT, SMALL);
        TarBuilder twenty = builder();
        for (int i = 0; i < 20; i++) {
            twenty.file("bin/" + i, "");
        }
        store.importFrom("entries", write(twenty.end()), ImageConfig.DEFAULT, SMALL);
        byte[] deep = builder()
                .pax("path", ("bin" + "/a".repeat(127)).getBytes(StandardCharsets.UTF_8))
                .file("x", "")
                .end();
        store.importFrom("deep", write(deep), ImageConfig.DEFAULT, SMALL);
        store.remove("deep", java.util.Set::of);
        store.remove("entries", java.util.Set::of);
        store.remove("bytes", java.util.Set::of);
        byte[] deeper = builder()
                .pax("path", ("bin" + "/a".repeat(128)).getBytes(StandardCharsets.UTF_8))
                .file("x", "")
                .end();
        refuse(deeper, ImageException.Code.REFUSED);
        TarBuilder more = builder();
        for (int i = 0; i < 21; i++) {
            more.file("bin/" + i, "");
        }
        refuse(more.end(), ImageException.Code.TOO_LARGE);
        refuse(builder().file("bin/a", "x".repeat(10_001)).end(), ImageException.Code.TOO_LARGE);
    }

    @Test
    void otherCompressionNamesTheCommandToRunFirst() throws IOException {
        assertThat(refuse(new byte[] {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd, 0, 0, 0}, ImageException.Code.REFUSED))
                .hasMessageContaining("compression is damaged");
        assertThat(refuse(new byte[] {(byte) 0xfd, '7', 'z', 'X', 'Z', 0, 0}, ImageException.Code.UNSUPPORTED))
                .hasMessageContaining("xz -d");
        assertThat(refuse("BZh91AY".getBytes(StandardCharsets.UTF_8), ImageException.Code.UNSUPPORTED))
                .hasMessageContaining("bzip2 -d");
    }

    @Test
    void anyDamageIsAnAnswerAndNeverLeavesTheStore() throws IOException {
        byte[] good = builder()
                .directory("bin/")
                .pax("path", "bin/long".getBytes(StandardCharsets.UTF_8))
                .file("x", "content", 0755)
                .symlink("bin/l", "../..")
                .hardLink("bin/h", "bin/long")
                .end();
        Random random = new Random(20261);
        for (int round = 0; round < 400; round++) {
            byte[] bad = good.clone();
            for (int i = 0; i <= round % 4; i++) {
                bad[random.nextInt(bad.length)] = (byte) random.nextInt(256);
            }
            if (round % 2 == 0) {
                // With right checksums the damage gets past the first check.
                for (int at = 0; at + 512 <= bad.length; at += 512) {
                    if (bad[at + 257] == 'u') {
                        System.arraycopy(TarBuilder.sealed(Arrays.copyOfRange(bad, at, at + 512)), 0, bad, at, 512);
                    }
                }
            }
            try {
                store.importFrom("fuzz", write(bad), ImageConfig.DEFAULT, SMALL);
                store.remove("fuzz", java.util.Set::of);
            } catch (ImageException e) {
                assertThat(e.getMessage()).isNotEmpty();
            }
            assertNoTrace();
        }
    }

    private static Arguments hostile(String name, String reason, Function<TarBuilder, TarBuilder> attack) {
        return Arguments.of(name, reason, attack);
    }
}
