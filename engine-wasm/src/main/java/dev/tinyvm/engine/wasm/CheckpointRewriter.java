package dev.tinyvm.engine.wasm;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.MethodModel;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.util.jar.JarEntry;
import java.util.jar.JarInputStream;
import java.util.jar.JarOutputStream;

/**
 * Turns Endive's test for an interrupt into {@link Checkpoint#poll}. Endive's compiler puts a call of {@code checkInterruption} at each
 * function call and each jump backwards, and that method into a class of the compiled module; only its body is replaced. An interrupt could
 * only end a guest; a checkpoint can also make it wait. No call is added, so nothing gets slower.
 */
final class CheckpointRewriter {
    /** Part of the cache's key: another way of rewriting makes other files. */
    static final int VERSION = 1;

    private static final String METHOD = "checkInterruption";
    private static final ClassDesc CHECKPOINT = ClassDesc.of(Checkpoint.class.getName());
    private static final MethodTypeDesc NOTHING = MethodTypeDesc.of(ConstantDescs.CD_void);

    private CheckpointRewriter() {}

    /**
     * Rewrites a compiled module.
     *
     * @param jar the classes as Endive's cache gives them
     * @throws IllegalStateException when there is no method to replace: the guest could not be stopped, so it must not run
     */
    static byte[] rewrite(byte[] jar) throws IOException {
        boolean found = false;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(jar.length);
        try (JarInputStream in = new JarInputStream(new ByteArrayInputStream(jar));
                JarOutputStream out = new JarOutputStream(bytes)) {
            for (JarEntry entry = in.getNextJarEntry(); entry != null; entry = in.getNextJarEntry()) {
                byte[] content = in.readAllBytes();
                out.putNextEntry(new JarEntry(entry.getName()));
                if (entry.getName().endsWith("Shaded.class")) {
                    ClassModel model = ClassFile.of().parse(content);
                    if (model.methods().stream().anyMatch(CheckpointRewriter::wanted)) {
                        content = replace(model);
                        found = true;
                    }
                }
                out.write(content);
                out.closeEntry();
            }
        }
        if (!found) {
            throw new IllegalStateException(
                    "this version of Endive compiles no interrupt checks, without which a guest cannot be stopped");
        }
        return bytes.toByteArray();
    }

    private static boolean wanted(MethodModel method) {
        return method.methodName().equalsString(METHOD)
                && method.methodTypeSymbol().equals(NOTHING);
    }

    private static byte[] replace(ClassModel model) {
        return ClassFile.of().transformClass(model, (builder, element) -> {
            if (element instanceof MethodModel method && wanted(method)) {
                builder.withMethodBody(
                        METHOD,
                        NOTHING,
                        method.flags().flagsMask(),
                        code -> code.invokestatic(CHECKPOINT, "poll", NOTHING).return_());
            } else {
                builder.with(element);
            }
        });
    }
}
