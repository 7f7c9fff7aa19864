package dev.tinyvm.spec;

import java.util.List;
import java.util.stream.Collectors;

/** A descriptor or configuration that cannot be used, with everything that is wrong with it at once. */
public final class DescriptorException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final String sourceName;
    private final transient List<Problem> problems;

    /**
     * @param sourceName the file or request that was read, for a person
     * @param problems at least one, in the order of the document
     */
    public DescriptorException(String sourceName, List<Problem> problems) {
        super(text(sourceName, problems));
        this.sourceName = sourceName;
        this.problems = List.copyOf(problems);
    }

    /** The file or request that was read. */
    public String sourceName() {
        return sourceName;
    }

    /** At least one, in the order of the document. */
    public List<Problem> problems() {
        return problems;
    }

    private static String text(String sourceName, List<Problem> problems) {
        String count = problems.size() == 1 ? "1 problem" : problems.size() + " problems";
        return problems.stream()
                .map(problem -> "\n  " + problem)
                .collect(Collectors.joining("", sourceName + " has " + count + ":", ""));
    }
}
