package dev.tinyvm.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class QuantitiesTest {
    @ParameterizedTest
    @CsvSource({
        "0.1,100",
        "100m,100",
        ".5,500",
        "1.5,1500",
        "2,2000",
        "0.50,500",
        "1024,1024000",
        "1024000m,1024000",
        "1.0,1000"
    })
    void cpuIsReadExactly(String text, int millis) {
        assertThat(Quantities.parseCpuMillis(text)).isEqualTo(millis);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "0",
                "0.05",
                "0.15",
                "50m",
                "1024.1",
                "1e3",
                "-1",
                "",
                "1,5",
                "0x10",
                "1 ",
                "99999999999999999999",
                "1m5"
            })
    void otherCpuIsRefused(String text) {
        assertThatThrownBy(() -> Quantities.parseCpuMillis(text)).isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @CsvSource({
        "0,0",
        "64Mi,67108864",
        "1.5Gi,1610612736",
        "100M,100000000",
        "1k,1000",
        "1Ki,1024",
        "1e6,1000000",
        "5E3,5000",
        "64Ti,70368744177664",
        "0.5Ki,512",
        "2048e-1,204.8",
        ".25Gi,268435456"
    })
    void bytesAreReadExactly(String text, String bytes) {
        if (bytes.contains(".")) {
            assertThatThrownBy(() -> Quantities.parseBytes(text)).hasMessageContaining("whole number");
        } else {
            assertThat(Quantities.parseBytes(text)).isEqualTo(Long.parseLong(bytes));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "64MB",
                "64mi",
                "64kb",
                "-1",
                "1e99",
                "1e-99",
                "65Ti",
                "1Ei",
                "1e3Mi",
                "Mi",
                "",
                "0x10",
                "99999999999999999999999999999999999"
            })
    void otherBytesAreRefused(String text) {
        assertThatThrownBy(() -> Quantities.parseBytes(text)).isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @CsvSource({
        "1s,1000",
        "500ms,500",
        "5m,300000",
        "1h30m,5400000",
        "1.5h,5400000",
        "0s,0",
        "2d,172800000",
        "1m0.5s,60500",
        "366d,31622400000"
    })
    void durationsAreReadExactly(String text, long millis) {
        assertThat(Quantities.parseDuration(text)).isEqualTo(Duration.ofMillis(millis));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "5", "s", "5 s", "1s1s", "1s1m", "-1s", "0.5ms", "367d", "5us", "1h 30m", "5min"})
    void otherDurationsAreRefused(String text) {
        assertThatThrownBy(() -> Quantities.parseDuration(text)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void theEdgesOfARangeAreAllowedAndOneOverIsNot() {
        assertThat(Quantities.parseBytes("4Mi", 4 << 20, 8 << 20)).isEqualTo(4 << 20);
        assertThat(Quantities.parseBytes("8Mi", 4 << 20, 8 << 20)).isEqualTo(8 << 20);
        assertThatThrownBy(() -> Quantities.parseBytes("4194303", 4 << 20, 8 << 20))
                .hasMessageContaining("`4Mi` to `8Mi`");
        assertThatThrownBy(() -> Quantities.parseBytes("8388609", 4 << 20, 8 << 20))
                .hasMessageContaining("too much");
        assertThatThrownBy(() -> Quantities.parseDuration("1001ms", Duration.ZERO, Duration.ofSeconds(1)))
                .hasMessageContaining("`0s` to `1s`");
    }

    @Test
    void formattingIsShortAndExact() {
        assertThat(Quantities.formatCpuMillis(100)).isEqualTo("0.1");
        assertThat(Quantities.formatCpuMillis(2000)).isEqualTo("2");
        assertThat(Quantities.formatCpuMillis(10_000)).isEqualTo("10");
        assertThat(Quantities.formatBytes(64 << 20)).isEqualTo("64Mi");
        assertThat(Quantities.formatBytes(1000)).isEqualTo("1000");
        assertThat(Quantities.formatBytes(0)).isEqualTo("0");
        assertThat(Quantities.formatDuration(Duration.ofMillis(5_400_500))).isEqualTo("1h30m500ms");
        assertThat(Quantities.formatDuration(Duration.ZERO)).isEqualTo("0s");
        assertThatThrownBy(() -> Quantities.formatDuration(Duration.ofNanos(1)))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
