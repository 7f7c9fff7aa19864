package dev.tinyvm.manager;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The files of one Tiny VM's log: {@code 0000000001.log} and so on; the highest number is being written, the lowest goes first. */
final class LogFiles {
    private static final String SUFFIX = ".log";

    private LogFiles() {}

    /** Their numbers, oldest first; none when there is no directory. */
    static List<Long> numbers(Path directory) throws IOException {
        List<Long> numbers = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "*" + SUFFIX)) {
            for (Path file : files) {
                String name = file.getFileName().toString();
                String digits = name.substring(0, name.length() - SUFFIX.length());
                if (!digits.isEmpty() && digits.chars().allMatch(c -> c >= '0' && c <= '9')) {
                    numbers.add(Long.parseLong(digits));
                }
            }
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (java.nio.file.DirectoryIteratorException e) {
            throw e.getCause();
        }
        numbers.sort(Long::compare);
        return numbers;
    }

    static Path path(Path directory, long number) {
        return directory.resolve("%010d%s".formatted(number, SUFFIX));
    }

    /** Removes a directory with all that is in it; what is gone already is no error. */
    static void deleteTree(Path directory) throws IOException {
        if (Files.isDirectory(directory, java.nio.file.LinkOption.NOFOLLOW_LINKS)) {
            try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
                for (Path entry : entries) {
                    deleteTree(entry);
                }
            } catch (java.nio.file.DirectoryIteratorException e) {
                throw e.getCause();
            }
        }
        Files.deleteIfExists(directory);
    }
}
