package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.GuestFiles.Entry;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import dev.tinyvm.engine.wasm.web.WebException;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

/** What {@code bootstrap.js} calls of the engine, as the object {@code host}. File errors become JavaScript errors with a {@code code}. */
final class JsHost {
    /** The functions' names; they are part of the snapshot. */
    static final List<String> NAMES = List.of(
            "write",
            "read",
            "readFile",
            "writeFile",
            "list",
            "stat",
            "mkdir",
            "remove",
            "rename",
            "exit",
            "now",
            "monotonic",
            "random",
            "encode",
            "decode",
            "log",
            "fetch",
            "fetchRead",
            "fetchClose",
            "randomBytes",
            "btoa",
            "atob");

    private static final SecureRandom RANDOM = new SecureRandom();

    private final GuestContext guest;
    private final JsVm vm;
    private final JsWeb web;

    JsHost(GuestContext guest, JsVm vm, JsWeb web) {
        this.guest = guest;
        this.vm = vm;
        this.web = web;
    }

    /** Answers one call. @return a value, or 0 after an exception was raised */
    int call(String name, int[] arguments) {
        try {
            return answer(name, arguments);
        } catch (GuestFileException e) {
            vm.raise(vm.error(e.getMessage() == null ? e.code() : e.code() + ": " + e.getMessage(), e.code()));
            return 0;
        } catch (WebException e) {
            vm.raise(vm.error(String.valueOf(e.getMessage()), e.code()));
            return 0;
        } catch (IllegalArgumentException e) {
            vm.raise(vm.error(String.valueOf(e.getMessage()), "EINVAL"));
            return 0;
        }
    }

    private int answer(String name, int[] a) throws WebException {
        return switch (name) {
            case "write" -> {
                WasiDescriptors.writeAll(guest, (int) vm.toNumber(argument(a, 0)) == 2, content(argument(a, 1)));
                yield vm.undefined();
            }
            case "read" -> read((int) vm.toNumber(argument(a, 0)));
            case "readFile" -> vm.bytes(readFile(vm.text(argument(a, 0))));
            case "writeFile" -> {
                writeFile(vm.text(argument(a, 0)), content(argument(a, 1)), truth(argument(a, 2)));
                yield vm.undefined();
            }
            case "list" -> list(vm.text(argument(a, 0)));
            case "stat" -> stat(vm.text(argument(a, 0)), truth(argument(a, 1)));
            case "mkdir" -> {
                makeDirectory(vm.text(argument(a, 0)), truth(argument(a, 1)));
                yield vm.undefined();
            }
            case "remove" -> {
                tree().remove(tree().root(), vm.text(argument(a, 0)), guest.uid(), null, truth(argument(a, 1)));
                yield vm.undefined();
            }
            case "rename" -> {
                tree().rename(
                                tree().root(),
                                vm.text(argument(a, 0)),
                                tree().root(),
                                vm.text(argument(a, 1)),
                                guest.uid(),
                                false);
                yield vm.undefined();
            }
            case "exit" -> throw new GuestStop.Exit((int) vm.toNumber(argument(a, 0)));
            case "now" -> vm.number((double) System.currentTimeMillis());
            case "monotonic" -> vm.number((System.nanoTime() - guest.startNanos()) / 1e6);
            case "random" -> vm.number(ThreadLocalRandom.current().nextDouble());
            case "encode" -> vm.bytes(vm.text(argument(a, 0)).getBytes(StandardCharsets.UTF_8));
            case "decode" -> vm.string(new String(content(argument(a, 0)), StandardCharsets.UTF_8));
            case "log" -> {
                double level = vm.toNumber(argument(a, 0));
                if (level < 0) {
                    throw new IllegalArgumentException("the level must be error, warn, info or debug");
                }
                TinyvmInterface.log(guest, (int) Math.min(level, 3), vm.text(argument(a, 1)));
                yield vm.undefined();
            }
            case "fetch" ->
                vm.number(web.fetch(
                        vm.text(argument(a, 0)),
                        vm.text(argument(a, 1)),
                        vm.text(argument(a, 2)),
                        content(argument(a, 3))));
            case "fetchRead" -> {
                web.read((int) vm.toNumber(argument(a, 0)));
                yield vm.undefined();
            }
            case "fetchClose" -> {
                web.close((int) vm.toNumber(argument(a, 0)));
                yield vm.undefined();
            }
            case "randomBytes" -> {
                byte[] bytes = new byte[Math.clamp((long) vm.toNumber(argument(a, 0)), 0, GuestBytes.PART_BYTES)];
                RANDOM.nextBytes(bytes);
                yield vm.bytes(bytes);
            }
            case "btoa" -> vm.string(Base64.getEncoder().encodeToString(latin1(vm.text(argument(a, 0)))));
            case "atob" ->
                vm.string(new String(
                        Base64.getDecoder().decode(vm.text(argument(a, 0)).replaceAll("\\s", "")),
                        StandardCharsets.ISO_8859_1));
            default -> throw new IllegalArgumentException("there is no host function " + name);
        };
    }

