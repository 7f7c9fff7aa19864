package dev.tinyvm.guestlink;

import dev.tinyvm.guestlink.wire.WireException;
import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** What the host may still send on one stream. */
final class SendWindow {
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private long credit;
    private boolean closed;

    SendWindow(long credit) {
        this.credit = credit;
    }

    /** Takes up to {@code wanted} bytes of credit, waiting for some as long as it takes; 0 once closed. */
    int take(int wanted) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            while (credit == 0 && !closed) {
                changed.await();
            }
            return granted(wanted);
        } finally {
            lock.unlock();
        }
    }

    /** As {@link #take(int)}; −1 when so much time passed without credit. */
    int take(int wanted, Duration patience) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            long left = patience.toNanos();
            while (credit == 0 && !closed) {
                if (left <= 0) {
                    return -1;
                }
                left = changed.awaitNanos(left);
            }
            return granted(wanted);
        } finally {
            lock.unlock();
        }
    }

    /** Takes all of it or nothing, without waiting. */
    boolean tryTake(int wanted) {
        lock.lock();
        try {
            if (closed || credit < wanted) {
                return false;
            }
            credit -= wanted;
            return true;
        } finally {
            lock.unlock();
        }
    }

    void add(long more) throws WireException {
        lock.lock();
        try {
            credit += more;
            if (more == 0 || credit > Integer.MAX_VALUE) {
                throw new WireException("WINDOW adds " + more + " bytes to a credit of " + (credit - more));
            }
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Wakes everybody who waits: nothing more can be sent. */
    void close() {
        lock.lock();
        try {
            closed = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private int granted(int wanted) {
        if (closed) {
            return 0;
        }
        int count = (int) Math.min(wanted, credit);
        credit -= count;
        return count;
    }
}
