package dev.tinyvm.cli;

import picocli.CommandLine.Option;

/** How a command inside is joined to the terminal or pipes here. */
final class StreamOptions {
    @Option(
            names = {"-i", "--interactive"},
            description = "Send standard input, even from a terminal.")
    boolean interactive;

    @Option(
            names = {"-t", "--tty"},
            description = "Give the command a terminal.")
    boolean tty;
}
