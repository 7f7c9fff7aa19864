package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import dev.tinyvm.engine.wasm.web.WebException;
import dev.tinyvm.engine.wasm.web.WebExchange;
import dev.tinyvm.engine.wasm.web.WebRequest;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * One HTTP exchange as a file: what is written is the request, the first read sends it, what is read is the head of the answer as one line of JSON and then
 * the body's bytes as they arrive. State: writing, then reading, then over; a write after the first read fails.
 */
final class ExchangeFile implements HostFile {
    private static final int MAX_PART_BYTES = 64 << 10;

    private final GuestContext guest;
    private final Requests requests;
    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private long held;
    private boolean sent;
    private int number;
    private boolean broken;
    private byte[] head = new byte[0];
    private int headDone;

    ExchangeFile(GuestContext guest, Requests requests) {
        this.guest = guest;
        this.requests = requests;
    }

    @Override
    public int write(byte[] bytes, int offset, int length) {
        if (sent) {
            throw new GuestFileException(Errno.EINVAL, "the request has been sent; open the file again for another");
        }
        if (length > TinyvmWeb.MAX_REQUEST_BYTES - written.size()) {
            throw new GuestFileException(
                    Errno.EFBIG, "a request has at most " + TinyvmWeb.MAX_REQUEST_BYTES + " bytes");
        }
        long more = (long) TinyvmWeb.COPIES * length;
        if (!guest.machine().memory().take(more)) {
            throw new GuestFileException(Errno.ENOMEM, "the memory limit leaves no room for the request");
        }
        held += more;
        written.write(bytes, offset, length);
        return length;
    }

    @Override
    public int read(byte[] into, int offset, int length) {
        if (!sent) {
            send();
        }
        if (headDone < head.length) {
            int part = Math.min(length, head.length - headDone);
            System.arraycopy(head, headDone, into, offset, part);
            headDone += part;
            return part;
        }
        if (broken) {
            throw new GuestFileException(Errno.EIO, "the answer broke off");
        }
        return number == 0 || length == 0 ? 0 : body(into, offset, length);
    }

    @Override
    public void close() {
        if (number != 0) {
            guest.web().close(number);
            number = 0;
        }
        guest.machine().memory().giveBack(held);
        held = 0;
        written.reset();
    }

    private void send() {
        sent = true;
        guest.process().waiting(() -> {
            int mine = 0;
            try {
                WebRequest request = requests.of(guest, written.toByteArray());
                mine = guest.web().make();
                head = line(TinyvmWeb.head(guest.web().open(mine, request)).toString());
                number = mine;
            } catch (WebException e) {
                if (mine != 0) {
                    guest.web().close(mine);
                }
                head = line(TinyvmWeb.error(e).toString());
            }
            return 0;
        });
        written.reset();
    }

    private int body(byte[] into, int offset, int length) {
        int[] got = {0};
        guest.process().waiting(() -> {
            try {
                WebExchange exchange = guest.web().require(number);
                byte[] part = exchange.read(Math.min(length, MAX_PART_BYTES));
                System.arraycopy(part, 0, into, offset, part.length);
                got[0] = part.length;
            } catch (WebException e) {
                broken = true;
            }
            return 0;
        });
        if (broken) {
            throw new GuestFileException(Errno.EIO, "the answer broke off");
        }
        return got[0];
    }

    private static byte[] line(String json) {
        return (json + "\n").getBytes(StandardCharsets.UTF_8);
    }

    /** From what was written to a request. */
    @FunctionalInterface
    interface Requests {
        WebRequest of(GuestContext guest, byte[] written) throws WebException;
    }
}
