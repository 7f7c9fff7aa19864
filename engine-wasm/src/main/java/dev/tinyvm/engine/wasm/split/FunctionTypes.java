package dev.tinyvm.engine.wasm.split;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The function types of a module, and which function has which. New ones can be added. Not thread safe. */
final class FunctionTypes {
    private final List<Type> types = new ArrayList<>();
    private final Map<Type, Integer> numbers = new HashMap<>();
    private final List<Integer> functions = new ArrayList<>();
    private int imported;

    /** @param parameters a byte for each value's type */
    record Type(List<Integer> parameters, List<Integer> results) {
        Type {
            parameters = List.copyOf(parameters);
            results = List.copyOf(results);
        }
    }

    /** @throws UnsupportedCode for types of other proposals */
    void readTypes(WasmBytes in) {
        int count = in.number();
        for (int i = 0; i < count; i++) {
            if (in.next() != 0x60) {
                throw new UnsupportedCode("a type is no function's");
            }
            types.add(new Type(values(in), values(in)));
            numbers.putIfAbsent(types.get(i), i);
        }
    }

    void addImport(int type) {
        imported++;
        addFunction(type);
    }

    int addFunction(int type) {
        get(type);
        functions.add(type);
        return functions.size() - 1;
    }

    int count() {
        return functions.size();
    }

    /** Functions that were added in vain; types without functions do no harm. */
    void forget(int fromNumber) {
        functions.subList(fromNumber, functions.size()).clear();
    }

    /** Type numbers of functions that the module defines itself. */
    List<Integer> defined() {
        return functions.subList(imported, functions.size());
    }

    Type get(int type) {
        if (type < 0 || type >= types.size()) {
            throw new UnsupportedCode("there is no type " + type);
        }
        return types.get(type);
    }

    Type ofFunction(int function) {
        if (function < 0 || function >= functions.size()) {
            throw new UnsupportedCode("there is no function " + function);
        }
        return get(functions.get(function));
    }

    Type ofDefined(int index) {
        return ofFunction(imported + index);
    }

    /** Its number; made when it is new. */
    int number(Type type) {
        Integer known = numbers.get(type);
        if (known != null) {
            return known;
        }
        types.add(type);
        numbers.put(type, types.size() - 1);
        return types.size() - 1;
    }

    byte[] writeTypes() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        WasmBytes.number(out, types.size());
        for (Type type : types) {
            out.write(0x60);
            write(out, type.parameters());
            write(out, type.results());
        }
        return out.toByteArray();
    }

    byte[] writeFunctions() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        WasmBytes.number(out, defined().size());
        defined().forEach(type -> WasmBytes.number(out, type));
        return out.toByteArray();
    }

    /** Value types of one byte: numbers, vectors, funcref, externref. */
    static int value(int type) {
        if ((type >= 0x7b && type <= 0x7f) || type == 0x70 || type == 0x6f) {
            return type;
        }
        throw new UnsupportedCode("the value type " + type + " is not known");
    }

    private static List<Integer> values(WasmBytes in) {
        int count = in.number();
        List<Integer> values = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            values.add(value(in.next()));
        }
        return values;
    }

    private static void write(ByteArrayOutputStream out, List<Integer> values) {
        WasmBytes.number(out, values.size());
        values.forEach(out::write);
    }
}
