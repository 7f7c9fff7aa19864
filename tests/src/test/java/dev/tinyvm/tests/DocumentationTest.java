package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Keeps the documents true: links, paths, commands, test names. */
class DocumentationTest {
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:\\s]+)(#[^)]*)?\\)");
    private static final Pattern PATH =
            Pattern.compile("`((?:native|docs|spec|examples|tests|\\.ci)/[A-Za-z0-9_./-]+)`");
    private static final Pattern COMMAND = Pattern.compile("\\./tinyvm ([a-z]+)");
    private static final Pattern TEST =
            Pattern.compile("`([A-Z][A-Za-z0-9]*Test|[A-Z][A-Za-z0-9]*Contract)\\.([a-z][A-Za-z0-9]*)`");
    /** Tests with E2B's SDKs: a file stands for all in it; that it exists is checked with all other paths. */
    private static final Pattern SDK_TESTS = Pattern.compile("`tests/e2b/[a-z]+\\.test\\.mjs`");

    private static final Pattern PYTHON_TEST = Pattern.compile("`(test_[a-z0-9_]+)`");
    /** Words of the entry script itself. */
    private static final Set<String> ENTRY_COMMANDS = Set.of("test", "build");

    @Test
    void everyLinkLeadsToAFile() throws IOException {
        List<String> broken = new ArrayList<>();
        for (Path document : documents()) {
            Matcher matcher = LINK.matcher(Files.readString(document));
            while (matcher.find()) {
                Path target = parent(document).resolve(matcher.group(1)).normalize();
                if (!Files.exists(target)) {
                    broken.add(Repository.ROOT.relativize(document) + " -> " + matcher.group(1));
                }
            }
        }
        assertThat(broken).isEmpty();
    }

    @Test
    void everyPathThatIsNamedExists() throws IOException {
        Set<String> missing = new TreeSet<>();
        for (Path document : documents()) {
            Matcher matcher = PATH.matcher(Files.readString(document));
            while (matcher.find()) {
                String path = matcher.group(1);
                if (!path.contains("/build/")
                        && !path.contains("/data")
                        && !Files.exists(Repository.ROOT.resolve(path))) {
                    missing.add(Repository.ROOT.relativize(document) + ": " + path);
                }
            }
        }
        assertThat(missing).isEmpty();
    }

    @Test
    void everyCommandThatIsNamedExistsInTheHelp() throws Exception {
        String help = Shell.run(Repository.ROOT, "./tinyvm", "help").output();
        Set<String> unknown = new TreeSet<>();
        for (Path document : documents()) {
            Matcher matcher = COMMAND.matcher(Files.readString(document));
            while (matcher.find()) {
                String command = matcher.group(1);
                if (!ENTRY_COMMANDS.contains(command)
                        && !Pattern.compile("(?m)^\\s+" + command + "\\b")
                                .matcher(help)
                                .find()) {
                    unknown.add(Repository.ROOT.relativize(document) + ": " + command);
                }
            }
        }
        assertThat(unknown).isEmpty();
    }

    @Test
    void everyPromiseNamesATestThatExistsOrSaysPending() throws IOException {
        String specification = Files.readString(Repository.ROOT.resolve("SPECIFICATION.md"));
        String sources = sources();
        List<String> wrong = new ArrayList<>();
        Set<String> numbers = new HashSet<>();
        int promises = 0;
        for (String row : specification
                .lines()
                .filter(l -> l.matches("\\| [A-Z]-\\d+ .*"))
                .toList()) {
            promises++;
            String number = row.substring(2, row.indexOf(' ', 2));
            if (!numbers.add(number)) {
                wrong.add("two promises have the number " + number);
            }
            boolean named = row.contains("*pending*")
                    || row.contains("`./tinyvm bench ")
                    || row.contains("`./tinyvm test ")
                    || SDK_TESTS.matcher(row).find();
            Matcher java = TEST.matcher(row);
            while (java.find()) {
                named = true;
                if (!sources.contains("void " + java.group(2) + "(")) {
                    wrong.add("no test " + java.group() + " for " + row);
                }
            }
            Matcher python = PYTHON_TEST.matcher(row);
            while (python.find()) {
                named = true;
                if (!sources.contains(python.group(1))) {
                    wrong.add("no test " + python.group() + " for " + row);
                }
            }
            if (!named) {
                wrong.add("no test named: " + row);
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(promises).isGreaterThan(20);
    }

    private static List<Path> documents() throws IOException {
        try (Stream<Path> files = Files.walk(Repository.ROOT)) {
            return files.filter(f -> f.toString().endsWith(".md"))
                    .filter(f -> !f.toString().contains("/target/")
                            && !f.toString().contains("/node_modules/")
                            && !f.toString().contains("/build/"))
                    .sorted()
                    .toList();
        }
    }

    private static String sources() throws IOException {
        try (Stream<Path> files = Files.walk(Repository.ROOT)) {
            return files.filter(f ->
                            f.toString().contains("/src/test/") || f.toString().contains("/test/"))
                    .filter(f -> f.toString().endsWith(".java")
                            || f.toString().endsWith(".py")
                            || f.toString().endsWith(".c")
                            || f.toString().endsWith(".sh"))
                    .filter(f ->
                            !f.toString().contains("/target/") && !f.toString().contains("/build/"))
                    .map(DocumentationTest::read)
                    .collect(Collectors.joining("\n"));
        }
    }

    private static Path parent(Path file) {
        Path parent = file.getParent();
        return parent == null ? Repository.ROOT : parent;
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
