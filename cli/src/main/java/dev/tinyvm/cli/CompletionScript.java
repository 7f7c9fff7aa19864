package dev.tinyvm.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import picocli.CommandLine;

/** The script behind {@code tinyvm completion bash|zsh}: commands, their options, and the names of agents and Tiny VMs. */
final class CompletionScript {
    static final String USAGE = """
            Usage: tinyvm completion bash|zsh
            Print a completion script.

            Examples:
              source <(tinyvm completion bash)
              tinyvm completion zsh > ~/.tinyvm-completion; echo 'source ~/.tinyvm-completion' >> ~/.zshrc
            """;

    private final List<CommandSource> sources;
    private final Shell shell;

    CompletionScript(List<CommandSource> sources, Shell shell) {
        this.sources = sources;
        this.shell = shell;
    }

    String of(String which) {
        List<String> names = new ArrayList<>(List.of("help", "completion", "test", "build"));
        StringBuilder cases = new StringBuilder();
        for (CommandSource source : sources) {
            for (CommandSource.Entry entry : source.entries()) {
                names.add(entry.name());
                Object command = source.make(entry.name(), shell);
                if (command == null) {
                    continue;
                }
                CommandLine line = command instanceof CommandLine ready ? ready : new CommandLine(command);
                List<String> words = new ArrayList<>(line.getSubcommands().keySet());
                line.getCommandSpec().options().stream()
                        .filter(o -> !o.hidden())
                        .forEach(o -> words.addAll(List.of(o.names())));
                cases.append("    ")
                        .append(entry.name())
                        .append(") words='")
                        .append(String.join(" ", words))
                        .append("' ;;\n");
            }
        }
        String zsh = which.equals("zsh")
                ? "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"
                : "";
        return zsh
                + """
                # Completion of tinyvm for bash, and for zsh through bashcompinit.
                _tinyvm() {
                  local current=${COMP_WORDS[COMP_CWORD]} words=
                  if [ "$COMP_CWORD" -eq 1 ]; then
                    COMPREPLY=($(compgen -W "%s" -- "$current"))
                    return
                  fi
                  case ${COMP_WORDS[1]} in
                    help) words='%s' ;;
                    completion) words='bash zsh' ;;
                    test) words='native v2 java walls' ;;
                %s  esac
                  case ${COMP_WORDS[1]}:$current in
                    *:-* | help:* | completion:* | test:* | key:* | image:* | bench:*) ;;
                    scale:* | stop:* | restart:* | rm:* | pause:* | resume:* | resize:* | exec:* | cp:* | inspect:* | logs:* | stats:* | events:* | start:*)
                      words="$words $("${COMP_WORDS[0]}" ps --names 2>/dev/null)"
                      ;;
                  esac
                  COMPREPLY=($(compgen -W "$words" -- "$current"))
                }
                complete -o default -F _tinyvm tinyvm
                """.formatted(
                                String.join(" ", names),
                                String.join(" ", names),
                                cases.toString().lines().map(l -> l + "\n").collect(Collectors.joining()));
    }
}
