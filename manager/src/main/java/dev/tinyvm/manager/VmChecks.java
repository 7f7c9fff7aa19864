package dev.tinyvm.manager;

import dev.tinyvm.manager.ImageCatalog.ImageInfo;
import dev.tinyvm.manager.ManagerException.Code;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.Quantities;
import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Volume;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

/** What is refused before anything is made. A descriptor that came through its reader passes; doors that build their own are checked alike. */
final class VmChecks {
    private static final Pattern ID = Pattern.compile("[a-z0-9]{8,32}");
    private static final Pattern NAME = Pattern.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
    private static final int MAX_TAGS_CHARS = 64 << 10;

    private VmChecks() {}

    static void id(String id) {
        if (!ID.matcher(id).matches()) {
            throw new ManagerException(Code.INVALID, "the id `" + id + "` is not 8 to 32 characters of a-z and 0-9");
        }
    }

    static void name(String name) {
        if (!NAME.matcher(name).matches()) {
            throw new ManagerException(
                    Code.INVALID,
                    "the name `" + name + "` is not 1 to 63 characters of a-z, 0-9 and -, with no - first or last");
        }
    }

    static void tags(java.util.Map<String, String> tags) {
        long chars = tags.entrySet().stream()
                .mapToLong(e -> e.getKey().length() + e.getValue().length())
                .sum();
        if (chars > MAX_TAGS_CHARS) {
            throw new ManagerException(
                    Code.INVALID, "the tags have " + chars + " characters; at most " + MAX_TAGS_CHARS + " are kept");
        }
    }

    static void resources(Resources resources) {
        if (resources.cpuMillis() < Resources.MIN_CPU_MILLIS
                || resources.cpuMillis() > Resources.MAX_CPU_MILLIS
                || resources.cpuMillis() % Resources.CPU_STEP_MILLIS != 0) {
            throw new ManagerException(
                    Code.INVALID,
                    Quantities.formatCpuMillis(resources.cpuMillis()) + " cores is not a step of 0.1 from 0.1 up");
        }
        if (resources.memoryBytes() < Resources.MIN_MEMORY_BYTES || resources.memoryBytes() > Quantities.MAX_BYTES) {
            throw new ManagerException(
                    Code.INVALID,
                    Quantities.formatBytes(resources.memoryBytes()) + " of memory; allowed are "
                            + Quantities.formatBytes(Resources.MIN_MEMORY_BYTES) + " to "
                            + Quantities.formatBytes(Quantities.MAX_BYTES));
        }
        if (resources.diskBytes() < Resources.MIN_DISK_BYTES || resources.diskBytes() > Quantities.MAX_BYTES) {
            throw new ManagerException(
                    Code.INVALID,
                    Quantities.formatBytes(resources.diskBytes()) + " of disk; allowed are "
                            + Quantities.formatBytes(Resources.MIN_DISK_BYTES) + " to "
                            + Quantities.formatBytes(Quantities.MAX_BYTES));
        }
        if (resources.pids() < 1 || resources.pids() > Resources.MAX_PIDS) {
            throw new ManagerException(
                    Code.INVALID, resources.pids() + " pids; allowed are 1 to " + Resources.MAX_PIDS);
        }
    }

    /** A host directory must lie under an allowed one, links resolved. The spawner looks again when it mounts. */
    static void volumes(List<Volume> volumes, List<String> allowed) {
        for (Volume volume : volumes) {
            if (volume.isNamed()) {
                continue;
            }
            Path path = Path.of(volume.hostPath()).normalize();
            Path real;
            try {
                real = path.toRealPath();
            } catch (IOException e) {
                real = path;
            }
            if (!under(path, allowed) || !under(real, allowed)) {
                throw new ManagerException(
                        Code.MOUNT,
                        "could not mount " + volume.hostPath() + ": the manager's configuration does not allow it"
                                + (real.equals(path) ? "" : " (it leads to " + real + ")")
                                + "; add its directory to `volumes.hostPaths` in tinyvm.yaml and start the manager again");
            }
            if (Files.notExists(real)) {
                throw new ManagerException(
                        Code.MOUNT,
                        "could not mount " + volume.hostPath() + ": there is no such directory; make it first");
            }
        }
    }

    static ImageInfo image(ImageCatalog images, String reference) {
        return images.find(reference)
                .orElseThrow(() -> new ManagerException(
                        Code.IMAGE,
                        "there is no image " + reference + "; there are "
                                + images.list().stream()
                                        .map(ImageInfo::reference)
                                        .toList()
                                + ", and `tinyvm image import` makes one"));
    }

    static Agent withResources(Agent agent, Resources resources) {
        return new Agent(agent.metadata(), agent.spec().withResources(resources));
    }

    private static boolean under(Path path, List<String> allowed) {
        return allowed.stream().map(Path::of).anyMatch(root -> {
            try {
                return path.startsWith(root.normalize()) || path.startsWith(root.toRealPath());
            } catch (IOException e) {
                return false;
            }
        });
    }
}
