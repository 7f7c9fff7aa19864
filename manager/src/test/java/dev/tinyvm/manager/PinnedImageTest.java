package dev.tinyvm.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tinyvm.manager.Manager.CreateRequest;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.spec.DescriptorReader;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PinnedImageTest {
    @TempDir
    Path directory;

    @Test
    void aTagThatMovesDoesNotMoveATinyVm() {
        try (Fixture fixture = new Fixture(directory)) {
            fixture.images.point("app:1", "sha256-one");
            String vm = create(fixture, "app:1").id();
            assertThat(fixture.manager.vm(vm).pinnedImage()).isEqualTo("sha256-one");
            fixture.images.point("app:1", "sha256-two");
            fixture.manager.restart(vm);
            fixture.reopen();
            fixture.awaitState(vm, VmState.RUNNING);
            fixture.manager.restart(vm);
            fixture.awaitState(vm, VmState.RUNNING);
            assertThat(fixture.host.vm(vm).spec().image()).isEqualTo("sha256-one");
            assertThat(create(fixture, "app:1").pinnedImage()).isEqualTo("sha256-two");
        }
    }

    @Test
    void whatIsInUseIsKnownWithAndWithoutAManager() {
        try (Fixture fixture = new Fixture(directory)) {
            assertThat(ImagesInUse.of(directory)).isEmpty();
            fixture.images.point("app:1", "sha256-one");
            String vm = create(fixture, "app:1").id();
            fixture.manager.stop(vm);
            fixture.manager.awaitStored();
            assertThat(ImagesInUse.of(directory)).containsExactlyInAnyOrder("app:1", "sha256-one");
            assertThat(ImagesInUse.by(directory).get("sha256-one"))
                    .containsExactly(fixture.manager.vm(vm).name());
            fixture.closeManager();
            assertThat(ImagesInUse.of(directory)).containsExactlyInAnyOrder("app:1", "sha256-one");
            fixture.openAgain();
            fixture.manager.remove(vm);
            fixture.manager.awaitStored();
            assertThat(ImagesInUse.of(directory)).isEmpty();
            assertThat(ImagesInUse.of(directory.resolve("none"))).isEmpty();
        }
    }

    /** Once to make the record, once after the record that pins it is on disk: an image that was removed between the two is missed then. */
    @Test
    void aCreateLooksItsImageUpTwice() {
        try (Fixture fixture = new Fixture(directory)) {
            fixture.images.point("app:1", "sha256-one");
            VmStatus _ = create(fixture, "app:1");
            assertThat(fixture.images.lookedUp()).containsExactly("app:1", "sha256-one");
        }
    }

    @Test
    void anImageThatIsGoneIsSaidAtTheStart() {
        try (Fixture fixture = new Fixture(directory)) {
            fixture.images.point("app:1", "sha256-one");
            String vm = create(fixture, "app:1").id();
            fixture.manager.stop(vm);
            fixture.images.remove("sha256-one");
            try {
                fixture.manager.start(vm);
            } catch (ManagerException e) {
                assertThat(e.code()).isEqualTo(ManagerException.Code.IMAGE);
            }
            fixture.awaitState(vm, VmState.FAILED);
            assertThat(fixture.manager.vm(vm).message()).contains("sha256-one", "has been removed");
        }
    }

    private static VmStatus create(Fixture fixture, String image) {
        String descriptor = "{apiVersion: tinyvm.dev/v1, kind: Agent, metadata: {}, spec: {image: '" + image
                + "', command: [counter]}}";
        return fixture.manager.create(CreateRequest.of(DescriptorReader.read(descriptor, "agent.yaml", null)));
    }
}
