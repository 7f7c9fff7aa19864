package dev.tinyvm.engine.wasm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tinyvm.engine.EngineException;
import dev.tinyvm.engine.Machine;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScriptFilesTest extends WasmFixture {
    @TempDir
    private Path host;

    @Test
    void whatAScriptImportsComesAlong() throws Exception {
        put("agent.js", """
                import { one } from './lib/one.js'; export * from "./lib/two.mjs";
                const three = await import('./three.js');
                console.log(one + three.default);
                """);
        put("lib/one.js", "import './two.mjs'; export const one = 1;");
        put("lib/two.mjs", "export const two = 2;");
        put("three.js", "export default 3;");
        put("unused.js", "no");
        put("secret.txt", "no");
        ScriptFiles files = ScriptFiles.of(host.resolve("agent.js"));
        assertThat(files.files().keySet()).containsExactly("agent.js", "lib/one.js", "lib/two.mjs", "three.js");
        Machine machine = machine(host.resolve("agent.js").toString(), RESOURCES);
        assertThat(run(machine, "agent.js").stdout()).isEqualTo("4\n");
    }

    @Test
    void nothingOutsideOfTheScriptsDirectoryComesAlong() throws Exception {
        put("outside.js", "export default 'outside';");
        put("app/agent.js", "import x from '../outside.js'; import y from './../../outside.js'; import '/etc/passwd';");
        assertThat(ScriptFiles.of(host.resolve("app/agent.js")).files().keySet())
                .containsExactly("agent.js");
        Result result = run(machine(host.resolve("app/agent.js").toString(), RESOURCES), "agent.js");
        assertThat(result.status()).isEqualTo(1);
        assertThat(result.stderr()).contains("could not import /outside.js");
    }

    @Test
    void linksAreNotFollowed() throws Exception {
        put("outside/secret.js", "export default 'secret';");
        put("app/agent.js", "import x from './link.js';");
        Files.createSymbolicLink(host.resolve("app/link.js"), host.resolve("outside/secret.js"));
        assertThatThrownBy(() -> ScriptFiles.of(host.resolve("app/agent.js")))
                .isInstanceOf(EngineException.class)
                .hasMessageContaining("link");
        put("app/agent.js", "import x from './dir/secret.js';");
        Files.createSymbolicLink(host.resolve("app/dir"), host.resolve("outside"));
        assertThatThrownBy(() -> ScriptFiles.of(host.resolve("app/agent.js"))).hasMessageContaining("link");
    }

    @Test
    void tooManyFilesAreRefused() throws Exception {
        StringBuilder imports = new StringBuilder();
        for (int i = 0; i < ScriptFiles.MAX_FILES; i++) {
            put("f" + i + ".js", "");
            imports.append("import './f").append(i).append(".js';\n");
        }
        put("agent.js", imports.toString());
        assertThatThrownBy(() -> ScriptFiles.of(host.resolve("agent.js"))).hasMessageContaining("256 files");
    }

    @Test
    void forNodeTheFilesAreInTheSamePlacesWithACommandOfTheScriptsName() throws Exception {
        put("it's.js", "console.log(1)");
        var placed = ScriptFiles.of(host.resolve("it's.js")).forLinux();
        assertThat(placed)
                .extracting(ScriptFiles.Placed::path)
                .containsExactly(
                        "/app/it's.js",
                        "/app/package.json",
                        "/app/node_modules/tinyvm/package.json",
                        "/app/node_modules/tinyvm/index.js",
                        "/usr/local/bin/it's.js");
        assertThat(new String(placed.getLast().content(), StandardCharsets.UTF_8))
                .isEqualTo("#!/bin/sh\nexec node '/app/it'\\''s.js' \"$@\"\n");
        assertThat(placed.getLast().mode()).isEqualTo(0755);
    }

    private void put(String name, String text) throws Exception {
        Path file = host.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }
}
