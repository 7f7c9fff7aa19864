package dev.tinyvm.cli;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Commands by name. A command is made only when it is called: that keeps the start short. */
public interface CommandSource {
    /** All names in the order of the help. */
    List<Entry> entries();

    /** A fresh picocli command object; null for a name that is not of this source. */
    @Nullable
    Object make(String name, Shell shell);

    /** @param group heading in the help @param summary a line for the help */
    record Entry(String name, String group, String summary) {}
}
