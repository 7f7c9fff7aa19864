package dev.tinyvm.spec;

import java.nio.file.Path;

/** Images that are a program and no file system: a {@code .wasm}, {@code .js}, {@code .mjs} or {@code .py} file of the host, {@code js} or {@code python-wasi}. */
public final class ProgramImages {
    private ProgramImages() {}

    /** Whether that is the name of a program's file; the file may be missing. */
    public static boolean isFile(String image) {
        return image.endsWith(".wasm") || image.endsWith(".js") || image.endsWith(".mjs") || image.endsWith(".py");
    }

    /** Whether that is the name of a program's file, {@code js} or {@code python-wasi}. */
    public static boolean isProgram(String image) {
        return image.equals("js") || image.equals("python-wasi") || isFile(image);
    }

    /** A program's file below that directory unless it is absolute; every other image as it is. */
    static String resolve(String image, Path directory) {
        return isFile(image) && !image.startsWith("/")
                ? directory.toAbsolutePath().resolve(image).normalize().toString()
                : image;
    }
}
