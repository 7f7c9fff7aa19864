package dev.tinyvm.engine.container;

import dev.tinyvm.guestlink.wire.FrameWriter;

/** The message types of spec/spawner-protocol.md. */
enum SpawnerRequest {
    PING(0x01),
    CREATE(0x02),
    DESTROY(0x03),
    KILL(0x04),
    FREEZE(0x05),
    THAW(0x06),
    RESIZE(0x07),
    STATS(0x08),
    LIST(0x09),
    SUBSCRIBE(0x0a),
    QUIT(0x0b),
    USAGE(0x0c),
    VOLUME_MAKE(0x10),
    VOLUME_REMOVE(0x11),
    VOLUME_USED(0x12),
    ATTACH(0x13),
    DETACH(0x14),
    NETWORK_ATTACH(0x15),
    NETWORK_DETACH(0x16),
    NETWORK_RULES(0x17),
    NETWORK_STATS(0x18),
    CREATE_UNDER(0x20),
    CHECKPOINT(0x21),
    RESTORE_UNDER(0x22),
    CHECKPOINT_REMOVE(0x23),
    CHECKPOINT_LIST(0x24);

    static final int OK = 0x40;
    static final int ERROR = 0x41;
    static final int EVENT = 0x42;

    private final int code;

    SpawnerRequest(int code) {
        this.code = code;
    }

    /** A request; its number is set when it is sent. */
    FrameWriter frame() {
        return new FrameWriter(code, 0);
    }
}
