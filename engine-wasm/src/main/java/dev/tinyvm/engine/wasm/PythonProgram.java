package dev.tinyvm.engine.wasm;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import run.endive.runtime.Instance;

/** A Python agent: {@code python SCRIPT ARG…}, {@code python -c CODE}, {@code python -m MODULE}. Each run goes on from the snapshot. Immutable. */
final class PythonProgram implements Program {
    static final String NAME = "python-wasi";
    private static final List<String> WORDS = List.of("python", "python3");

    private final Python.Snapshot snapshot;
    private final Map<String, byte[]> files;
    private final String fileName;

    /** @param fileName the image's script in {@code /app}, empty when it has none @param files by their names there */
    PythonProgram(Python.Snapshot snapshot, String fileName, Map<String, byte[]> files) {
        this.snapshot = snapshot;
        this.fileName = fileName;
        this.files = files;
    }

    @Override
    public boolean answersTo(String word) {
        String name = word.substring(word.lastIndexOf('/') + 1);
        return WORDS.contains(name)
                || (!fileName.isEmpty()
                        && (name.equals(fileName) || name.equals(fileName.substring(0, fileName.lastIndexOf('.')))));
    }

    @Override
    public String names() {
        return fileName.isEmpty() ? "'python SCRIPT'" : "'" + fileName + "' and 'python SCRIPT'";
    }

    @Override
    public void install(FileTree tree) {
        ScriptFiles.install(tree, files);
    }

    @Override
    public int run(GuestContext guest) {
        List<String> arguments = new ArrayList<>(guest.arguments());
        String word = arguments.getFirst();
        if (!WORDS.contains(word.substring(word.lastIndexOf('/') + 1))) {
            arguments.set(0, ScriptFiles.DIRECTORY + fileName);
            arguments.addFirst(WORDS.getFirst());
        }
        guest.startWith(StartFile.of(arguments, guest.environment()));
        Instance instance = WasmProgram.instantiate(snapshot.module(), guest, List.of(), snapshot.blocks());
        instance.global(0).setValue(snapshot.stackPointer());
        int function = instance.table(0).requiredRef(snapshot.tpCall());
        long[] result = instance.getMachine().call(function, new long[] {snapshot.run(), snapshot.noArguments(), 0});
        // It ends by an exit; coming back means that not even that was possible.
        throw new GuestStop.Trap(6, "the interpreter came back with " + (result == null ? 0 : result[0]));
    }
}
