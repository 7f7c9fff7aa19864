package dev.tinyvm.spec;

import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Reads agent descriptors, YAML or JSON. {@code docs/descriptor.md} describes every key, {@code spec/schema/agent.schema.json} is the
 * same for machines. Stateless; for any thread.
 */
public final class DescriptorReader {
    private DescriptorReader() {}

    /**
     * Reads a file.
     *
     * @throws DescriptorException with every problem, also when the file cannot be read
     */
    public static Agent readFile(Path file) {
        return read(
                SourceFile.text(file), file.toString(), file.toAbsolutePath().getParent());
    }

    /**
     * Reads a text.
     *
     * @param sourceName what messages call the text, such as a file name
     * @param directory what a relative {@code hostPath} is resolved against; without one it is refused
     * @throws DescriptorException with every problem
     */
    public static Agent read(String text, String sourceName, @Nullable Path directory) {
        Problems problems = new Problems();
        Optional<Agent> agent =
                DocumentParser.parse(text, problems).flatMap(root -> new AgentSection(problems, directory).read(root));
        problems.throwIfAny(sourceName);
        return agent.orElseThrow(() -> new IllegalStateException("no agent and no problem in " + sourceName));
    }
}
