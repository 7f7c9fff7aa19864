package dev.tinyvm.manager;

import java.util.List;
import java.util.Optional;

/** The images that Tiny VMs may be made from. Asked at every create, so it must answer from memory or one file system call. */
public interface ImageCatalog {
    /** The image that a descriptor calls so; empty when there is none. */
    Optional<ImageInfo> find(String reference);

    /** All of them, for the hint in the message about a missing one. */
    List<ImageInfo> list();

    /**
     * One image.
     *
     * @param reference what descriptors call it
     * @param machineImage what {@link dev.tinyvm.engine.MachineSpec#image} calls it
     * @param defaultUser user inside when the descriptor names none
     */
    record ImageInfo(String reference, String machineImage, String defaultUser) {}
}
