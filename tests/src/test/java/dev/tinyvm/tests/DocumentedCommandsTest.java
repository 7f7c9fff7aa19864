package dev.tinyvm.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Commands in the documents, run as printed. A comment before a block says what it is: {@code runs: TEXT} are commands whose output holds that text, {@code before: TEXT} the same before the
 * manager starts, {@code file: NAME} is a file that they use. Only the port, the data directory and {@code /tmp} are others: this machine has its own.
 */
@NeedsWalls
class DocumentedCommandsTest {
    private static final Pattern BLOCK =
            Pattern.compile("(?m)^<!-- (runs|before|file): (.*) -->\n```[a-z]*\n((?s:.*?))^```$");

    /** A block of a document. */
    private record Block(String kind, String about, String text) {}

    @ParameterizedTest
    @ValueSource(strings = {"llm.md", "billing.md", "network.md"})
    void whatADocumentSaysRunsAsPrinted(String document) throws Exception {
        Path own = Files.createTempDirectory(Path.of("/var/tmp"), "tinyvm-docs-");
        int port = freePort();
        try {
            List<Block> blocks = blocks(document, own, port);
            assertThat(blocks).as("%s has marked blocks", document).isNotEmpty();
            prepare(own, blocks);
            List<Block> order = new ArrayList<>(
                    blocks.stream().filter(b -> b.kind.equals("before")).toList());
            boolean starts = blocks.stream().anyMatch(block -> block.text.contains(" up --detach"));
            if (!starts) {
                order.add(new Block(
                        "runs",
                        "ready at",
                        "./tinyvm up --detach --port " + port
                                + (Files.exists(own.resolve("tinyvm.yaml")) ? " --config tinyvm.yaml" : "")
                                + "\nKEY=$(./tinyvm key create docs)\n"));
            }
            blocks.stream().filter(b -> b.kind.equals("runs")).forEach(order::add);
            StringBuilder script =
                    new StringBuilder("sudo() { \"$@\"; }\ntinyvm() { ./tinyvm \"$@\"; }\nset -eu -o pipefail\n");
            for (int i = 0; i < order.size(); i++) {
                script.append(order.get(i).text)
                        .append("\necho; echo '=== end of ")
                        .append(i)
                        .append("'\n");
            }
            Files.writeString(own.resolve("script.sh"), script);
            Shell.Result result = Shell.run(
                    own,
                    Map.of("TINYVM_DATA", own.resolve("data").toString(), "TINYVM_URL", ""),
                    "",
                    "bash",
                    "script.sh");
            assertThat(result.exitCode()).as("%s", result).isZero();
            String rest = result.output();
            for (int i = 0; i < order.size(); i++) {
                String end = "=== end of " + i + "\n";
                String said = rest.substring(0, rest.indexOf(end)) + result.errors();
                assertThat(said).as("block %d of %s", i, document).contains(order.get(i).about);
                rest = rest.substring(rest.indexOf(end) + end.length());
            }
        } finally {
            Shell.run(Repository.ROOT, "./tinyvm", "--data", own.resolve("data").toString(), "down");
            Shell.run(Path.of("/"), "rm", "-rf", own.toString()).expectSuccess();
        }
    }

    private static List<Block> blocks(String document, Path own, int port) throws IOException {
        String text = Files.readString(Repository.ROOT.resolve("docs").resolve(document))
                .replace("/tmp/", own + "/")
                .replace(" up --detach", " up --detach --port " + port)
                .replace("7070", Integer.toString(port));
        List<Block> blocks = new ArrayList<>();
        Matcher matcher = BLOCK.matcher(text);
        while (matcher.find()) {
            blocks.add(new Block(matcher.group(1), matcher.group(2), matcher.group(3)));
        }
        return blocks;
    }

    /** A directory with the entry script, the documents' files, and what only a user has: a token and a key. */
    private static void prepare(Path own, List<Block> blocks) throws IOException {
        // The manager gives root up, and must still reach its data below.
        Files.setPosixFilePermissions(own, PosixFilePermissions.fromString("rwxr-xr-x"));
        Path entry = Files.writeString(
                own.resolve("tinyvm"), "#!/bin/sh\nexec " + Repository.ROOT.toAbsolutePath() + "/tinyvm \"$@\"\n");
        Files.setPosixFilePermissions(entry, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.writeString(own.resolve("token"), "a-token-of-github\n");
        Files.writeString(own.resolve("search.key"), "a-key-of-search\n");
        for (Block block : blocks) {
            if (block.kind.equals("file")) {
                Files.writeString(own.resolve(block.about), block.text);
            }
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }
}
