#!/bin/sh
# Rebuilds multi.wasm. Needs the Debian packages clang lld wasi-libc libclang-rt-14-dev-wasm32 python3. Not part of the build: the result is checked in.
set -eu
cd "$(dirname "$0")"
out=../resources/wasm/multi.wasm
clang --target=wasm32-wasi -O2 -Wall -Wextra -Wl,--strip-all -o "$out" multi.c
python3 - "$out" <<'P'
import re, sys
def leb(n):
    out = b""
    while True:
        out += bytes([n & 127 | (128 if n > 127 else 0)])
        n >>= 7
        if not n: return out
names = sorted(set(re.findall(r'strcmp\(name, "([a-z-]+)"\)', open("multi.c").read())) - {"multi"})
name = b"tinyvm.programs"
body = leb(len(name)) + name + " ".join(names).encode()
open(sys.argv[1], "ab").write(b"\0" + leb(len(body)) + body)
P
