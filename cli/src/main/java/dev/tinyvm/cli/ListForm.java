package dev.tinyvm.cli;

import dev.tinyvm.cli.text.Table;
import java.io.PrintStream;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import picocli.CommandLine.Option;

/** How a list is printed: as a table, as names alone, or as JSON. */
public final class ListForm {
    @Option(
            names = {"-q", "--quiet"},
            description = "Print names alone.")
    boolean quiet;

    @Option(names = "--json", description = "Print JSON.")
    boolean json;

    /**
     * Prints it.
     *
     * @param name what {@code --quiet} prints of each, a line for each
     * @param table made only when it is printed
     */
    public <T> void print(PrintStream out, List<T> list, Function<T, List<String>> name, Supplier<Table> table) {
        if (json) {
            JsonOutput.print(out, list);
        } else if (quiet) {
            list.forEach(each -> name.apply(each).forEach(out::println));
        } else {
            table.get().lines().forEach(out::println);
        }
    }
}
