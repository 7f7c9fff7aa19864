package dev.tinyvm.cli;

import dev.tinyvm.cli.text.Printable;
import dev.tinyvm.cli.text.Quantity;
import dev.tinyvm.sdk.FileEntry;
import dev.tinyvm.sdk.VmFiles;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Copies trees between here and a Tiny VM through the file API, directory by directory. Permission bits are kept, owners are not.
 *
 * <p>What a Tiny VM says is not trusted: a name with a slash or {@code ..} is refused, files are written only into directories that this copy made or that are real directories
 * below the target, and links of the Tiny VM are not made here, since a later copy could be led through them.
 */
final class FileCopy {
    private final VmFiles files;
    private final Consumer<String> note;
    private long fileCount;
    private long byteCount;
    private long skipped;

    /** @param note told of what is left out */
    FileCopy(VmFiles files, Consumer<String> note) {
        this.files = files;
        this.note = note;
    }

    /** Whether nothing was left out. */
    boolean complete() {
        return skipped == 0;
    }

    String summary() {
        return fileCount
                + (fileCount == 1 ? " file, " : " files, ")
                + Quantity.bytes(byteCount)
                + (skipped == 0 ? "" : ", left out: " + skipped);
    }

    /** @param to the new name inside, not the directory to put it in */
    void upload(Path from, String to) throws IOException {
        if (Files.isDirectory(from)) {
            files.makeDirectory(to, mode(from), true);
            try (DirectoryStream<Path> children = Files.newDirectoryStream(from)) {
                for (Path child : children) {
                    String target = to + "/" + child.getFileName();
                    if (Files.isSymbolicLink(child) && !Files.isRegularFile(child)) {
                        leaveOut(child + " is a link to something that is no file");
                    } else {
                        upload(child, target);
                    }
                }
            }
        } else if (Files.isRegularFile(from)) {
            try (InputStream content = counting(Files.newInputStream(from))) {
                files.write(to, content, new VmFiles.WriteOptions(mode(from), false, false, false, true));
            }
            fileCount++;
        } else if (Files.exists(from, LinkOption.NOFOLLOW_LINKS)) {
            leaveOut(from + " is neither a file nor a directory");
        } else {
            throw new CliException(ExitCode.FAILED, from + ": there is no such file here");
        }
    }

    /** @param from with an absolute path @param to the new name here */
    void download(FileEntry from, Path to) throws IOException {
        download(from.type(), from.mode(), from.path(), to);
    }

    private void download(String type, int mode, String from, Path to) throws IOException {
        if (Files.isSymbolicLink(to)) {
            throw new FileSystemException(
                    to.toString(), null, "is a link; it is not followed when files come out of a Tiny VM");
        }
        switch (type) {
            case "directory" -> {
                if (!Files.isDirectory(to, LinkOption.NOFOLLOW_LINKS)) {
                    Files.createDirectory(to);
                }
                for (FileEntry child : files.list(from, 1)) {
                    String name = child.path();
                    if (name.isEmpty() || name.equals(".")) {
                        continue;
                    }
                    if (name.equals("..") || name.indexOf('/') >= 0 || name.indexOf('\0') >= 0) {
                        throw new CliException(
                                ExitCode.FAILED,
                                "the Tiny VM lists a file with the impossible name " + Printable.line(name)
                                        + ": nothing more is copied");
                    }
                    download(
                            child.type(),
                            child.mode(),
                            (from.endsWith("/") ? from : from + "/") + name,
                            to.resolve(name));
                }
                Files.setPosixFilePermissions(to, permissions(mode | 0700));
            }
            case "file" -> {
                Path directory = to.toAbsolutePath().getParent();
                Path fresh = Files.createTempFile(directory, ".tinyvm-cp", "");
                try {
                    try (InputStream content = counting(files.read(from))) {
                        Files.copy(content, fresh, StandardCopyOption.REPLACE_EXISTING);
                    }
                    Files.setPosixFilePermissions(fresh, permissions(mode));
                    Files.move(fresh, to, StandardCopyOption.ATOMIC_MOVE);
                } finally {
                    Files.deleteIfExists(fresh);
                }
                fileCount++;
            }
            default -> leaveOut(from + " is a " + type);
        }
    }

    static String lastName(String path) {
        String name = path.replaceFirst("/+$", "");
        name = name.substring(name.lastIndexOf('/') + 1);
        return name.isEmpty() || name.equals("..") ? "root" : name;
    }

    private void leaveOut(String why) {
        skipped++;
        note.accept("left out: " + Printable.line(why));
    }

    private InputStream counting(InputStream stream) {
        return new FilterInputStream(stream) {
            @Override
            public int read() throws IOException {
                int b = super.read();
                byteCount += b < 0 ? 0 : 1;
                return b;
            }

            @Override
            public int read(byte[] bytes, int offset, int length) throws IOException {
                int n = super.read(bytes, offset, length);
                byteCount += Math.max(0, n);
                return n;
            }
        };
    }

    private static int mode(Path file) throws IOException {
        return (Integer) Files.getAttribute(file, "unix:mode") & 0777;
    }

    private static Set<PosixFilePermission> permissions(int mode) {
        StringBuilder text = new StringBuilder(9);
        for (int bit = 8; bit >= 0; bit--) {
            text.append((mode >> bit & 1) == 0 ? '-' : "xwr".charAt(bit % 3));
        }
        return PosixFilePermissions.fromString(text.toString());
    }
}
