package dev.tinyvm.llm.inside;

import dev.tinyvm.llm.Caller;
import dev.tinyvm.llm.WaitListener;
import dev.tinyvm.manager.VmActivity;
import dev.tinyvm.manager.VmActivity.ModelCall;

/**
 * Tells the manager which Tiny VM waits for a model, so that it freezes it and wakes it before the first byte is handed on. A call lives on one thread from its
 * beginning to its end, so the thread knows its call. Calls from outside of Tiny VMs are none of the manager's business.
 */
public final class WaitSignals implements WaitListener {
    private static final ThreadLocal<ModelCall> CURRENT = new ThreadLocal<>();
    /** The manager is made after the gateway: both hold the other. */
    private volatile VmActivity activity = VmActivity.NONE;

    /** From here on the manager is told; before, there are no calls. */
    public void tell(VmActivity manager) {
        activity = manager;
    }

    @Override
    public void callBegan(Caller caller) {
        if (!caller.vm().isEmpty()) {
            CURRENT.set(activity.modelCall(caller.vm()));
        }
    }

    @Override
    public void firstByte(Caller caller) {
        ModelCall call = CURRENT.get();
        if (call != null) {
            call.answered();
        }
    }

    @Override
    public void callEnded(Caller caller) {
        ModelCall call = CURRENT.get();
        if (call != null) {
            CURRENT.remove();
            call.close();
        }
    }
}
