package dev.tinyvm.spec;

/** Reads network rules that stand by themselves, {@code {egress: [...]}}, as JSON or YAML. Messages are those of {@link DescriptorReader}. Stateless; for any thread. */
public final class NetworkReader {
    private NetworkReader() {}

    /** @throws DescriptorException with every problem */
    public static Network read(String text, String sourceName) {
        Problems problems = new Problems();
        Network network = DocumentParser.parse(text, problems)
                .flatMap(value -> Section.open(value, "", NetworkSection.KEYS, problems))
                .map(section -> NetworkSection.read(section, problems))
                .orElse(Network.NONE);
        problems.throwIfAny(sourceName);
        return network;
    }
}
