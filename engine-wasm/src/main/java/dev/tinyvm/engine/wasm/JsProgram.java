package dev.tinyvm.engine.wasm;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * A JavaScript agent: {@code js SCRIPT ARG…}, {@code js -e CODE ARG…}, or the image's own script by its name. The script is an ES module in
 * {@code /app}. Immutable.
 */
final class JsProgram implements Program {
    static final String NAME = "js";
    private static final String DIRECTORY = ScriptFiles.DIRECTORY;

    private final QuickJs quickJs;
    private final String fileName;
    private final Map<String, byte[]> files;

    /** @param fileName the image's script, empty when it has none @param files the script and what it imports */
    JsProgram(QuickJs quickJs, String fileName, Map<String, byte[]> files) {
        this.quickJs = quickJs;
        this.fileName = fileName;
        this.files = files;
        // The first agent should not pay for the runtime.
        quickJs.snapshot();
    }

    @Override
    public boolean answersTo(String word) {
        String name = word.substring(word.lastIndexOf('/') + 1);
        return name.equals(NAME)
                || (!fileName.isEmpty()
                        && (name.equals(fileName)
                                || fileName.substring(0, fileName.lastIndexOf('.'))
                                        .equals(name)));
    }

    @Override
    public String names() {
        return fileName.isEmpty() ? "'js SCRIPT'" : "'" + fileName + "' and 'js SCRIPT'";
    }

    @Override
    public void install(FileTree tree) {
        ScriptFiles.install(tree, files);
    }

    @Override
    public int run(GuestContext guest) {
        List<String> arguments = guest.arguments();
        String word = arguments.getFirst();
        String name = word.substring(word.lastIndexOf('/') + 1);
        JsRun run = new JsRun(quickJs.snapshot(), guest);
        if (!name.equals(NAME)) {
            return run.file(DIRECTORY + fileName, arguments.subList(1, arguments.size()));
        }
        if (arguments.size() < 2) {
            return usage(guest);
        }
        String first = arguments.get(1);
        if (first.equals("-e")) {
            return arguments.size() < 3
                    ? usage(guest)
                    : run.code(arguments.get(2), arguments.subList(3, arguments.size()));
        }
        return run.file(absolute(guest, first), arguments.subList(2, arguments.size()));
    }

    private static String absolute(GuestContext guest, String path) {
        String directory = guest.variable("PWD");
        return path.startsWith("/") ? path : (directory == null ? "" : directory) + "/" + path;
    }

    private static int usage(GuestContext guest) {
        WasiDescriptors.writeAll(
                guest, true, "usage: js SCRIPT [ARG…]  or  js -e CODE [ARG…]\n".getBytes(StandardCharsets.UTF_8));
        return 2;
    }

    @Override
    public String toString() {
        return "JsProgram[" + fileName + ", " + files.keySet() + "]";
    }
}
