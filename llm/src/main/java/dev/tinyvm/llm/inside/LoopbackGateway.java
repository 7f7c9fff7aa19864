package dev.tinyvm.llm.inside;

import dev.tinyvm.engine.GuestConnection;
import dev.tinyvm.llm.Caller;
import dev.tinyvm.llm.Gateway;
import dev.tinyvm.llm.http.HttpConnection;
import dev.tinyvm.manager.LoopbackService;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The gateway at {@code http://127.0.0.1:4000} inside each Tiny VM, and the variables by which stock SDKs find it. Who calls is told by the connection, never by what
 * is sent on it; the key in the variables is a word that opens nothing. Not offered where the descriptor allows no model. Immutable, any thread.
 */
public final class LoopbackGateway implements LoopbackService {
    /** On the Tiny VM's own 127.0.0.1. */
    public static final int PORT = 4_000;
    /** SDKs refuse to start without a key; this one is none. */
    public static final String DUMMY_KEY = "tinyvm";

    private static final Logger log = LoggerFactory.getLogger(LoopbackGateway.class);
    private static final Map<String, String> ENVIRONMENT = environment();

    private final Gateway gateway;

    /** Of a gateway that the caller closes. */
    public LoopbackGateway(Gateway gateway) {
        this.gateway = gateway;
    }

    @Override
    public Map<String, String> environment(ServedVm vm) {
        return isOffered(vm) ? ENVIRONMENT : Map.of();
    }

    @Override
    public List<Port> ports(ServedVm vm) {
        Caller caller = new Caller(vm.id(), vm.agent(), vm.owner());
        return isOffered(vm) ? List.of(new Port(PORT, connection -> serve(connection, caller))) : List.of();
    }

    private static boolean isOffered(ServedVm vm) {
        return !vm.spec().llm().models().isEmpty();
    }

    private void serve(GuestConnection connection, Caller caller) {
        try {
            new HttpConnection(connection.input(), connection.output())
                    .serve((request, answer) -> gateway.handle(request, caller, answer));
        } catch (IOException e) {
            log.debug("a connection of vm '{}' to the gateway ended: {}", caller.vm(), e.getMessage());
        }
    }

    private static Map<String, String> environment() {
        String root = "http://127.0.0.1:" + PORT;
        Map<String, String> variables = new LinkedHashMap<>();
        variables.put("OPENAI_BASE_URL", root + "/v1");
        variables.put("OPENAI_API_KEY", DUMMY_KEY);
        variables.put("ANTHROPIC_BASE_URL", root);
        variables.put("ANTHROPIC_API_KEY", DUMMY_KEY);
        variables.put("GOOGLE_GEMINI_BASE_URL", root);
        variables.put("GEMINI_API_KEY", DUMMY_KEY);
        return Map.copyOf(variables);
    }
}
