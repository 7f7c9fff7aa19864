package dev.tinyvm.sdk;

import dev.tinyvm.sdk.ExecCommand.Window;
import java.util.Optional;

/**
 * A Tiny VM in the foreground, which lives as long as its session.
 *
 * @param descriptor its command is what runs
 * @param terminal window size when the command shall have a terminal
 * @param stdin whether input will be written
 * @param waitForCapacity whether to wait when the host is full
 */
public record RunRequest(Descriptor descriptor, Optional<Window> terminal, boolean stdin, boolean waitForCapacity) {}
