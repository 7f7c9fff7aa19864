package dev.tinyvm.manager;

import dev.tinyvm.manager.Manager.Deadline;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.spec.Agent;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What is stored of one Tiny VM.
 *
 * @param order rises with each Tiny VM that is made: the order of lists and of the queue
 * @param agent its agent's name, empty for one made by itself
 * @param ordinal its number among the agent's replicas, −1 for one made by itself
 * @param attached removed by the next manager
 * @param owner name of the API key of whoever made it or its agent; empty: unknown
 * @param madeFrom {@link AgentCodec#fingerprint} of the descriptor it was made from, which a resize does not change
 */
record VmRecord(
        long order,
        String id,
        String name,
        String agent,
        int ordinal,
        boolean attached,
        String owner,
        String madeFrom,
        Instant createdAt,
        Agent descriptor,
        Map<String, String> tags,
        Optional<Deadline> deadline,
        Placement placement,
        Phase phase,
        History history) {
    VmRecord {
        tags = Map.copyOf(tags);
    }

    VmState state() {
        return phase.state();
    }

    VmRecord withDescriptor(Agent changed) {
        return new VmRecord(
                order, id, name, agent, ordinal, attached, owner, madeFrom, createdAt, changed, tags, deadline,
                placement, phase, history);
    }

    VmRecord withTags(Map<String, String> changed) {
        return new VmRecord(
                order,
                id,
                name,
                agent,
                ordinal,
                attached,
                owner,
                madeFrom,
                createdAt,
                descriptor,
                changed,
                deadline,
                placement,
                phase,
                history);
    }

    VmRecord withDeadline(Optional<Deadline> changed) {
        return new VmRecord(
                order,
                id,
                name,
                agent,
                ordinal,
                attached,
                owner,
                madeFrom,
                createdAt,
                descriptor,
                tags,
                changed,
                placement,
                phase,
                history);
    }

    VmRecord withPlacement(Placement changed) {
        return new VmRecord(
                order,
                id,
                name,
                agent,
                ordinal,
                attached,
                owner,
                madeFrom,
                createdAt,
                descriptor,
                tags,
                deadline,
                changed,
                phase,
                history);
    }

    VmRecord withPhase(Phase changed) {
        return new VmRecord(
                order,
                id,
                name,
                agent,
                ordinal,
                attached,
                owner,
                madeFrom,
                createdAt,
                descriptor,
                tags,
                deadline,
                placement,
                changed,
                history);
    }

    VmRecord withHistory(History changed) {
        return new VmRecord(
                order,
                id,
                name,
                agent,
                ordinal,
                attached,
                owner,
                madeFrom,
                createdAt,
                descriptor,
                tags,
                deadline,
                placement,
                phase,
                changed);
    }

    /**
     * Where it runs.
     *
     * @param engine the wall's word, empty until chosen
     * @param engineReason why this wall
     * @param generation how many machines it has had, the present one included; written before the machine is made
     * @param image what every machine of it is made from, by digest where the image has one: a tag that moves does not move it; empty until chosen
     */
    record Placement(String engine, String engineReason, int generation, String image) {
        static final Placement NONE = new Placement("", "", 0, "");

        /** Not placed yet, of this image. */
        static Placement of(String image) {
            return new Placement("", "", 0, image);
        }

        Placement next(String chosen, String why) {
            return new Placement(chosen, why, generation + 1, image);
        }

        Placement withImage(String changed) {
            return new Placement(engine, engineReason, generation, changed);
        }
    }

    /** Where it is in its life. */
    record Phase(
            VmState state,
            String reason,
            String message,
            Optional<Instant> startedAt,
            Optional<Instant> endedAt,
            Optional<Integer> exitCode,
            Optional<Integer> signal) {
        static Phase of(VmState state) {
            return new Phase(state, "", "", Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
        }

        Phase with(VmState changed, String why, String text) {
            return new Phase(changed, why, text, startedAt, endedAt, exitCode, signal);
        }

        Phase started(Instant at) {
            return new Phase(state, reason, message, Optional.of(at), Optional.empty(), exitCode, signal);
        }

        Phase ended(Instant at) {
            return new Phase(state, reason, message, startedAt, Optional.of(at), exitCode, signal);
        }

        Phase exited(Optional<Integer> code, Optional<Integer> bySignal) {
            return new Phase(state, reason, message, startedAt, endedAt, code, bySignal);
        }
    }

    /**
     * What happened before.
     *
     * @param restarts since it was made
     * @param endedRun the main process whose end has been dealt with, as {@link MainRun#text()}; empty: none
     * @param recentRestarts the last ones, oldest first
     */
    record History(int restarts, String endedRun, List<Instant> recentRestarts) {
        static final History NONE = new History(0, "", List.of());

        History {
            recentRestarts = List.copyOf(recentRestarts);
        }
    }
}
