package dev.tinyvm.engine.oci;

import java.util.List;
import org.junit.jupiter.api.BeforeAll;

class RuncEngineTest extends OciContract {
    @BeforeAll
    static void startSpawner() {
        start(OciRuntime.RUNC, List.of());
    }

    @Override
    OciRuntime runtime() {
        return OciRuntime.RUNC;
    }
}
