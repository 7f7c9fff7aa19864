package dev.tinyvm.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** {@code -e NAME=value} and {@code -e NAME}, the latter with the value that the variable has here. */
final class Environment {
    private Environment() {}

    static Map<String, String> parse(List<String> words, Shell shell) {
        Map<String, String> env = new LinkedHashMap<>();
        for (String word : words) {
            int equals = word.indexOf('=');
            String name = equals < 0 ? word : word.substring(0, equals);
            if (name.isEmpty()) {
                throw new CliException(ExitCode.USAGE, "-e " + word + " has no name; write -e NAME=value");
            }
            if (equals >= 0) {
                env.put(name, word.substring(equals + 1));
            } else if (shell.env().containsKey(name)) {
                env.put(name, shell.variable(name));
            }
        }
        return env;
    }
}
