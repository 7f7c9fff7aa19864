package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.EngineException.Code;
import dev.tinyvm.engine.GuestFiles.Entry;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The files of a program in JavaScript or Python: the script and what it imports, directly or not, from its own directory and below. They are
 * found by looking for import statements, so that a path which is put together at run time must be copied in otherwise. No link is followed.
 */
public final class ScriptFiles {
    static final int MAX_FILES = 256;
    static final int MAX_BYTES = 4 << 20;
    /** Where they are inside. */
    static final String DIRECTORY = "/app/";

    private static final Pattern IMPORT =
            Pattern.compile("(?:\\bfrom\\s*|\\bimport\\s*\\(?\\s*)([\"'])(\\.{1,2}/[^\"'\\n\\\\]{1,1024})\\1");

    private final Path root;
    private final String entry;
    private final Map<String, byte[]> files;

    private ScriptFiles(Path root, String entry, Map<String, byte[]> files) {
        this.root = root;
        this.entry = entry;
        this.files = files;
    }

    /** Puts a program's files into a new machine. @param files by their names below {@value #DIRECTORY} */
    static void install(FileTree tree, Map<String, byte[]> files) {
        files.forEach((name, content) -> {
            for (int slash = name.indexOf('/'); slash > 0; slash = name.indexOf('/', slash + 1)) {
                String directory = DIRECTORY + name.substring(0, slash);
                if (tree.findOrNull(tree.root(), directory, Users.ROOT) == null) {
                    tree.make(tree.root(), directory, Users.ROOT, Entry.Type.DIRECTORY, 0755, "");
                }
            }
            FileNode node = tree.make(tree.root(), DIRECTORY + name, Users.ROOT, Entry.Type.FILE, 0644, "");
            int done = 0;
            while (done < content.length) {
                done += tree.write(node, done, false, content, done, content.length - done);
            }
        });
    }

    /** @throws EngineException {@code IMAGE} when the script is missing, no regular file, or too large with what it imports */
    public static ScriptFiles of(Path script) {
        Path root = script.toAbsolutePath().normalize().getParent();
        String entry = String.valueOf(script.getFileName());
        if (root == null) {
            throw refused(script, "it is no file");
        }
        Map<String, byte[]> files = new LinkedHashMap<>();
        Deque<String> wanted = new ArrayDeque<>(List.of(entry));
        long bytes = 0;
        while (!wanted.isEmpty()) {
            String name = wanted.removeFirst();
            if (files.containsKey(name)) {
                continue;
            }
            byte[] content;
            try {
                content = read(root, name);
            } catch (NoSuchFileException | NotDirectoryException e) {
                if (name.equals(entry)) {
                    throw refused(script, "there is no such file");
                }
                continue; // The import fails when it is reached, and says so.
            } catch (IOException e) {
                throw refused(root.resolve(name), String.valueOf(e.getMessage()));
            }
            bytes += content.length;
            if (files.size() == MAX_FILES || bytes > MAX_BYTES) {
                throw refused(
                        script,
                        "with what it imports it has more than " + MAX_FILES + " files or " + MAX_BYTES + " bytes");
            }
            files.put(name, content);
            String source = new String(content, StandardCharsets.UTF_8);
            wanted.addAll(isPython(name) ? PythonImports.of(name, source) : imports(name, source));
        }
        return new ScriptFiles(root, entry, files);
    }

    /** The script's name, such as {@code agent.js}. */
    public String entry() {
        return entry;
    }

    /** Paths below the script's directory, and what is in them; the script first. */
    public Map<String, byte[]> files() {
        return java.util.Collections.unmodifiableMap(files);
    }

    /**
     * What makes the same program run behind a wall of Linux: the files in the same places, a command of the script's name, and the module {@code tinyvm}. It
     * needs Node 18, or Python 3.8, or newer.
     */
    public List<Placed> forLinux() {
        List<Placed> all = new ArrayList<>();
        files.forEach((name, content) -> all.add(new Placed(DIRECTORY + name, content, 0644)));
        boolean python = isPython(entry);
        all.addAll(
                python
                        ? List.of(Placed.text(DIRECTORY + "tinyvm.py", OwnFile.text("python/tinyvm.py"), 0644))
                        : forNode());
        String quoted = "'" + (DIRECTORY + entry).replace("'", "'\\''") + "'";
        all.add(Placed.text(
                "/usr/local/bin/" + entry,
                "#!/bin/sh\nexec " + (python ? "python3 " : "node ") + quoted + " \"$@\"\n",
                0755));
        return all;
    }

    private List<Placed> forNode() {
        List<Placed> all = new ArrayList<>();
        // Here each script is a module, whatever it is called.
        if (!files.containsKey("package.json")) {
            all.add(Placed.text(DIRECTORY + "package.json", "{\"type\": \"module\"}\n", 0644));
        }
        String module = DIRECTORY + "node_modules/tinyvm/";
        all.add(Placed.text(
                module + "package.json",
                "{\"name\": \"tinyvm\", \"type\": \"module\", \"exports\": \"./index.js\"}\n",
                0644));
        all.add(Placed.text(
                module + "index.js",
                OwnFile.text("node.js")
                        .replace("/* llm.js */", OwnFile.text("llm.js").strip().replaceAll(";$", "")),
                0644));
        return all;
    }

    static boolean isPython(String name) {
        return name.endsWith(".py");
    }

    /** A file to be put into a Tiny VM. @param mode permission bits */
    @SuppressWarnings("ArrayRecordComponent")
    public record Placed(String path, byte[] content, int mode) {
        private static Placed text(String path, String content, int mode) {
            return new Placed(path, content.getBytes(StandardCharsets.UTF_8), mode);
        }
    }

    private static List<String> imports(String name, String source) {
        List<String> found = new ArrayList<>();
        Path directory = Path.of(name).getParent();
        Matcher matcher = IMPORT.matcher(source);
        while (matcher.find()) {
            Path path = (directory == null ? Path.of("") : directory)
                    .resolve(matcher.group(2))
                    .normalize();
            if (!path.startsWith("..") && !path.isAbsolute() && !path.toString().isEmpty()) {
                found.add(path.toString());
            }
        }
        return found;
    }

    /** Each step is looked at: neither the file nor a directory on the way to it may be a link. */
    private static byte[] read(Path root, String name) throws IOException {
        Path path = root;
        for (Path step : Path.of(name)) {
            path = path.resolve(step);
            if (Files.isSymbolicLink(path)) {
                throw new IOException("it is a link, which is not followed; name the file that it leads to");
            }
        }
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            throw new NoSuchFileException(path.toString());
        }
        if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
            throw new IOException("it is no regular file");
        }
        try (InputStream in = Files.newInputStream(path, LinkOption.NOFOLLOW_LINKS)) {
            return in.readNBytes(MAX_BYTES + 1);
        }
    }

    private static EngineException refused(Path file, String why) {
        return new EngineException(Code.IMAGE, "could not use the image " + file + ": " + why);
    }

    @Override
    public String toString() {
        return "ScriptFiles[" + root.resolve(entry) + ", " + files.keySet() + "]";
    }
}
