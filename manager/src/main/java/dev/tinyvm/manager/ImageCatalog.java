package dev.tinyvm.manager;

import dev.tinyvm.engine.EngineKind;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.AgentSpec;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/** The images that Tiny VMs may be made from. Asked at every create, so it must answer from memory or one file system call. */
public interface ImageCatalog {
    /**
     * The image that a descriptor calls so; empty when there is none.
     *
     * @throws ManagerException {@code IMAGE} when it is not for descriptors to name; the message says why
     */
    Optional<ImageInfo> find(String reference);

    /** All of them, for the hint in the message about a missing one. */
    List<ImageInfo> list();

    /**
     * One image.
     *
     * @param reference what descriptors call it
     * @param machineImage what {@link dev.tinyvm.engine.MachineSpec#image} calls it
     * @param defaultUser user inside when the descriptor names none
     * @param env environment below the descriptor's
     * @param workingDir when the descriptor names none; may be empty
     * @param command when the descriptor names none; may be empty
     * @param engine the wall for it, the only one unless there is {@code onLinux}; empty: any wall that runs Linux programs
     * @param onLinux how it runs behind a wall that runs Linux programs, when {@code engine} is another
     */
    record ImageInfo(
            String reference,
            String machineImage,
            String defaultUser,
            Map<String, String> env,
            String workingDir,
            List<String> command,
            Optional<EngineKind> engine,
            Optional<OnLinux> onLinux) {
        public ImageInfo(
                String reference,
                String machineImage,
                String defaultUser,
                Map<String, String> env,
                String workingDir,
                List<String> command,
                Optional<EngineKind> engine) {
            this(reference, machineImage, defaultUser, env, workingDir, command, engine, Optional.empty());
        }

        public ImageInfo {
            env = Collections.unmodifiableMap(new LinkedHashMap<>(env));
            command = List.copyOf(command);
        }

        /** The descriptor with what it leaves open taken from this image. */
        Agent fill(Agent agent) {
            AgentSpec spec = agent.spec();
            Map<String, String> both = new LinkedHashMap<>(env);
            both.putAll(spec.env());
            return new Agent(
                    agent.metadata(),
                    spec.change()
                            .command(spec.command().isEmpty() ? command : spec.command())
                            .env(both)
                            .workingDir(spec.workingDir().isEmpty() ? workingDir : spec.workingDir())
                            .user(spec.user().isEmpty() ? defaultUser : spec.user())
                            .build());
        }
    }

    /**
     * A program behind walls that run Linux programs: the same commands do the same as behind its own wall.
     *
     * @param machineImage the file system below it
     * @param missing what this host lacks for that, and the remedy; empty: nothing
     * @param preferred whether {@code auto} takes a wall of Linux where there is one, rather than the image's own
     * @param files put into each new machine before anything runs there; asked at every create
     */
    record OnLinux(String machineImage, String missing, boolean preferred, Supplier<List<SeedFile>> files) {}

    /**
     * A file that is put into a machine, root's.
     *
     * @param path absolute; missing directories are made
     * @param mode permission bits
     */
    @SuppressWarnings("ArrayRecordComponent")
    record SeedFile(String path, byte[] content, int mode) {}
}
