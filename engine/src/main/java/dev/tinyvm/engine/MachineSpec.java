package dev.tinyvm.engine;

import dev.tinyvm.spec.Resources;
import dev.tinyvm.spec.Volume;
import java.util.List;

/**
 * What a machine is made from.
 *
 * @param id unique on the host: {@code [a-z0-9][a-z0-9-]{0,62}}
 * @param image {@code host} or the directory name of an imported image
 * @param resources upper bounds
 * @param volumes host directories to mount
 * @param hostname host name inside
 * @param defaultUser user of commands that name none
 */
public record MachineSpec(
        String id, String image, Resources resources, List<Volume> volumes, String hostname, String defaultUser) {
    public MachineSpec {
        volumes = List.copyOf(volumes);
    }
}
