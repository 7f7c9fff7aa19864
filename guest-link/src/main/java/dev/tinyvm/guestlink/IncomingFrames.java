package dev.tinyvm.guestlink;

import dev.tinyvm.guestlink.wire.FrameDecoder;
import dev.tinyvm.guestlink.wire.GuestMessage;
import dev.tinyvm.guestlink.wire.PayloadReader;
import dev.tinyvm.guestlink.wire.WireException;
import java.nio.ByteBuffer;

/**
 * What each frame of a guest means: the greeting first, then frames of the connection itself, then frames of streams. Whatever the protocol does
 * not allow is a {@link WireException}. On the loop's thread only.
 */
final class IncomingFrames implements FrameDecoder.Sink {
    private final Multiplexer link;

    IncomingFrames(Multiplexer link) {
        this.link = link;
    }

    @Override
    public void frame(byte type, byte flags, int number, ByteBuffer bytes) throws WireException {
        GuestMessage message = GuestMessage.of(type, flags, number, true);
        PayloadReader payload = new PayloadReader(bytes);
        if (!link.isWelcome()) {
            greeted(message, number, payload);
            return;
        }
        if (number == 0) {
            onConnectionFrame(message, payload);
            return;
        }
        if (message == GuestMessage.WINDOW) {
            link.pings().countControlFrame();
        }
        LinkStream stream = link.find(number);
        if (message == GuestMessage.INBOUND) {
            if (stream != null || link.cancelled().contains(number)) {
                throw new WireException("INBOUND under a number that is in use");
            }
            onInbound(number, payload);
        } else if (stream != null) {
            onStreamFrame(message, stream, payload);
        } else if (!link.cancelled().ignore(number, message, bytes.remaining())) {
            throw new WireException(message + " on the unknown stream " + Integer.toUnsignedString(number));
        }
    }

    private void greeted(GuestMessage message, int number, PayloadReader payload) throws WireException {
        if (message == GuestMessage.ERROR && number == 0) {
            connectionError(payload);
            return;
        }
        if (message != GuestMessage.WELCOME) {
            throw new WireException(message + " before WELCOME");
        }
        int version = payload.u16();
        payload.str();
        long bootId = payload.u64();
        long window = payload.u32();
        payload.finish();
        if (version != LinkLimits.PROTOCOL_VERSION) {
            throw new WireException("WELCOME with the version " + version + ", which was not offered");
        }
        if (window > Integer.MAX_VALUE) {
            throw new WireException("WELCOME with a window of " + window + " bytes");
        }
        link.welcomed(bootId, window);
    }

    private void onConnectionFrame(GuestMessage message, PayloadReader payload) throws WireException {
        switch (message) {
            case PING -> {
                long value = payload.u64();
                payload.finish();
                link.pings().countControlFrame();
                link.send(GuestMessage.PONG.frame(0).u64(value).finish());
            }
            case PONG -> {
                link.pings().received(payload.u64());
                payload.finish();
            }
            case ERROR -> connectionError(payload);
            default -> throw new WireException(message + " after WELCOME");
        }
    }

    private void connectionError(PayloadReader payload) throws WireException {
        int errno = payload.i32();
        String text = payload.str();
        payload.finish();
        String why = GuestErrors.engine(link.machine(), "talk to the guest", errno, text)
                .getMessage();
        link.end(new LinkEnd(LinkEnd.Kind.CLOSED_BY_GUEST, String.valueOf(why)));
    }

    private void onStreamFrame(GuestMessage message, LinkStream stream, PayloadReader payload) throws WireException {
        switch (message) {
            case ERROR -> {
                int errno = payload.i32();
                String text = payload.str();
                payload.finish();
                link.remove(stream);
                stream.onError(errno, text);
            }
            case DONE -> {
                payload.finish();
                link.remove(stream);
                stream.onDone();
            }
            case CANCEL -> {
                payload.finish();
                link.remove(stream);
                stream.onCancelled();
            }
            case WINDOW -> {
                long credit = payload.u32();
                payload.finish();
                stream.onWindow(credit);
            }
            default -> {
                stream.onFrame(message, payload);
                payload.finish();
            }
        }
    }

    private void onInbound(int number, PayloadReader payload) throws WireException {
        int listener = payload.i32();
        payload.u16();
        payload.finish();
        LinkStream stream = link.find(listener);
        if (stream instanceof ListenStream listening && link.inbound().mayAccept()) {
            ConnectionStream connection = new ConnectionStream(listening.link, "serve a connection", true);
            link.accept(connection, number);
            listening.accepted(connection);
        } else if (stream instanceof ListenStream || link.cancelled().contains(listener)) {
            link.cancelled().add(number, 0);
            link.send(GuestMessage.CANCEL.frame(number).finish());
        } else {
            throw new WireException("INBOUND for a port on which the host does not listen");
        }
    }
}
