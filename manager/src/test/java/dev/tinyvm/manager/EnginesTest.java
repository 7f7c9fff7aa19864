package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.Engine.Availability;
import dev.tinyvm.engine.EngineKind;
import dev.tinyvm.engine.FakeEngine;
import dev.tinyvm.engine.FakeHost;
import dev.tinyvm.manager.ImageCatalog.ImageInfo;
import dev.tinyvm.spec.EngineChoice;
import dev.tinyvm.spec.Trust;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class EnginesTest {
    private static final ImageInfo LINUX = image("host", Optional.empty());
    private static final ImageInfo PROGRAM = image("agent.js", Optional.of(EngineKind.WASM));

    private final FakeEngine container = new FakeEngine(new FakeHost());
    private final FakeEngine wasm = new FakeEngine(new FakeHost(), EngineKind.WASM);
    private final Engines engines = new Engines(Map.of(EngineKind.CONTAINER, container, EngineKind.WASM, wasm));

    @Test
    void autoTakesTheOnlyWallOfAnImage() {
        Engines.Choice choice = engines.choose(EngineChoice.AUTO, Trust.TRUSTED, PROGRAM);
        assertThat(choice.engine()).isSameAs(wasm);
        assertThat(choice.reason()).isEqualTo("auto: the only wall for this image");
        assertThat(engines.choose(EngineChoice.AUTO, Trust.TRUSTED, LINUX).engine())
                .isSameAs(container);
    }

    @Test
    void anImageIsRefusedUnderAnotherWall() {
        assertThatThrownBy(() -> engines.choose(EngineChoice.CONTAINER, Trust.TRUSTED, PROGRAM))
                .isInstanceOf(ManagerException.class)
                .hasMessageContaining("agent.js")
                .hasMessageContaining("engine: wasm");
    }

    @Test
    void anImageThatAlsoRunsOnLinuxTakesTheWallThatIsAskedFor() {
        ImageInfo both = script("");
        assertThat(engines.choose(EngineChoice.CONTAINER, Trust.TRUSTED, both).engine())
                .isSameAs(container);
        assertThat(engines.choose(EngineChoice.WASM, Trust.TRUSTED, both).engine())
                .isSameAs(wasm);
        assertThat(engines.choose(EngineChoice.AUTO, Trust.TRUSTED, both).engine())
                .isSameAs(wasm);
        assertThat(engines.choose(EngineChoice.AUTO, Trust.TRUSTED, both).reason())
                .contains("lightest");
    }

    @Test
    void whatThisHostLacksForAnotherWallIsSaid() {
        assertThatThrownBy(() ->
                        engines.choose(EngineChoice.CONTAINER, Trust.TRUSTED, script("there is no node; install it")))
                .isInstanceOf(ManagerException.class)
                .hasMessageContaining("install it")
                .hasMessageContaining("engine: wasm");
    }

    private static ImageInfo script(String missing) {
        return script(missing, false);
    }

    private static ImageInfo script(String missing, boolean preferred) {
        return new ImageInfo(
                "agent.js",
                "agent.js",
                "user",
                Map.of(),
                "",
                List.of(),
                Optional.of(EngineKind.WASM),
                Optional.of(new ImageCatalog.OnLinux("host", missing, preferred, List::of)));
    }

    @Test
    void autoNeverTakesTheWebAssemblyWallForLinuxPrograms() {
        container.setAvailability(new Availability.Missing("no cgroups", "mount them"));
        assertThatThrownBy(() -> engines.choose(EngineChoice.AUTO, Trust.TRUSTED, LINUX))
                .hasMessageContaining("no cgroups");
    }

    @Test
    void untrustedCodeGetsAKernelOfItsOwnOrNothing() {
        FakeEngine gvisor = new FakeEngine(new FakeHost(), EngineKind.GVISOR);
        Engines both = new Engines(Map.of(EngineKind.CONTAINER, container, EngineKind.GVISOR, gvisor));
        Engines.Choice choice = both.choose(EngineChoice.AUTO, Trust.UNTRUSTED, LINUX);
        assertThat(choice.engine()).isSameAs(gvisor);
        assertThat(choice.reason()).contains("untrusted", "kernel of its own");
        assertThat(both.choose(EngineChoice.AUTO, Trust.TRUSTED, LINUX).engine())
                .isSameAs(container);
        gvisor.setAvailability(new Availability.Missing("runsc is not installed", "install it"));
        both.forgetAvailability();
        assertThatThrownBy(() -> both.choose(EngineChoice.AUTO, Trust.UNTRUSTED, LINUX))
                .isInstanceOf(ManagerException.class)
                .hasMessageContaining("runsc is not installed; install it")
                .hasMessageContaining("engine: container");
        assertThat(both.choose(EngineChoice.CONTAINER, Trust.UNTRUSTED, LINUX).engine())
                .isSameAs(container);
    }

    @Test
    void anUntrustedScriptRunsOnLinuxBehindAKernelOfItsOwnOrNotAtAll() {
        FakeEngine gvisor = new FakeEngine(new FakeHost(), EngineKind.GVISOR);
        Engines all =
                new Engines(Map.of(EngineKind.CONTAINER, container, EngineKind.GVISOR, gvisor, EngineKind.WASM, wasm));
        assertThat(all.choose(EngineChoice.AUTO, Trust.UNTRUSTED, script("")).engine())
                .isSameAs(gvisor);
        gvisor.setAvailability(new Availability.Missing("runsc is not installed", "install it"));
        all.forgetAvailability();
        assertThatThrownBy(() -> all.choose(EngineChoice.AUTO, Trust.UNTRUSTED, script("")))
                .hasMessageContaining("runsc is not installed");
        assertThatThrownBy(() -> all.choose(EngineChoice.AUTO, Trust.UNTRUSTED, script("no node")))
                .hasMessageContaining("no node")
                .hasMessageContaining("engine: wasm");
        assertThatThrownBy(() ->
                        all.choose(EngineChoice.AUTO, Trust.UNTRUSTED, image("a.wasm", Optional.of(EngineKind.WASM))))
                .hasMessageContaining("shares the manager's process");
        assertThat(all.choose(EngineChoice.WASM, Trust.UNTRUSTED, script("")).engine())
                .isSameAs(wasm);
    }

    @Test
    void aProgramThatComputesBetterOnLinuxTakesItsOwnWallOnlyWithoutOne() {
        assertThat(engines.choose(EngineChoice.AUTO, Trust.TRUSTED, script("", true))
                        .engine())
                .isSameAs(container);
        assertThat(engines.choose(EngineChoice.AUTO, Trust.TRUSTED, script("no python3", true))
                        .engine())
                .isSameAs(wasm);
        container.setAvailability(new Availability.Missing("no root", "be root"));
        engines.forgetAvailability();
        assertThat(engines.choose(EngineChoice.AUTO, Trust.TRUSTED, script("", true))
                        .engine())
                .isSameAs(wasm);
    }

    private static ImageInfo image(String name, Optional<EngineKind> engine) {
        return new ImageInfo(name, name, "user", Map.of(), "", List.of(), engine);
    }
}
