package dev.tinyvm.manager;

import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;

/** Forgets the oldest ended Tiny VMs that were made by themselves, with their logs, so that the list stays bounded. The monitor guards the queue. */
final class Retention {
    private final VmBook book;
    private final int kept;
    private final Deque<TinyVm> ended = new ArrayDeque<>();

    Retention(VmBook book, int kept) {
        this.book = book;
        this.kept = kept;
    }

    /** After a start: those that ended before. */
    void trim() {
        List<TinyVm> all = book.all().stream()
                .filter(Retention::counts)
                .sorted(Comparator.comparing(
                        vm -> vm.record().phase().endedAt().orElse(vm.record().createdAt())))
                .toList();
        synchronized (this) {
            ended.clear();
            ended.addAll(all);
        }
        forgetOldest();
    }

    /** Called in a turn of that Tiny VM; others are forgotten on threads of their own. */
    void ended(TinyVm vm) {
        if (!vm.record().agent().isEmpty() || vm.record().attached()) {
            return;
        }
        synchronized (this) {
            ended.remove(vm);
            ended.add(vm);
        }
        forgetOldest();
    }

    private void forgetOldest() {
        while (true) {
            TinyVm oldest;
            synchronized (this) {
                ended.removeIf(vm -> !counts(vm));
                if (ended.size() <= kept) {
                    return;
                }
                oldest = ended.poll();
            }
            if (oldest != null) {
                TinyVm forgotten = oldest;
                Thread.ofVirtual().name(forgotten.id() + "-forget").start(() -> forgotten.forgetIfEnded());
            }
        }
    }

    private static boolean counts(TinyVm vm) {
        return !vm.gone()
                && vm.record().agent().isEmpty()
                && !vm.record().attached()
                && vm.record().state().ended();
    }
}
