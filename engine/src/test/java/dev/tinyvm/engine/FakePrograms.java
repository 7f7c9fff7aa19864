package dev.tinyvm.engine;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The commands of every {@link FakeHost}.
 *
 * <p>As on Linux: {@code true}, {@code false}, {@code echo WORDS}, {@code cat [FILE]}, {@code sleep SECONDS}, {@code env}, {@code pwd}, {@code whoami}, {@code id -un}, {@code hostname},
 * {@code test -f|-d|-e PATH}, {@code touch PATH}, {@code rm PATH}, {@code sh|bash [-l] [-i] -c SCRIPT} where the script is commands joined by {@code ;} or {@code &&} with simple quotes.
 *
 * <p>Of its own: {@code exit N}, {@code stderr WORDS}, {@code spam N} (N bytes of output, line by line), {@code oom} (SIGKILL, and an OOM kill is counted),
 * {@code oom-machine}, {@code crash-machine}, {@code die N} (by signal N), {@code stubborn} (ignores SIGTERM, says {@code ready}, runs until SIGKILL),
 * {@code echo-server PORT}, {@code connect PORT WORDS} (sends the words, prints the answer), {@code window} (prints rows and columns).
 */
final class FakePrograms {
    private FakePrograms() {}

    static Map<String, FakeProgram> standard() {
        Map<String, FakeProgram> programs = new HashMap<>();
        programs.put("true", p -> 0);
        programs.put("false", p -> 1);
        programs.put("exit", p -> Integer.parseInt(word(p, 1, "0")));
        programs.put("echo", FakePrograms::echo);
        programs.put("stderr", FakePrograms::stderr);
        programs.put("cat", FakePrograms::cat);
        programs.put("sleep", FakePrograms::sleep);
        programs.put("env", FakePrograms::env);
        programs.put("pwd", p -> say(p, p.workingDir()));
        programs.put("whoami", p -> say(p, p.user()));
        programs.put("id", p -> say(p, p.user()));
        programs.put("hostname", p -> say(p, p.vm().spec().hostname()));
        programs.put(
                "window",
                p -> say(p, p.window().map(w -> w.rows() + " " + w.columns()).orElse("none")));
        programs.put("spam", FakePrograms::spam);
        programs.put("die", p -> p.dieBySignal(Integer.parseInt(word(p, 1, "9"))));
        programs.put("oom", FakePrograms::oom);
        programs.put("oom-machine", p -> machineEnds(p, p.vm()::oomKill));
        programs.put("crash-machine", p -> machineEnds(p, p.vm()::crash));
        programs.put("stubborn", FakePrograms::stubborn);
        programs.put("test", FakePrograms::test);
        programs.put("touch", p -> onFile(p, path -> p.vm().files().put(p.user(), path, new byte[0])));
        programs.put("rm", p -> onFile(p, path -> p.vm().files().remove(p.user(), path, false)));
        programs.put("echo-server", FakePrograms::echoServer);
        programs.put("connect", FakePrograms::connect);
        programs.put("sh", p -> shell(p));
        programs.put("bash", p -> shell(p));
        return programs;
    }

    private static int echo(FakeProcess self) throws InterruptedException {
        return say(self, rest(self, 1));
    }

    private static int stderr(FakeProcess self) throws InterruptedException {
        self.err(rest(self, 1) + "\n");
        return 0;
    }

    private static int cat(FakeProcess self) throws InterruptedException {
        if (self.command().size() > 1) {
            return onFile(self, path -> self.out(self.vm().files().content(self.user(), path)));
        }
        for (byte[] bytes = self.read(); bytes != null; bytes = self.read()) {
            self.out(bytes);
        }
        return 0;
    }

    private static int sleep(FakeProcess self) throws InterruptedException {
        String seconds = word(self, 1, "0");
        self.sleep(
                seconds.equals("infinity")
                        ? Duration.ofDays(1000)
                        : Duration.ofMillis((long) (Double.parseDouble(seconds) * 1000)));
        return 0;
    }

    private static int env(FakeProcess self) throws InterruptedException {
        for (Map.Entry<String, String> entry : self.env().entrySet()) {
            say(self, entry.getKey() + "=" + entry.getValue());
        }
        return 0;
    }

    /** Bytes in lines of 64, the same every time: each line is its own number. */
    private static int spam(FakeProcess self) throws InterruptedException {
        long left = Long.parseLong(word(self, 1, "0"));
        for (long line = 0; left > 0; line++) {
            byte[] bytes = spamLine(line);
            self.out(left < bytes.length ? Arrays.copyOf(bytes, (int) left) : bytes);
            left -= bytes.length;
        }
        return 0;
    }

    private static byte[] spamLine(long line) {
        return "%063d\n".formatted(line).getBytes(StandardCharsets.US_ASCII);
    }

    private static int oom(FakeProcess self) throws InterruptedException {
        self.vm().countOomKill();
        return self.dieBySignal(9);
    }

    private static int machineEnds(FakeProcess self, Runnable end) throws InterruptedException {
        end.run();
        return self.dieBySignal(9);
    }

    private static int stubborn(FakeProcess self) throws InterruptedException {
        self.ignoreSignal(15);
        say(self, "ready");
        self.sleep(Duration.ofDays(1000));
        return 0;
    }

