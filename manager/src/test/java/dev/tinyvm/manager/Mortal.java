package dev.tinyvm.manager;

import dev.tinyvm.engine.Engine;
import dev.tinyvm.engine.Engine.Adoption;
import dev.tinyvm.engine.GuestProcess;
import dev.tinyvm.engine.GuestProcess.Output;
import dev.tinyvm.engine.Machine;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

/**
 * {@code kill -9} of a manager: from the moment of its death none of its threads gets anything done, neither on disk nor at a wall. Dies at
 * a given write of the store, before or after it.
 */
final class Mortal implements Store.Gate {
    private final CountDownLatch death = new CountDownLatch(1);
    private final int dieAtWrite;
    private final boolean before;
    private int writes;
    private int outputsInHand;
    private volatile boolean dead;

    Mortal(int dieAtWrite, boolean before) {
        this.dieAtWrite = dieAtWrite;
        this.before = before;
    }

    CountDownLatch death() {
        return death;
    }

    synchronized int writes() {
        return writes;
    }

    synchronized void die() {
        dead = true;
        death.countDown();
    }

    @Override
    public void beforeCommit() {
        synchronized (this) {
            writes++;
        }
        if (before && writes() == dieAtWrite) {
            die();
        }
        stopIfDead();
    }

    @Override
    public void afterCommit() {
        if (!before && writes() == dieAtWrite) {
            die();
        }
        stopIfDead();
    }

    /** The engine as the mortal manager sees it. */
    Engine wrap(Engine engine) {
        return proxy(Engine.class, engine);
    }

    /** Output that was taken before the death and may still be on its way into a log: a killed process would have written it or not. */
    void awaitLastLogWrites() {
        Fixture.eventually(() -> outputInHand(0) && outputsInHand == 0, "the logs are quiet");
    }

    /** False, and not counted, when it comes after the death. */
    private synchronized boolean outputInHand(int change) {
        if (change > 0 && dead) {
            return false;
        }
        outputsInHand += change;
        return true;
    }

    private void stopIfDead() {
        while (dead) {
            // Woken by nobody: the thread of a killed process.
            LockSupport.park(this);
            boolean _ = Thread.interrupted();
        }
    }

    private <T> T proxy(Class<T> type, T target) {
        AtomicBoolean inHand = new AtomicBoolean();
        InvocationHandler handler = (self, method, arguments) -> {
            if (method.getName().equals("hashCode")) {
                return System.identityHashCode(self);
            }
            if (method.getName().equals("equals")) {
                return System.identityHashCode(self) == System.identityHashCode(arguments[0]);
            }
            if (inHand.getAndSet(false)) {
                outputInHand(-1);
            }
            stopIfDead();
            try {
                Object result = method.invoke(target, arguments);
                if (result instanceof Output.Stdout || result instanceof Output.Stderr) {
                    inHand.set(outputInHand(1));
                    if (!inHand.get()) {
                        stopIfDead();
                    }
                    return result;
                }
                stopIfDead();
                return wrapResult(result);
            } catch (InvocationTargetException e) {
                stopIfDead();
                throw e.getCause();
            }
        };
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
    }

    private Object wrapResult(Object result) {
        return switch (result) {
            case Machine machine -> proxy(Machine.class, machine);
            case GuestProcess process -> proxy(GuestProcess.class, process);
            case Adoption adoption ->
                new Adoption(
                        adoption.machines().stream()
                                .map(m -> proxy(Machine.class, m))
                                .toList(),
                        adoption.ended(),
                        adoption.removed(),
                        adoption.lastCpuMicros());
            case CompletableFuture<?> future ->
                future.thenApply(value -> {
                    stopIfDead();
                    return value;
                });
            case null, default -> result;
        };
    }
}
