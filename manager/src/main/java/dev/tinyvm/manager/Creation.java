package dev.tinyvm.manager;

import dev.tinyvm.engine.CheckpointStore;
import dev.tinyvm.manager.Checkpoints.CheckpointInfo;
import dev.tinyvm.manager.ImageCatalog.ImageInfo;
import dev.tinyvm.manager.Manager.CreateRequest;
import dev.tinyvm.manager.Manager.Deadline;
import dev.tinyvm.manager.Manager.VmState;
import dev.tinyvm.manager.ManagerException.Code;
import dev.tinyvm.spec.Agent;
import dev.tinyvm.spec.Metadata;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;

/** Makes Tiny VMs: checks, the idempotency key, the name, admission, and the undoing of all of it when it fails. */
final class Creation {
    private static final char[] ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789".toCharArray();
    private static final int ID_LENGTH = 16;
    private static final int SHORT_NAME_ID_LENGTH = 8;

    private final Shared shared;
    private final VmBook book;
    private final IdempotencyTable idempotency;
    private final SecureRandom random = new SecureRandom();
    private final ConcurrentMap<String, CompletableFuture<Void>> underWay = new ConcurrentHashMap<>();

    Creation(Shared shared, VmBook book, IdempotencyTable idempotency) {
        this.shared = shared;
        this.book = book;
        this.idempotency = idempotency;
    }

    TinyVm create(CreateRequest request) {
        return create(
                request, VmChecks.image(shared.images(), request.agent().spec().image()));
    }

    /** As above. @param image what the descriptor's image was found to be */
    TinyVm create(CreateRequest request, ImageInfo image) {
        if (!request.id().isEmpty()) {
            VmChecks.id(request.id());
        }
        String id = request.id().isEmpty() ? newId() : request.id();
        String key = request.idempotencyKey();
        if (key.isEmpty()) {
            return make(request, image, id, "");
        }
        CompletableFuture<Void> mine = takeTurn(key);
        try {
            Optional<String> earlier =
                    idempotency.claim(key, content(request), id, shared.timing().now());
            return earlier.isPresent() ? earlierOne(key, earlier.get()) : makeFirst(request, image, id, key);
        } finally {
            underWay.remove(key, mine);
            mine.complete(null);
        }
    }

    /** One request a key at a time: the second one finds what the first has made. */
    private CompletableFuture<Void> takeTurn(String key) {
        CompletableFuture<Void> mine = new CompletableFuture<>();
        while (true) {
            CompletableFuture<Void> other = underWay.putIfAbsent(key, mine);
            if (other == null) {
                return mine;
            }
            other.join();
        }
    }

    private TinyVm makeFirst(CreateRequest request, ImageInfo image, String id, String key) {
        try {
            return make(request, image, id, key);
        } catch (RuntimeException e) {
            shared.store().submitUnwatched(idempotency.release(key));
            throw e;
        }
    }

    /** A replica of an agent; queued when the host is full. A failed start is its state. */
    TinyVm createReplica(Agent agent, int ordinal, String owner) {
        Agent own = new Agent(agent.metadata(), agent.spec().withReplicas(1));
        String name = agent.metadata().name() + "-" + ordinal;
        ImageInfo image = VmChecks.image(shared.images(), own.spec().image());
        check(own);
        VmRecord record = record(
                newId(),
                name,
                agent.metadata().name(),
                ordinal,
                own,
                image,
                CreateRequest.of(own).ownedBy(owner));
        TinyVm vm = new TinyVm(shared, record);
        book.add(vm);
        try {
            shared.store()
                    .write(List.of(VmTable.put(record), shared.events().about(record, "vm.created", "", Map.of())));
        } catch (RuntimeException e) {
            book.remove(vm);
            throw e;
        }
        return vm;
    }

    /**
     * One that goes on from a checkpoint; its descriptor and image are those of the checkpoint.
     *
     * @param name empty: made up
     * @throws ManagerException {@code NO_CAPACITY} when it does not fit now: it is not queued
     */
    TinyVm restore(CheckpointInfo from, CheckpointStore store, Engines.Choice choice, String name, String owner) {
        Agent stored = from.descriptor();
        Agent own = new Agent(
                new Metadata(name, stored.metadata().labels()), stored.spec().withReplicas(1));
        if (!name.isEmpty()) {
            VmChecks.name(name);
        }
        VmChecks.resources(own.spec().resources());
        VmChecks.volumes(own.spec().volumes(), shared.settings().volumeHostPaths());
        shared.admission().requireEverFits(own.spec().resources());
        ImageInfo image = shared.images()
                .find(from.image())
                .orElseThrow(() -> new ManagerException(
                        Code.IMAGE,
                        "the image of the checkpoint " + from.name() + ", " + from.image()
                                + ", has been removed; pull or import it again"));
        String id = newId();
        TinyVm vm = new TinyVm(
                shared,
                record(
                        id,
                        name(own.metadata(), id),
                        "",
                        -1,
                        own,
                        image,
                        CreateRequest.of(own).ownedBy(owner)));
        vm.log().isNew();
        book.add(vm);
        try {
            if (!shared.admission().tryAdmit(id, own.spec().resources())) {
                Admission.Wait wait = shared.admission().refusal(own.spec().resources());
                throw new ManagerException(Code.NO_CAPACITY, wait.reason() + ": " + wait.message());
            }
            vm.beginFrom(choice, store, from.name());
            return vm;
        } catch (RuntimeException e) {
            vm.remove("vm.create-failed", e.getMessage() == null ? e.toString() : e.getMessage());
            book.remove(vm);
            throw e;
        }
    }

