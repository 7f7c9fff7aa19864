package dev.tinyvm.manager;

import dev.tinyvm.spec.AgentSpec;
import java.nio.file.Path;

/** What all Tiny VMs of one manager use. */
record Shared(
        ManagerSettings settings,
        Path logs,
        Store store,
        Events events,
        Admission admission,
        Engines engines,
        ImageCatalog images,
        Timing timing,
        Cleanup cleanup,
        Offers offers,
        Metering metering,
        Waits waits,
        HostVolumes volumes,
        InterfaceTable interfaces,
        Listener listener) {
    /** The wall for a Tiny VM of that kind. @throws ManagerException when the image is missing, or no wall for it runs here */
    Engines.Choice choose(AgentSpec spec) {
        return choose(spec, VmChecks.image(images, spec.image()));
    }

    /** As above, with the image that was looked up already. */
    Engines.Choice choose(AgentSpec spec, ImageCatalog.ImageInfo image) {
        return engines.choose(spec.engine(), spec.trust(), image);
    }

    /** The manager's own interest in its Tiny VMs. Called within their turns; must not block and not wait for a turn. */
    interface Listener {
        /** It is {@code stopped} or {@code failed} now. */
        void ended(TinyVm vm);

        /** It is gone from the records. */
        void removed(TinyVm vm);
    }
}
