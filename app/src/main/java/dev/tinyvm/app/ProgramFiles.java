package dev.tinyvm.app;

import dev.tinyvm.manager.ManagerException;
import dev.tinyvm.manager.ManagerException.Code;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Which files of the host may be images of WebAssembly Tiny VMs, and where each is read. The manager reads them with its own uid, so a client must not name any file. */
interface ProgramFiles {
    /**
     * The real path of a program.
     *
     * @throws ManagerException {@code IMAGE} when it is missing or not allowed; the message says what to do
     */
    Path find(String image);

    /** Files below directories; a relative name means the first of them. Links must stay below. */
    static ProgramFiles under(List<Path> directories) {
        return image -> {
            Path path = directories.getFirst().resolve(image).normalize();
            if (directories.stream().noneMatch(path::startsWith)) {
                throw notAllowed(image, directories);
            }
            Path real;
            try {
                real = path.toRealPath();
            } catch (IOException e) {
                throw new ManagerException(
                        Code.IMAGE, "could not read the image " + path + ": there is no such file for the manager", e);
            }
            if (directories.stream().noneMatch(directory -> leadsBelow(real, directory))) {
                throw notAllowed(image, directories);
            }
            return real;
        };
    }

    /** One file alone. @param copy what is read when it is named, by this name or by its own, under which Tiny VMs are pinned to it */
    static ProgramFiles only(String file, Path copy) {
        return image -> {
            if (!image.equals(file) && !image.equals(copy.toString())) {
                throw new ManagerException(Code.IMAGE, "this manager runs the image " + file + " alone");
            }
            return copy;
        };
    }

    private static boolean leadsBelow(Path real, Path directory) {
        try {
            return real.startsWith(directory.toRealPath());
        } catch (IOException e) {
            return false;
        }
    }

    private static ManagerException notAllowed(String image, List<Path> directories) {
        return new ManagerException(
                Code.IMAGE,
                "could not use the image " + image + ": the manager reads programs below " + directories
                        + " only; copy it there, or add its directory to `volumes.hostPaths` in tinyvm.yaml and start the manager again");
    }
}