    private static byte[] latin1(String text) {
        if (text.chars().anyMatch(c -> c > 0xff)) {
            throw new IllegalArgumentException("btoa takes characters up to U+00FF");
        }
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private int read(int most) {
        byte[] part = new byte[Math.clamp(most, 1, GuestBytes.PART_BYTES)];
        int done = guest.process().waiting(() -> guest.process().streams().read(part, 0, part.length));
        return done == 0 ? vm.value("qjs_get_null") : vm.bytes(java.util.Arrays.copyOf(part, done));
    }

    byte[] readFile(String path) {
        synchronized (tree()) {
            FileNode node = tree().find(tree().root(), path, guest.uid(), true);
            if (node.isDirectory()) {
                throw FileTree.failure(dev.tinyvm.engine.Errno.EISDIR, path);
            }
            tree().require(guest.uid(), node, 4, path);
            if (node.size() > JsVm.MAX_CALL_BYTES) {
                throw JsVm.tooLarge(node.size());
            }
            byte[] all = new byte[(int) node.size()];
            tree().read(node, 0, all, 0, all.length);
            return all;
        }
    }

    private void writeFile(String path, byte[] bytes, boolean append) {
        synchronized (tree()) {
            FileNode node = tree().findOrNull(tree().root(), path, guest.uid());
            if (node == null) {
                node = tree().make(tree().root(), path, guest.uid(), Entry.Type.FILE, 0644, "");
            } else if (node.type == Entry.Type.SYMLINK) {
                node = tree().find(tree().root(), path, guest.uid(), true);
            }
            if (node.isDirectory()) {
                throw FileTree.failure(dev.tinyvm.engine.Errno.EISDIR, path);
            }
            tree().require(guest.uid(), node, 2, path);
            if (!append) {
                tree().resize(node, 0);
            }
            int done = 0;
            while (done < bytes.length) {
                done += tree().write(node, done, append, bytes, done, bytes.length - done);
            }
        }
    }

    private int list(String path) {
        List<String> names;
        synchronized (tree()) {
            FileNode node = tree().find(tree().root(), path, guest.uid(), true);
            if (!node.isDirectory()) {
                throw FileTree.failure(dev.tinyvm.engine.Errno.ENOTDIR, path);
            }
            tree().require(guest.uid(), node, 4, path);
            names = new ArrayList<>(node.children.keySet());
        }
        int array = vm.value("qjs_new_array");
        for (int i = 0; i < names.size(); i++) {
            int text = vm.string(names.get(i));
            vm.call("qjs_set_prop_uint32", array, i, text);
            vm.free(text);
        }
        return array;
    }

    private int stat(String path, boolean follow) {
        FileNode node = tree().find(tree().root(), path, guest.uid(), follow);
        int object = vm.value("qjs_new_object");
        put(object, "size", vm.number((double) node.size()));
        put(object, "mode", vm.number(node.mode));
        put(object, "mtimeMs", vm.number((double) node.modifiedAt.toEpochMilli()));
        put(object, "directory", vm.value(node.isDirectory() ? "qjs_get_true" : "qjs_get_false"));
        put(object, "link", vm.value(node.type == Entry.Type.SYMLINK ? "qjs_get_true" : "qjs_get_false"));
        return object;
    }

    private void makeDirectory(String path, boolean parents) {
        synchronized (tree()) {
            if (parents) {
                for (int slash = path.indexOf('/', 1); slash > 0; slash = path.indexOf('/', slash + 1)) {
                    ensure(path.substring(0, slash));
                }
                ensure(path);
            } else {
                tree().make(tree().root(), path, guest.uid(), Entry.Type.DIRECTORY, 0755, "");
            }
        }
    }

    private void ensure(String path) {
        FileNode there = tree().findOrNull(tree().root(), path, guest.uid());
        if (there == null) {
            tree().make(tree().root(), path, guest.uid(), Entry.Type.DIRECTORY, 0755, "");
        } else if (!tree().find(tree().root(), path, guest.uid(), true).isDirectory()) {
            throw FileTree.failure(dev.tinyvm.engine.Errno.ENOTDIR, path);
        }
    }

    private void put(int object, String name, int value) {
        vm.set(object, name, value);
        vm.free(value);
    }

    private byte[] content(int value) {
        if (!vm.isString(value)) {
            byte[] bytes = vm.array(value);
            if (bytes != null) {
                return bytes;
            }
        }
        return vm.text(value).getBytes(StandardCharsets.UTF_8);
    }

    private boolean truth(int value) {
        return vm.call("qjs_get_bool", value) != 0;
    }

    private FileTree tree() {
        return guest.tree();
    }

    private static int argument(int[] arguments, int index) {
        if (index >= arguments.length) {
            throw new IllegalArgumentException("argument " + (index + 1) + " is missing");
        }
        return arguments[index];
    }
}
