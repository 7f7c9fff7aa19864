package dev.tinyvm.engine.wasm;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

@org.junit.jupiter.api.Timeout(20)
class ModuleTest extends WasmFixture {
    @Test
    void files() throws Exception {
        for (String p : new String[] {"tree", "host", "bad-pointers", "escape", "trap", "recurse","recurse-wide", "bomb", "fill /tmp/x", "files", "descriptors"}) {
            System.out.println("== " + p + " " + run(machine(), p.split(" ")));System.out.flush();
        }
    }
    @Test
    void js() throws Exception {
        var m = machine("js", RESOURCES);
        for (String code : new String[] {
            "console.log('hi', 1, {a:[1,2]}, process.argv, process.env.HOME)",
            "setTimeout(()=>console.log('later'), 20); await Promise.resolve(); console.log('first')",
            "import fs from 'fs'; fs.writeFileSync('x.txt','abc'); console.log(fs.readFileSync('x.txt','utf8'), fs.readdirSync('.'), fs.statSync('x.txt'))",
            "throw new Error('bad')",
            "Promise.reject(new TypeError('later bad'))",
            "process.exit(7)",
            "import x from './none.js'",
            "import x from 'left-pad'",
            "const fs = await import('node:fs'); fs.readFileSync('/nope')",
            "function f(n){return f(n+1)+1}; try { f(0) } catch(e) { console.log(String(e)) }",
            "let d=0; function f(){d++; f()}; try { f() } catch(e) { console.log(d) }",
            "const a=[]; for(;;) a.push(new Uint8Array(1<<20))",
            "await new Promise(()=>{})",
            "let s=0; for (let i=0;i<1e6;i++) s+=i; console.log(s)",
            "try { await fetch('http://x') } catch(e) { console.log(e.code, e.message) }",
            "console.log(new TextDecoder().decode(new TextEncoder().encode('äöü')), Math.random() !== Math.random())",
            "const {log} = await import('tinyvm'); log('info','hello'); console.error('err')"}) {
            System.out.println("== " + code + "\n   " + run(m, "js", "-e", code));
        }
    }
}
