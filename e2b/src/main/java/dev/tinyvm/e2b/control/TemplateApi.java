package dev.tinyvm.e2b.control;

import dev.tinyvm.e2b.E2bError;
import dev.tinyvm.e2b.Exchange;
import dev.tinyvm.e2b.Sandboxes;
import dev.tinyvm.e2b.Template;
import java.time.Instant;
import java.util.List;

/** Templates: those that the manager brings are listed and found; building new ones is not there yet and says so. */
final class TemplateApi {
    private final Sandboxes sandboxes;
    private final Instant since;

    TemplateApi(Sandboxes sandboxes) {
        this.sandboxes = sandboxes;
        this.since = sandboxes.settings().clock().instant();
    }

    void serve(Exchange exchange, String version, List<String> path) {
        boolean get = exchange.method().equals("GET");
        if (path.size() == 1) {
            if (!get) {
                throw E2bError.notBuilt("building templates");
            }
            list(exchange);
        } else if (path.get(1).equals("tags")) {
            throw E2bError.notBuilt("tags of templates");
        } else if (path.get(1).equals("aliases") && path.size() == 3 && get) {
            alias(exchange, path.get(2));
        } else if (path.size() == 2) {
            one(exchange, path.get(1));
        } else if (path.size() == 3 && path.get(2).equals("tags") && get) {
            tags(exchange, find(path.get(1)));
        } else {
            throw E2bError.notBuilt("building templates");
        }
    }

    private void list(Exchange exchange) {
        exchange.json(200, g -> {
            g.writeStartArray();
            sandboxes.templates().forEach(t -> SandboxJson.template(g, t, since));
            g.writeEndArray();
        });
    }

    private void one(Exchange exchange, String name) {
        Template template = find(name);
        switch (exchange.method()) {
            case "GET" ->
                exchange.json(200, g -> {
                    g.writeStartObject();
                    g.writeStringProperty("templateID", template.id());
                    g.writeBooleanProperty("public", true);
                    SandboxJson.strings(g, "aliases", List.of(template.id()));
                    SandboxJson.strings(g, "names", List.of(template.id()));
                    g.writeStringProperty("createdAt", since.toString());
                    g.writeStringProperty("updatedAt", since.toString());
                    g.writeNullProperty("lastSpawnedAt");
                    g.writeNumberProperty("spawnCount", 0);
                    g.writeArrayPropertyStart("builds");
                    g.writeEndArray();
                    g.writeEndObject();
                });
            case "DELETE" ->
                throw new E2bError(403, "template '" + template.id() + "' comes with TinyVM and cannot be deleted");
            default -> throw E2bError.notBuilt("changing templates");
        }
    }

    private void alias(Exchange exchange, String alias) {
        Template template = find(alias);
        exchange.json(200, g -> {
            g.writeStartObject();
            g.writeStringProperty("templateID", template.id());
            g.writeBooleanProperty("public", true);
            g.writeEndObject();
        });
    }

    private void tags(Exchange exchange, Template template) {
        exchange.json(200, g -> {
            g.writeStartArray();
            g.writeStartObject();
            g.writeStringProperty("tag", "default");
            g.writeStringProperty("buildID", template.buildId().toString());
            g.writeStringProperty("createdAt", since.toString());
            g.writeEndObject();
            g.writeEndArray();
        });
    }

    private Template find(String name) {
        return sandboxes.template(name).orElseThrow(() -> new E2bError(404, "template '" + name + "' not found"));
    }
}
