package dev.tinyvm.llm;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A key in a file. It is read anew when the last look is more than a second old, so a changed key counts without a restart. The manager reads it once while it is root: a file that only root may read keeps
 * the value of that moment until the manager starts again. A file that is removed is a key that is gone.
 */
final class FileKey implements KeySource {
    private static final long FRESH_NANOS = 1_000_000_000L;

    private final Path path;
    private final String what;
    private final String remedy;
    private volatile @Nullable Read last;

    /** What was read, and when. */
    private record Read(String key, long nanos) {
        @Override
        public String toString() {
            return "a key";
        }
    }

    FileKey(Path path, String what, String remedy) {
        this.path = path;
        this.what = what;
        this.remedy = remedy;
    }

    @Override
    public String read() throws IOException {
        Read known = last;
        long now = System.nanoTime();
        if (known != null && now - known.nanos() < FRESH_NANOS) {
            return known.key();
        }
        try {
            String key = KeySource.checked(Files.readString(path), what);
            last = new Read(key, now);
            return key;
        } catch (AccessDeniedException e) {
            if (known != null) {
                last = new Read(known.key(), now);
                return known.key();
            }
            throw new IOException(what + " may not be read: permission denied", e);
        } catch (NoSuchFileException e) {
            last = null;
            throw new IOException(what + " is not there; " + remedy, e);
        } catch (IOException e) {
            // Such as a file that is not text: its message would show bytes of it.
            String told = e.getMessage() != null && e.getMessage().startsWith(what)
                    ? e.getMessage()
                    : what + " cannot be read; " + remedy;
            throw new IOException(told);
        }
    }
}
