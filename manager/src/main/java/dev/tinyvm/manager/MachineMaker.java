package dev.tinyvm.manager;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.MachineSpec;
import dev.tinyvm.spec.AgentSpec;
import java.io.IOException;
import java.util.Optional;

/** What the machine of a record is made from, and making it. For any thread. */
record MachineMaker(Shared shared) {
    /** @throws EngineException there is none then */
    Machine make(VmRecord record, ImageCatalog.ImageInfo image) {
        return shared.engines()
                .find(record.placement().engine())
                .orElseThrow(() -> new EngineException(
                        EngineException.Code.UNAVAILABLE,
                        "this manager has no engine " + record.placement().engine()))
                .create(spec(record, image));
    }

    /** What a machine of that record is made from. @throws EngineException {@code IMAGE} when its image is gone */
    MachineSpec spec(VmRecord record) {
        return spec(record, pinned(record));
    }

    private static MachineSpec spec(VmRecord record, ImageCatalog.ImageInfo image) {
        AgentSpec spec = record.descriptor().spec();
        return new MachineSpec(
                record.id(),
                onLinux(record, image).map(ImageCatalog.OnLinux::machineImage).orElse(image.machineImage()),
                spec.resources(),
                spec.volumes(),
                record.name(),
                spec.user());
    }

    /** How a program's image runs behind a wall that is not its own. */
    private static Optional<ImageCatalog.OnLinux> onLinux(VmRecord record, ImageCatalog.ImageInfo image) {
        return image.onLinux()
                .filter(_ -> image.engine().stream()
                        .noneMatch(own -> own.word().equals(record.placement().engine())));
    }

    /**
     * The image of all machines of a Tiny VM. Asked after the record that pins it is on disk: either a removal that goes on at the same time sees the
     * record, or this sees that the image is gone.
     */
    ImageCatalog.ImageInfo pinned(VmRecord record) {
        String image = record.placement().image();
        return shared.images()
                .find(image)
                .orElseThrow(() -> new EngineException(
                        EngineException.Code.IMAGE,
                        "the image that " + record.name() + " was made from, " + image
                                + ", has been removed; pull or import it again, or make the Tiny VM anew"));
    }

    /** Puts the image's own files into a new machine, which is no use without them. @throws EngineException the machine is then destroyed */
    void seed(VmRecord record, ImageCatalog.ImageInfo image, Machine made) {
        onLinux(record, image).ifPresent(program -> seed(made, program));
    }

    private static void seed(Machine made, ImageCatalog.OnLinux image) {
        try {
            for (ImageCatalog.SeedFile file : image.files().get()) {
                try (GuestFiles.WriteStream out = made.files()
                        .write(
                                "root",
                                file.path(),
                                new GuestFiles.WriteOptions(file.mode(), true, false, false, false))) {
                    out.write(file.content());
                }
            }
        } catch (EngineException | IOException | GuestFiles.GuestFileException e) {
            made.destroy();
            throw e instanceof EngineException known
                    ? known
                    : new EngineException(
                            EngineException.Code.FAILED, "its program could not be put into it: " + e.getMessage(), e);
        }
    }
}
