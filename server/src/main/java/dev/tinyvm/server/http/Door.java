package dev.tinyvm.server.http;

/** A dialect: it translates requests under its paths to the manager's verbs and back. */
public interface Door {
    /** Adds its routes. Called once, before the server listens. */
    void mount(Router router);
}
