package dev.tinyvm.engine.wasm;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The files that a Python source may mean by its import statements; those that are not there belong to the library, or are missing. */
final class PythonImports {
    private static final Pattern FROM = Pattern.compile(
            "(?m)^[ \\t]*from[ \\t]+(\\.*)([\\w.]*)[ \\t]+import[ \\t]*(?:\\(([\\w,\\s]{0,4096})|([\\w, \\t]{0,4096}))");
    private static final Pattern IMPORT = Pattern.compile("(?m)^[ \\t]*import[ \\t]+([\\w., \\t]{1,4096})");

    private PythonImports() {}

    /** @param name of the source, relative to the script's directory */
    static List<String> of(String name, String source) {
        List<String> files = new ArrayList<>();
        Matcher imports = IMPORT.matcher(source);
        while (imports.find()) {
            for (String module : imports.group(1).split(",")) {
                add(files, "", first(module));
            }
        }
        Matcher froms = FROM.matcher(source);
        while (froms.find()) {
            String from =
                    froms.group(1).isEmpty() ? "" : above(name, froms.group(1).length());
            String module = froms.group(2);
            add(files, from, module);
            String members = froms.group(3) != null ? froms.group(3) : froms.group(4);
            for (String member : members.split(",")) {
                add(files, from, module.isEmpty() ? first(member) : module + "." + first(member));
            }
        }
        return files;
    }

    /** The directory that leading dots mean, with a slash behind it. */
    private static String above(String name, int dots) {
        String directory = name;
        for (int i = 0; i < dots; i++) {
            directory = directory.substring(0, Math.max(0, directory.lastIndexOf('/')));
        }
        return directory.isEmpty() ? "" : directory + "/";
    }

    /** Without {@code as} and what follows. */
    private static String first(String words) {
        return words.strip().split("\\s")[0];
    }

    /** A module and the packages that it is in. */
    private static void add(List<String> files, String from, String module) {
        String path = from;
        for (String part : module.split("\\.")) {
            if (!part.isEmpty()) {
                files.add(path + part + ".py");
                files.add(path + part + "/__init__.py");
                path += part + "/";
            }
        }
    }
}
