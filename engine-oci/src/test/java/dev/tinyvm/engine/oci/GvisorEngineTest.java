package dev.tinyvm.engine.oci;

import java.util.List;
import org.junit.jupiter.api.BeforeAll;

class GvisorEngineTest extends OciContract {
    @BeforeAll
    static void startSpawner() {
        start(OciRuntime.RUNSC, List.of("--sandboxes", "2"));
    }

    @Override
    OciRuntime runtime() {
        return OciRuntime.RUNSC;
    }
}