    private static int test(FakeProcess self) {
        String path = absolute(self, word(self, 2, ""));
        return switch (word(self, 1, "")) {
            case "-e" -> self.vm().files().exists(path) ? 0 : 1;
            case "-d" -> self.vm().files().isDirectory(path) ? 0 : 1;
            case "-f" -> self.vm().files().exists(path) && !self.vm().files().isDirectory(path) ? 0 : 1;
            default -> 2;
        };
    }

    private static int echoServer(FakeProcess self) throws InterruptedException {
        int port = Integer.parseInt(word(self, 1, "0"));
        AutoCloseable listener = self.vm().ports().listenInside(port, FakePorts::echo);
        try {
            say(self, "ready");
            self.sleep(Duration.ofDays(1000));
            return 0;
        } finally {
            FakePorts.close(listener);
        }
    }

    private static int connect(FakeProcess self) throws InterruptedException {
        try (GuestConnection connection = self.vm().ports().connectFromInside(Integer.parseInt(word(self, 1, "0")))) {
            connection.output().write(rest(self, 2).getBytes(StandardCharsets.UTF_8));
            connection.output().close();
            self.out(connection.input().readAllBytes());
            return 0;
        } catch (java.io.IOException | EngineException e) {
            self.err(e.getMessage() + "\n");
            return 1;
        }
    }

    private static int shell(FakeProcess self) throws InterruptedException {
        int at = self.command().indexOf("-c");
        if (at > 0 && at + 1 < self.command().size()) {
            return script(self, self.command().get(at + 1));
        }
        int status = 0;
        StringBuilder line = new StringBuilder();
        for (byte[] bytes = self.read(); bytes != null; bytes = self.read()) {
            for (char c : new String(bytes, StandardCharsets.UTF_8).toCharArray()) {
                if (c != '\n' && c != '\r') {
                    line.append(c);
                    continue;
                }
                String command = line.toString().strip();
                line.setLength(0);
                if (command.equals("exit")) {
                    return status;
                }
                status = script(self, command);
                if (command.startsWith("exit ")) {
                    return status;
                }
            }
        }
        return line.isEmpty() ? status : script(self, line.toString());
    }

    private static int script(FakeProcess self, String script) throws InterruptedException {
        int status = 0;
        for (List<String> command : split(script)) {
            boolean onlyAfterSuccess = command.getFirst().equals("&&");
            List<String> words = onlyAfterSuccess ? command.subList(1, command.size()) : command;
            if (words.isEmpty() || (onlyAfterSuccess && status != 0)) {
                continue;
            }
            FakeProgram program = self.vm().program(words.getFirst());
            if (program == null) {
                self.err("sh: " + words.getFirst() + ": not found\n");
                status = 127;
                continue;
            }
            status = program.run(self.as(words));
            if (words.getFirst().equals("exit")) {
                return status;
            }
        }
        return status;
    }

    /** Words of each command; a command that runs only after success of the one before starts with {@code &&}. */
    private static List<List<String>> split(String script) {
        List<List<String>> commands = new ArrayList<>();
        List<String> words = new ArrayList<>();
        StringBuilder word = new StringBuilder();
        boolean inWord = false;
        char quote = 0;
        for (int i = 0; i <= script.length(); i++) {
            char c = i == script.length() ? ';' : script.charAt(i);
            if (quote != 0 && i < script.length()) {
                if (c == quote) {
                    quote = 0;
                } else {
                    word.append(c);
                }
            } else if (c == '\'' || c == '"') {
                quote = c;
                inWord = true;
            } else if ((Character.isWhitespace(c) && c != '\n') || c == ';' || c == '\n' || c == '&') {
                if (inWord) {
                    words.add(word.toString());
                    word.setLength(0);
                    inWord = false;
                }
                if (c == ';' || c == '\n' || c == '&') {
                    if (!words.isEmpty()) {
                        commands.add(words);
                    }
                    words = new ArrayList<>();
                    if (script.startsWith("&&", i)) {
                        words.add("&&");
                        i++;
                    }
                }
            } else {
                word.append(c);
                inWord = true;
            }
        }
        return commands;
    }

    private static int onFile(FakeProcess self, FileAction action) throws InterruptedException {
        String path = absolute(self, self.command().getLast());
        try {
            action.run(path);
            return 0;
        } catch (GuestFiles.GuestFileException e) {
            self.err(self.command().getFirst() + ": " + path + ": " + e.getMessage() + "\n");
            return 1;
        }
    }

    private static String absolute(FakeProcess self, String path) {
        return path.startsWith("/") ? path : self.workingDir() + "/" + path;
    }

    private static int say(FakeProcess self, @Nullable String line) throws InterruptedException {
        self.out(line + "\n");
        return 0;
    }

    private static String word(FakeProcess self, int index, String otherwise) {
        return index < self.command().size() ? self.command().get(index) : otherwise;
    }

    private static String rest(FakeProcess self, int from) {
        return String.join(
                " ",
                self.command()
                        .subList(
                                Math.min(from, self.command().size()),
                                self.command().size()));
    }

    /** Something done with a path. */
    private interface FileAction {
        void run(String path) throws InterruptedException;
    }
}