    private TinyVm make(CreateRequest request, ImageInfo image, String id, String key) {
        Agent agent = check(request.agent());
        VmChecks.tags(request.tags());
        Engines.Choice choice = shared.choose(agent.spec(), image);
        Agent own = new Agent(agent.metadata(), agent.spec().withReplicas(1));
        String name = name(agent.metadata(), id);
        TinyVm vm = new TinyVm(shared, record(id, name, "", -1, own, image, request));
        if (request.id().isEmpty()) {
            vm.log().isNew();
        }
        book.add(vm);
        try {
            boolean admitted = shared.admission().tryAdmit(id, agent.spec().resources());
            if (!admitted && !request.waitForCapacity()) {
                Admission.Wait wait = shared.admission().refusal(agent.spec().resources());
                throw new ManagerException(Code.NO_CAPACITY, wait.reason() + ": " + wait.message());
            }
            vm.begin(
                    admitted,
                    image,
                    choice,
                    key.isEmpty()
                            ? List.of()
                            : idempotency.store(key, shared.timing().now()));
            return vm;
        } catch (RuntimeException e) {
            vm.remove("vm.create-failed", e.getMessage() == null ? e.toString() : e.getMessage());
            book.remove(vm);
            throw e;
        }
    }

    private TinyVm earlierOne(String key, String id) {
        return book.find(id)
                .orElseThrow(() -> new ManagerException(
                        Code.GONE,
                        "the Tiny VM " + id + ", made with the idempotency key " + key
                                + ", has been removed; use a new key for a new one"));
    }

    /** Throws when it can never run here, whatever its image. */
    private Agent check(Agent agent) {
        if (!agent.metadata().name().isEmpty()) {
            VmChecks.name(agent.metadata().name());
        }
        VmChecks.resources(agent.spec().resources());
        VmChecks.volumes(agent.spec().volumes(), shared.settings().volumeHostPaths());
        shared.admission().requireEverFits(agent.spec().resources());
        return agent;
    }

    /** As {@link #check}, for an agent about to be stored. */
    void checkAgent(Agent agent) {
        if (agent.metadata().name().isEmpty()) {
            throw new ManagerException(Code.INVALID, "an agent needs a name; set metadata.name");
        }
        check(agent);
        shared.choose(agent.spec());
    }

    private VmRecord record(
            String id, String name, String agentName, int ordinal, Agent own, ImageInfo image, CreateRequest request) {
        return new VmRecord(
                book.nextOrder(),
                id,
                name,
                agentName,
                ordinal,
                request.attached(),
                request.owner(),
                agentName.isEmpty() ? "" : AgentCodec.fingerprint(own),
                Micros.exact(shared.timing().now()),
                own,
                request.tags(),
                request.deadline().map(d -> new Deadline(Micros.exact(d.at()), d.action())),
                VmRecord.Placement.of(image.machineImage()),
                VmRecord.Phase.of(VmState.PENDING),
                VmRecord.History.NONE);
    }

    private String name(Metadata metadata, String id) {
        if (!metadata.name().isEmpty()) {
            return metadata.name();
        }
        String shortName = "vm-" + id.substring(0, SHORT_NAME_ID_LENGTH);
        return book.find(shortName).isEmpty() ? shortName : "vm-" + id;
    }

    private String newId() {
        byte[] bytes = new byte[ID_LENGTH];
        random.nextBytes(bytes);
        char[] id = new char[ID_LENGTH];
        for (int i = 0; i < ID_LENGTH; i++) {
            // 256 is no multiple of 36: some letters come a little more often, which costs less than one of 82 random
            // bits.
            id[i] = ID_ALPHABET[(bytes[i] & 0xff) % ID_ALPHABET.length];
        }
        return new String(id);
    }

    private static byte[] content(CreateRequest request) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.writeBytes(AgentCodec.encode(request.agent()));
        all.writeBytes(AgentCodec.encodeMap(new java.util.TreeMap<>(request.tags())));
        Optional<Instant> at = request.deadline().map(Deadline::at);
        String rest = request.id() + " " + request.attached() + " "
                + request.deadline().map(Deadline::action) + " " + at.isPresent();
        all.writeBytes(rest.getBytes(StandardCharsets.UTF_8));
        try {
            return MessageDigest.getInstance("SHA-256").digest(all.toByteArray());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
