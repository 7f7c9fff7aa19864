package dev.tinyvm.guestlink;

import dev.tinyvm.guestlink.wire.GuestMessage;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Streams that the host cancelled: frames for them may still be on their way and are ignored, but not more than the guest had credit for.
 * The oldest is forgotten when there are many; its frames have long arrived then.
 */
final class CancelledStreams {
    private final Map<Integer, Allowance> allowances = new LinkedHashMap<>();

    synchronized void add(int stream, int credit) {
        allowances.put(stream, new Allowance(credit));
        if (allowances.size() > LinkLimits.MAX_CANCELLED) {
            allowances.remove(allowances.keySet().iterator().next());
        }
    }

    synchronized void remove(int stream) {
        allowances.remove(stream);
    }

    synchronized boolean contains(int stream) {
        return allowances.containsKey(stream);
    }

    /** Whether the frame may be ignored; otherwise it is a violation. */
    synchronized boolean ignore(int stream, GuestMessage message, int payloadBytes) {
        Allowance allowance = allowances.get(stream);
        if (allowance == null) {
            return false;
        }
        boolean terminal = switch (message) {
            case ERROR, DONE, CANCEL, EXITED -> true;
            default -> false;
        };
        if (terminal) {
            allowances.remove(stream);
            return true;
        }
        switch (message) {
            case STDOUT, STDERR -> allowance.bytes -= Math.max(0, payloadBytes - Long.BYTES);
            case DATA, ENTRIES, WATCH_EVENT -> allowance.bytes -= payloadBytes;
            default -> allowance.frames--;
        }
        return allowance.bytes >= 0 && allowance.frames >= 0;
    }

    private static final class Allowance {
        private long bytes;
        private int frames = LinkLimits.FRAMES_AFTER_CANCEL;

        private Allowance(int bytes) {
            this.bytes = bytes;
        }
    }
}
