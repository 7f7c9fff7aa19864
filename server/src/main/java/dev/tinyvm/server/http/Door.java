package dev.tinyvm.server.http;

import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** A dialect: it translates requests under its paths to the manager's verbs and back. */
public interface Door {
    /** Adds its routes. Called once, before the server listens. */
    void mount(Router router);

    /**
     * Takes requests that are told by a header or by the host they are sent to, whatever their path. Asked before the host check and the routes; one that is not this
     * door's is left alone and {@code false} returned. Such a door checks keys and answers errors by itself, in its own dialect.
     */
    default boolean takes(Request request, Response response, Callback callback) {
        return false;
    }
}
