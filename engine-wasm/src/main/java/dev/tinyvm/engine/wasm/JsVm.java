package dev.tinyvm.engine.wasm;

import dev.tinyvm.engine.Errno;
import dev.tinyvm.engine.GuestFiles.GuestFileException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import run.endive.runtime.Instance;
import run.endive.runtime.Memory;

/**
 * QuickJS's functions, as quickjs-wasi exports them. A value is the address of a box in the guest's memory; who gets one frees it. All
 * addresses come from the guest and are checked by its memory. One thread uses it.
 */
final class JsVm {
    static final int MODULE = 1;
    /** What one call may carry to the host or back: such copies are on the heap that all share. */
    static final int MAX_CALL_BYTES = 16 << 20;

    private final Instance instance;

    JsVm(Instance instance) {
        this.instance = instance;
    }

    Memory memory() {
        return instance.memory();
    }

    long call(String function, long... arguments) {
        long[] results = instance.export(function).apply(arguments);
        return results == null || results.length == 0 ? 0 : results[0];
    }

    int value(String function, long... arguments) {
        return (int) call(function, arguments);
    }

    void free(int value) {
        call("qjs_free_value", value);
    }

    /** Copies bytes into the guest, with a zero byte behind. Free with {@link #release}. @throws GuestStop.Trap without memory */
    int store(byte[] bytes) {
        int at = value("wasm_malloc", bytes.length + 1L);
        if (at == 0) {
            throw new GuestStop.Trap(9, "JavaScript ran out of memory");
        }
        memory().write(at, bytes, 0, bytes.length);
        memory().writeByte(at + bytes.length, (byte) 0);
        return at;
    }

    void release(int address) {
        call("wasm_free", address);
    }

    int string(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int at = store(bytes);
        int value = value("qjs_new_string", at, bytes.length);
        release(at);
        return value;
    }

    int bytes(byte[] content) {
        int at = store(content);
        int value = value("qjs_new_uint8_array", at, content.length);
        release(at);
        return value;
    }

    int number(double number) {
        return value("qjs_new_number", Double.doubleToRawLongBits(number));
    }

    double toNumber(int value) {
        return Double.longBitsToDouble(call("qjs_get_float64", value));
    }

    int undefined() {
        return value("qjs_get_undefined");
    }

    boolean isException(int value) {
        return call("qjs_is_exception", value) != 0;
    }

    boolean isString(int value) {
        return call("qjs_is_string", value) != 0;
    }

    /** As JavaScript's String(value). */
    String text(int value) {
        int lengthAt = value("wasm_malloc", 4);
        if (lengthAt == 0) {
            throw new GuestStop.Trap(9, "JavaScript ran out of memory");
        }
        int at = value("qjs_get_string_len", value, lengthAt);
        long length = memory().readInt(lengthAt) & 0xffffffffL;
        release(lengthAt);
        if (at == 0) {
            return "(no text)";
        }
        if (length > MAX_CALL_BYTES) {
            call("qjs_free_cstring", at);
            throw tooLarge(length);
        }
        String text = new String(memory().readBytes(at, (int) length), StandardCharsets.UTF_8);
        call("qjs_free_cstring", at);
        return text;
    }

    /** The bytes of a Uint8Array; null when it is none, or another kind of array. */
    byte @Nullable [] array(int value) {
        int out = value("wasm_malloc", 16);
        if (out == 0) {
            throw new GuestStop.Trap(9, "JavaScript ran out of memory");
        }
        int buffer = value("qjs_get_typed_array_buffer", value, out, out + 4L, out + 8L);
        byte[] content = null;
        if (isException(buffer)) {
            free(value("qjs_get_exception"));
        } else if (memory().readInt(out + 8) == 1) {
            int data = value("qjs_get_array_buffer", buffer, out + 12L);
            int length = memory().readInt(out + 4);
            if (length < 0 || length > MAX_CALL_BYTES) {
                free(buffer);
                release(out);
                throw tooLarge(length & 0xffffffffL);
            }
            content = length == 0 ? new byte[0] : memory().readBytes(data + memory().readInt(out), length);
        }
        free(buffer);
        release(out);
        return content;
    }

    static GuestFileException tooLarge(long bytes) {
        return new GuestFileException(
                Errno.E2BIG, bytes + " bytes at once; " + MAX_CALL_BYTES + " are allowed in one call");
    }

    /** An Error with a message and a code. */
    int error(String message, String code) {
        int error = value("qjs_new_error");
        int text = string(message);
        set(error, "message", text);
        free(text);
        if (!code.isEmpty()) {
            int word = string(code);
            set(error, "code", word);
            free(word);
        }
        return error;
    }

    /** Makes it the exception of the call that runs. */
    void raise(int error) {
        call("qjs_throw", error);
        free(error);
    }

    String cString(int address) {
        int end = address;
        while (memory().read(end) != 0 && end - address < FileTree.MAX_PATH_BYTES) {
            end++;
        }
        return new String(memory().readBytes(address, end - address), StandardCharsets.UTF_8);
    }

    int eval(String code, String name, int flags) {
        byte[] source = code.getBytes(StandardCharsets.UTF_8);
        int sourceAt = store(source);
        int nameAt = store(name.getBytes(StandardCharsets.UTF_8));
        int value = value("qjs_eval", sourceAt, source.length, nameAt, flags);
        release(sourceAt);
        release(nameAt);
        return value;
    }

    int hostFunction(String name) {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        int at = store(bytes);
        int function = value("qjs_new_host_function", at, bytes.length, 0);
        release(at);
        return function;
    }

    void set(int object, String property, int value) {
        int at = store(property.getBytes(StandardCharsets.UTF_8));
        call("qjs_set_prop_string", object, at, value);
        release(at);
    }

    int get(int object, String property) {
        int at = store(property.getBytes(StandardCharsets.UTF_8));
        int value = value("qjs_get_prop_string", object, at);
        release(at);
        return value;
    }

    /** Calls a function with {@code undefined} as this. */
    int invoke(int function, int... arguments) {
        int at = value("wasm_malloc", 4L * arguments.length + 4);
        for (int i = 0; i < arguments.length; i++) {
            memory().writeI32(at + 4 * i, arguments[i]);
        }
        int self = undefined();
        int result = value("qjs_call", function, self, arguments.length, at);
        free(self);
        release(at);
        return result;
    }
}
