package dev.tinyvm.guestlink;

import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles;
import dev.tinyvm.guestlink.wire.FrameWriter;
import dev.tinyvm.guestlink.wire.GuestMessage;
import dev.tinyvm.guestlink.wire.PayloadReader;
import dev.tinyvm.guestlink.wire.WireException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/** {@link GuestFiles} over a link. A failure of {@link #write} may show as late as in the stream's {@code close}. */
final class LinkFiles implements GuestFiles {
    private static final int FLAG_PARENTS = 1;
    private static final int FLAG_APPEND = 2;
    private static final int FLAG_EXCLUSIVE = 4;
    private static final int FLAG_ATOMIC = 8;

    /** Requests on their way at once when many files are asked for. */
    private static final int MAX_ASKED = 128;
    /** As the protocol has it. */
    private static final int MAX_ATTRIBUTES = 256;

    private static final int MIN_ATTRIBUTE_BYTES = 8;

    private final GuestLink link;

    LinkFiles(GuestLink link) {
        this.link = link;
    }

    @Override
    public Entry stat(String user, String path, boolean followLinks) {
        String attempt = "stat " + path;
        CallStream<Entry> call = new CallStream<>(
                link,
                attempt,
                GuestMessage.STAT,
                EntryReader::read,
                (errno, message) -> GuestErrors.file(attempt, errno, message));
        link.open(
                call, () -> GuestMessage.FILE_STAT.frame(0).str(user).str(path).bool(followLinks));
        return link.await(call.answer(), LinkLimits.PROGRESS, call);
    }

    @Override
    public List<Entry> list(String user, String path, int depth) {
        EntryListStream list = new EntryListStream(link, "list " + path);
        link.open(
                list, () -> GuestMessage.FILE_LIST.frame(0).str(user).str(path).u32(Math.max(1, depth)));
        return list.awaitAll();
    }

    @Override
    public void makeDirectory(String user, String path, int mode, boolean parents) {
        call(
                "make the directory " + path,
                GuestMessage.FILE_MKDIR,
                f -> f.str(user).str(path).u32(mode).bool(parents));
    }

    @Override
    public void rename(String user, String from, String to, boolean noReplace) {
        call(
                "rename " + from + " to " + to,
                GuestMessage.FILE_RENAME,
                f -> f.str(user).str(from).str(to).bool(noReplace));
    }

    @Override
    public void remove(String user, String path, boolean recursive) {
        call(
                "remove " + path,
                GuestMessage.FILE_REMOVE,
                f -> f.str(user).str(path).bool(recursive));
    }

    @Override
    public void chmod(String user, String path, int mode) {
        call(
                "change the mode of " + path,
                GuestMessage.FILE_CHMOD,
                f -> f.str(user).str(path).u32(mode));
    }

    @Override
    public void chown(String path, String owner) {
        call(
                "change the owner of " + path,
                GuestMessage.FILE_CHOWN,
                f -> f.str("root").str(path).str(owner));
    }

    @Override
    public List<Map<String, String>> attributes(String user, List<String> paths) {
        List<Map<String, String>> found = new ArrayList<>(paths.size());
        Deque<CallStream<Map<String, String>>> asked = new ArrayDeque<>();
        for (String path : paths) {
            if (asked.size() == MAX_ASKED) {
                found.add(attributes(asked.remove()));
            }
            String attempt = "read the attributes of " + path;
            CallStream<Map<String, String>> call = new CallStream<>(
                    link,
                    attempt,
                    GuestMessage.XATTRS,
                    LinkFiles::attributes,
                    (errno, message) -> GuestErrors.file(attempt, errno, message));
            asked.add(link.open(
                    call, () -> GuestMessage.FILE_XATTRS.frame(0).str(user).str(path)));
        }
        while (!asked.isEmpty()) {
            found.add(attributes(asked.remove()));
        }
        return found;
    }

    private Map<String, String> attributes(CallStream<Map<String, String>> call) {
        try {
            return link.await(call.answer(), LinkLimits.PROGRESS, call);
        } catch (GuestFileException e) {
            if (e.errno() == Errno.EINVAL) {
                throw e;
            }
            // Gone meanwhile, not to be reached, or too many: none, as the interface has it.
            return Map.of();
        }
    }

    private static Map<String, String> attributes(PayloadReader payload) throws WireException {
        int count = payload.count(MIN_ATTRIBUTE_BYTES);
        if (count > MAX_ATTRIBUTES) {
            throw new WireException(count + " attributes of one file, allowed are " + MAX_ATTRIBUTES);
        }
        Map<String, String> attributes = new TreeMap<>();
        for (int i = 0; i < count; i++) {
            attributes.put(payload.str(), payload.str());
        }
        return Collections.unmodifiableMap(attributes);
    }

    @Override
    public void setAttribute(String user, String path, String name, String value) {
        call(
                "set the attribute " + name + " of " + path,
                GuestMessage.FILE_SET_XATTR,
                f -> f.str(user).str(path).str(name).str(value));
    }

    @Override
    public void removeAttribute(String user, String path, String name) {
        call(
                "remove the attribute " + name + " of " + path,
                GuestMessage.FILE_REMOVE_XATTR,
                f -> f.str(user).str(path).str(name));
    }

    @Override
    public void symlink(String user, String target, String path) {
        call(
                "make the link " + path,
                GuestMessage.FILE_SYMLINK,
                f -> f.str(user).str(target).str(path));
    }

    @Override
    public Content read(String user, String path, long offset, long length) {
        FileReadStream stream = new FileReadStream(link, "read " + path);
        link.open(
                stream,
                () -> GuestMessage.FILE_READ
                        .frame(0)
                        .str(user)
                        .str(path)
                        .u64(offset)
                        .u64(length < 0 ? -1 : length));
        return new Content(stream.awaitEntry(), stream.input());
    }

    @Override
    public WriteStream write(String user, String path, WriteOptions options) {
        FileWriteStream stream = new FileWriteStream(link, "write " + path);
        int flags = (options.makeParents() ? FLAG_PARENTS : 0)
                | (options.append() ? FLAG_APPEND : 0)
                | (options.exclusive() ? FLAG_EXCLUSIVE : 0)
                | (options.atomic() ? FLAG_ATOMIC : 0);
        link.open(
                stream,
                () -> GuestMessage.FILE_WRITE
                        .frame(0)
                        .str(user)
                        .str(path)
                        .u32(options.mode())
                        .u8(flags));
        return stream.output();
    }

    @Override
    public AutoCloseable watch(String user, String path, boolean recursive, Consumer<Change> onEvent) {
        WatchStream stream = new WatchStream(link, "watch " + path, onEvent);
        link.open(
                stream,
                () -> GuestMessage.FILE_WATCH.frame(0).str(user).str(path).bool(recursive));
        stream.awaitWatching();
        return stream;
    }

    private void call(String attempt, GuestMessage type, Consumer<FrameWriter> fields) {
        CallStream<Boolean> call = new CallStream<>(
                link,
                attempt,
                GuestMessage.DONE,
                payload -> true,
                (errno, message) -> GuestErrors.file(attempt, errno, message));
        link.open(call, () -> {
            FrameWriter frame = type.frame(0);
            fields.accept(frame);
            return frame;
        });
        link.await(call.answer(), LinkLimits.PROGRESS, call);
    }
}
