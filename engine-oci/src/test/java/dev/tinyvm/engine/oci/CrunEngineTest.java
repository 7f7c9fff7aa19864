package dev.tinyvm.engine.oci;

import java.util.List;
import org.junit.jupiter.api.BeforeAll;

class CrunEngineTest extends OciContract {
    @BeforeAll
    static void startSpawner() {
        start(OciRuntime.CRUN, List.of());
    }

    @Override
    OciRuntime runtime() {
        return OciRuntime.CRUN;
    }
}
