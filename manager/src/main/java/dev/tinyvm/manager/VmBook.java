package dev.tinyvm.manager;

import dev.tinyvm.manager.Manager.Page;
import dev.tinyvm.manager.Manager.VmQuery;
import dev.tinyvm.manager.Manager.VmStatus;
import dev.tinyvm.manager.ManagerException.Code;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;

/** All Tiny VMs, by order of creation, id and name. The monitor guards the maps and is held for look-ups only. */
final class VmBook {
    private static final int MAX_PAGE = 1_000;

    private final TreeMap<Long, TinyVm> byOrder = new TreeMap<>();
    private final Map<String, TinyVm> byId = new HashMap<>();
    private final Map<String, TinyVm> byName = new HashMap<>();
    private final AtomicLong lastOrder = new AtomicLong();

    long nextOrder() {
        return lastOrder.incrementAndGet();
    }

    /** @throws ManagerException {@code CONFLICT} when its id or name is taken */
    synchronized void add(TinyVm vm) {
        VmRecord record = vm.record();
        // A name must not be taken for another one's id, since either will do in a request.
        requireFree(record.id(), "id");
        requireFree(record.name(), "name");
        byOrder.put(record.order(), vm);
        byId.put(record.id(), vm);
        byName.put(record.name(), vm);
        lastOrder.accumulateAndGet(record.order(), Math::max);
    }

    synchronized void remove(TinyVm vm) {
        VmRecord record = vm.record();
        byOrder.remove(record.order(), vm);
        byId.remove(record.id(), vm);
        byName.remove(record.name(), vm);
    }

    synchronized Optional<TinyVm> find(String idOrName) {
        TinyVm vm = byId.get(idOrName);
        return Optional.ofNullable(vm == null ? byName.get(idOrName) : vm);
    }

    /** @throws ManagerException {@code NOT_FOUND} */
    TinyVm get(String idOrName) {
        return find(idOrName)
                .orElseThrow(() -> new ManagerException(
                        Code.NOT_FOUND, "there is no Tiny VM " + idOrName + "; `tinyvm ps -a` lists them"));
    }

    /** In the order of their creation. */
    synchronized List<TinyVm> all() {
        return new ArrayList<>(byOrder.values());
    }

    /** An agent's, by ordinal. */
    List<TinyVm> replicas(String agent) {
        return all().stream()
                .filter(vm -> vm.record().agent().equals(agent))
                .sorted(java.util.Comparator.comparingInt(vm -> vm.record().ordinal()))
                .toList();
    }

    Page<VmStatus> page(VmQuery query) {
        if (query.limit() < 1 || query.limit() > MAX_PAGE) {
            throw new ManagerException(
                    Code.INVALID, "the limit of a page is " + query.limit() + "; allowed are 1 to " + MAX_PAGE);
        }
        long after = after(query.pageToken());
        List<TinyVm> candidates;
        synchronized (this) {
            candidates = new ArrayList<>(byOrder.tailMap(after, false).values());
        }
        List<VmStatus> items = new ArrayList<>();
        long last = after;
        for (TinyVm vm : candidates) {
            if (!matches(query, vm)) {
                continue;
            }
            if (items.size() == query.limit()) {
                return new Page<>(items, Long.toString(last));
            }
            items.add(vm.status());
            last = vm.record().order();
        }
        return new Page<>(items, "");
    }

    private static boolean matches(VmQuery query, TinyVm vm) {
        VmRecord record = vm.record();
        return (query.agent().isEmpty() || query.agent().equals(record.agent()))
                && (query.states().isEmpty() || query.states().contains(record.state()))
                && record.descriptor()
                        .metadata()
                        .labels()
                        .entrySet()
                        .containsAll(query.labels().entrySet());
    }

    private static long after(String token) {
        if (token.isEmpty()) {
            return Long.MIN_VALUE;
        }
        try {
            return Long.parseLong(token);
        } catch (NumberFormatException e) {
            throw new ManagerException(
                    Code.INVALID, "the page token is not one of this manager; use the nextToken of the page before", e);
        }
    }

    private void requireFree(String word, String what) {
        if (byId.containsKey(word) || byName.containsKey(word)) {
            throw new ManagerException(
                    Code.CONFLICT,
                    "there is already a Tiny VM " + word + "; choose another " + what + ", or remove that one first");
        }
    }
}
