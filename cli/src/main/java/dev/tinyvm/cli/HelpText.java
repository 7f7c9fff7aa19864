package dev.tinyvm.cli;

import dev.tinyvm.cli.text.Style;
import dev.tinyvm.cli.text.Style.Look;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The overview that {@code tinyvm help} prints. */
final class HelpText {
    private final List<CommandSource> sources;
    private final Style style;

    HelpText(List<CommandSource> sources, Style style) {
        this.sources = sources;
        this.style = style;
    }

    String overview() {
        Map<String, List<CommandSource.Entry>> groups = new LinkedHashMap<>();
        for (String group : List.of(
                "First steps", "Agents and Tiny VMs", "Inside a Tiny VM", "Watching", "This host", "This program")) {
            groups.put(group, new ArrayList<>());
        }
        for (CommandSource source : sources) {
            for (CommandSource.Entry entry : source.entries()) {
                groups.computeIfAbsent(entry.group(), g -> new ArrayList<>()).add(entry);
            }
        }
        List<CommandSource.Entry> program = groups.computeIfAbsent("This program", g -> new ArrayList<>());
        program.add(new CommandSource.Entry("completion", "", "Print shell completion for bash or zsh"));
        program.add(new CommandSource.Entry("help", "", "This overview, or the help of one command: tinyvm help run"));
        program.add(new CommandSource.Entry("test", "", "Run all tests of a source checkout"));
        program.add(new CommandSource.Entry("build", "", "Build a source checkout without starting anything"));

        StringBuilder text =
                new StringBuilder("TinyVM runs thousands of isolated Tiny VMs for agents on one Linux machine.\n\n");
        text.append("Usage: tinyvm [--url URL | --data DIR] COMMAND [ARGUMENTS]\n");
        groups.forEach((group, entries) -> {
            if (entries.isEmpty()) {
                return;
            }
            text.append('\n').append(style.paint(Look.BOLD, group)).append('\n');
            for (CommandSource.Entry entry : entries) {
                text.append("  ")
                        .append(style.paint(Look.CYAN, entry.name()))
                        .repeat(' ', Math.max(1, 12 - entry.name().length()))
                        .append(entry.summary())
                        .append('\n');
            }
        });
        text.append("""

                Try:
                  sudo tinyvm run host -- echo hello        one command in a Tiny VM of its own
                  sudo tinyvm up --detach                   a manager that keeps many
                  sudo tinyvm start agent.yaml --replicas 8

                TINYVM_URL and TINYVM_API_KEY name a manager elsewhere. Help of one command: tinyvm COMMAND --help
                """);
        return text.toString();
    }
}
