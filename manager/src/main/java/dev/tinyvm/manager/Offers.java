package dev.tinyvm.manager;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.Machine;
import dev.tinyvm.engine.RoutedRule;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What the host offers its Tiny VMs on their own loopback, all services together. */
record Offers(List<LoopbackService> services) {
    Offers {
        services = List.copyOf(services);
    }

    /** Of every command: the services' variables, then the descriptor's own, which win. */
    Map<String, String> environment(VmRecord vm) {
        Map<String, String> own = vm.descriptor().spec().env();
        if (services.isEmpty()) {
            return own;
        }
        LoopbackService.ServedVm served = served(vm);
        Map<String, String> all = new LinkedHashMap<>();
        services.forEach(service -> all.putAll(service.environment(served)));
        all.putAll(own);
        return all;
    }

    /**
     * Opens the ports in a machine that was just made or adopted.
     *
     * @param openAlready numbers of those that are open in that machine; grows
     * @param failed told of each port that cannot be opened, such as one that a process inside took while no manager ran
     */
    void open(Machine machine, VmRecord vm, Set<Integer> openAlready, Failed failed) {
        if (services.isEmpty()) {
            return;
        }
        LoopbackService.ServedVm served = served(vm);
        for (LoopbackService service : services) {
            for (LoopbackService.Port port : service.ports(served)) {
                if (openAlready.contains(port.number())) {
                    continue;
                }
                try {
                    // Not kept: the listener ends with the machine or with this manager's link to it.
                    AutoCloseable _ = machine.listen(port.number(), connection -> {
                        try (connection) {
                            port.handler().accept(connection);
                        }
                    });
                    openAlready.add(port.number());
                    if (port.datagrams().isPresent() && machine.hasDatagrams()) {
                        AutoCloseable _ = machine.answerDatagrams(
                                port.number(), port.datagrams().get());
                    }
                } catch (EngineException e) {
                    failed.toOpen(port.number(), Engines.message(e));
                }
            }
        }
    }

    void changed(VmRecord vm) {
        services.forEach(service -> service.changed(served(vm)));
    }

    EgressReport egress(VmRecord vm, int mostLines) {
        return services.stream()
                .flatMap(service -> service.egress(served(vm), mostLines).stream())
                .findFirst()
                .orElseGet(() -> EgressReport.none(vm.descriptor().spec().network()));
    }

    /** The list for a routed interface; without a service that is the way out nothing may be reached. */
    List<RoutedRule> routed(VmRecord vm) {
        return services.stream()
                .flatMap(service -> service.routed(served(vm)).stream())
                .findFirst()
                .orElse(List.of());
    }

    void removed(String vm) {
        services.forEach(service -> service.removed(vm));
    }

    private static LoopbackService.ServedVm served(VmRecord vm) {
        return new LoopbackService.ServedVm(
                vm.id(),
                vm.name(),
                vm.agent(),
                vm.descriptor().metadata().labels(),
                vm.descriptor().spec(),
                vm.owner());
    }

    interface Failed {
        void toOpen(int port, String reason);
    }
}
