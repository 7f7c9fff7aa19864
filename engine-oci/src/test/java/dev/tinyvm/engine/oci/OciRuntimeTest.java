package dev.tinyvm.engine.oci;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OciRuntimeTest {
    @Test
    void anOldGvisorIsRefusedWithTheRemedy() {
        assertThat(OciRuntime.RUNSC.problem("0.0~20221219.0"))
                .hasValueSatisfying(p -> assertThat(p).contains("20221219", "systrap"));
        assertThat(OciRuntime.RUNSC.problem("?")).isPresent();
        assertThat(OciRuntime.RUNSC.problem("0.0~20240729.0")).isEmpty();
        assertThat(OciRuntime.RUNSC.problem("release-20260101.0")).isEmpty();
        assertThat(OciRuntime.RUNSC.remedy()).contains("backports");
        assertThat(OciRuntime.CRUN.problem("0.1")).isEmpty();
    }

    @Test
    void theVersionIsWhatTheProgramSays(@TempDir Path directory) throws Exception {
        Path program = directory.resolve("runsc");
        Files.writeString(program, "#!/bin/sh\necho runsc version 0.0~20240729.0\necho spec: 1.0.2-dev\n");
        Files.setAttribute(program, "unix:mode", 0755);
        assertThat(OciRuntime.RUNSC.version(program)).contains("0.0~20240729.0");
        Files.writeString(program, "#!/bin/sh\nexit 3\n");
        assertThat(OciRuntime.RUNSC.version(program)).isEmpty();
        assertThat(OciRuntime.RUNSC.version(directory.resolve("missing"))).isEmpty();
    }
}
