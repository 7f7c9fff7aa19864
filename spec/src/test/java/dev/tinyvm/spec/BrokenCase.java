package dev.tinyvm.spec;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A document that must be refused.
 *
 * @param schemaRefuses whether JSON Schema can say so too
 */
record BrokenCase(String name, List<Expected> expected, boolean schemaRefuses, String text) {
    /** One problem: its path, line, and a part of its message. */
    record Expected(String path, int line, String fragment) {}

    /** All cases of a file on the class path. */
    static List<BrokenCase> all(String resource) throws IOException {
        try (InputStream in = BrokenCase.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IOException("no " + resource);
            }
            String file = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            List<BrokenCase> cases = new ArrayList<>();
            for (String part : file.split("(?m)^=== ")) {
                if (!part.startsWith("#")) {
                    cases.add(parse(part));
                }
            }
            return cases;
        }
    }

    private static BrokenCase parse(String part) {
        List<String> lines = part.lines().toList();
        List<Expected> expected = new ArrayList<>();
        int at = 1;
        for (; lines.get(at).startsWith("expect "); at++) {
            int quoted = lines.get(at).indexOf("\"] ");
            int end = quoted < 0 ? lines.get(at).indexOf(' ', 7) : quoted + 2;
            String path = lines.get(at).substring(7, end);
            String[] rest = lines.get(at).substring(end + 1).split(" ", 2);
            expected.add(new Expected(path.equals("-") ? "" : path, Integer.parseInt(rest[0]), rest[1]));
        }
        boolean refuses = lines.get(at).equals("schema refuses");
        if (!refuses && !lines.get(at).equals("schema cannot")) {
            throw new IllegalStateException("case without a word on the schema: " + lines.getFirst());
        }
        String text = String.join("\n", lines.subList(at + 1, lines.size())) + "\n";
        return new BrokenCase(lines.getFirst(), expected, refuses, text);
    }

    @Override
    public String toString() {
        return name;
    }
}
