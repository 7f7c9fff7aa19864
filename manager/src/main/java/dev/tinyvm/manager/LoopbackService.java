package dev.tinyvm.manager;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.engine.RoutedRule;
import dev.tinyvm.spec.AgentSpec;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Something that the host offers a Tiny VM on the Tiny VM's own 127.0.0.1: the LLM gateway, the egress proxy. The connections come over the guest link,
 * so that no network is needed. Methods are called within a turn of the Tiny VM, also for those that the next manager finds: they must answer from memory.
 */
public interface LoopbackService {
    /** Variables of every command in it that the descriptor does not set itself; empty when it is not offered there. */
    Map<String, String> environment(ServedVm vm);

    /** The ports to listen on, opened before the main process starts; empty when it is not offered there. */
    List<Port> ports(ServedVm vm);

    /** Its descriptor has changed while it runs; {@link #ports} is asked next, for ports that are not open yet. */
    default void changed(ServedVm vm) {}

    /** What it tried to reach, when this service is its way out. @param mostLines of the log */
    default Optional<EgressReport> egress(ServedVm vm, int mostLines) {
        return Optional.empty();
    }

    /**
     * What a routed interface may reach by a descriptor, which need not be stored yet: the list for the kernel, when this service is the way out. Any thread.
     */
    default Optional<List<RoutedRule>> routed(ServedVm vm) {
        return Optional.empty();
    }

    /** It is gone for good: what was kept for it can go, too. */
    default void removed(String vm) {}

    /**
     * Who is served.
     *
     * @param id unique for ever
     * @param name for people
     * @param agent name of its agent, empty for one made by itself
     * @param labels of its descriptor
     * @param spec what it was made from
     * @param owner name of the API key of whoever made it or its agent; empty: unknown
     */
    record ServedVm(String id, String name, String agent, Map<String, String> labels, AgentSpec spec, String owner) {
        public ServedVm {
            labels = Map.copyOf(labels);
        }
    }

    /**
     * One listener.
     *
     * @param number on the Tiny VM's 127.0.0.1
     * @param handler called for each connection on a virtual thread of its own; the connection is closed when it returns
     * @param datagrams answers datagrams to the UDP port of that number, each on a virtual thread; empty: there is none. Behind walls without UDP there is none either
     */
    record Port(int number, Consumer<GuestConnection> handler, Optional<Function<byte[], Optional<byte[]>>> datagrams) {
        /** TCP alone. */
        public Port(int number, Consumer<GuestConnection> handler) {
            this(number, handler, Optional.empty());
        }
    }
}
