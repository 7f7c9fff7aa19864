package dev.tinyvm.spec;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/** Reads a document's file without trusting its size. */
final class SourceFile {
    private SourceFile() {}

    /** The text; at most one byte over {@link DocumentParser#MAX_BYTES}, so that the parser says that it is too much. */
    static String text(Path file) {
        if (Files.isDirectory(file)) {
            throw failure(file, "is a directory; name the file in it, such as " + file.resolve("agent.yaml"));
        }
        try (InputStream in = Files.newInputStream(file)) {
            // Malformed bytes become U+FFFD, which the parser refuses with its place.
            return new String(in.readNBytes(DocumentParser.MAX_BYTES + 1), StandardCharsets.UTF_8);
        } catch (NoSuchFileException e) {
            throw failure(file, "there is no such file");
        } catch (AccessDeniedException e) {
            throw failure(file, "may not be read by this user; check its mode and owner");
        } catch (IOException e) {
            throw failure(file, "could not be read: " + e.getMessage());
        }
    }

    private static DescriptorException failure(Path file, String message) {
        return new DescriptorException(file.toString(), List.of(new Problem("", 0, 0, message)));
    }
}
