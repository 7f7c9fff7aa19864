package dev.tinyvm.cli.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class QuantityTest {
    @Test
    void bytesHaveABinaryUnitAndAtMostOneDecimal() {
        assertThat(Quantity.bytes(0)).isEqualTo("0");
        assertThat(Quantity.bytes(1023)).isEqualTo("1023");
        assertThat(Quantity.bytes(1536)).isEqualTo("1.5Ki");
        assertThat(Quantity.bytes(64L << 20)).isEqualTo("64Mi");
        assertThat(Quantity.bytes(300L << 30)).isEqualTo("300Gi");
    }

    @Test
    void coresAreTenths() {
        assertThat(Quantity.cores(100)).isEqualTo("0.1");
        assertThat(Quantity.cores(1500)).isEqualTo("1.5");
        assertThat(Quantity.cores(4000)).isEqualTo("4");
    }

    @Test
    void durationsShowTheTwoLargestUnits() {
        assertThat(Quantity.duration(Duration.ofMillis(900))).isEqualTo("0s");
        assertThat(Quantity.duration(Duration.ofSeconds(59))).isEqualTo("59s");
        assertThat(Quantity.duration(Duration.ofSeconds(185))).isEqualTo("3m5s");
        assertThat(Quantity.duration(Duration.ofHours(2))).isEqualTo("2h");
        assertThat(Quantity.duration(Duration.ofHours(99))).isEqualTo("4d3h");
        assertThat(Quantity.duration(Duration.ofSeconds(-5))).isEqualTo("0s");
    }
}
