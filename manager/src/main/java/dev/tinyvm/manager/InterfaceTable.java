package dev.tinyvm.manager;

import dev.tinyvm.engine.RoutedInterface;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What routed interfaces are called and where they lead, for the next manager: the spawner tells it only once. Whether there is to be an interface says the descriptor; whether
 * there is one, the engine. A line that is lost, or that outlives its interface, costs the next manager an attachment.
 */
final class InterfaceTable {
    private final Store store;
    private final Map<String, RoutedInterface> known = new ConcurrentHashMap<>();

    InterfaceTable(Store store) {
        this.store = store;
    }

    /** Before the store is started. */
    void load() {
        store.read(
                        "SELECT vm, name, address, gateway, connect_filter FROM interfaces",
                        row -> Map.entry(
                                row.getString(1),
                                new RoutedInterface(
                                        row.getString(2), row.getString(3), row.getString(4), row.getBoolean(5))))
                .forEach(entry -> known.put(entry.getKey(), entry.getValue()));
    }

    Optional<RoutedInterface> find(String vm) {
        return Optional.ofNullable(known.get(vm));
    }

    void put(String vm, RoutedInterface made) {
        known.put(vm, made);
        store.submitUnwatched(List.of(statements -> statements.run(
                "INSERT OR REPLACE INTO interfaces(vm, name, address, gateway, connect_filter) VALUES (?,?,?,?,?)",
                vm,
                made.name(),
                made.address(),
                made.gateway(),
                made.connectFilter())));
    }

    void remove(String vm) {
        if (known.remove(vm) != null) {
            store.submitUnwatched(List.of(statements -> statements.run("DELETE FROM interfaces WHERE vm = ?", vm)));
        }
    }
}
