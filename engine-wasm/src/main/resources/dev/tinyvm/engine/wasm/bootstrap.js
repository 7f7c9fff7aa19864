// The JavaScript agent's surroundings. Runs once, before the snapshot is taken: what it keeps must not depend on one agent.
// `host` has the engine's functions; the object returned here is what the engine calls back.
(function (host, webFactory, tinyvmFactory) {
  'use strict';
  const NAMES = {};

  function text(value, depth, seen) {
    if (typeof value === 'string') return depth === 0 ? value : JSON.stringify(value);
    if (typeof value === 'symbol' || value === undefined) return String(value);
    if (typeof value === 'bigint') return value + 'n';
    if (typeof value === 'function') return '[Function' + (value.name ? ': ' + value.name : '') + ']';
    if (value === null || typeof value !== 'object') return Object.is(value, -0) ? '-0' : String(value);
    if (seen.includes(value)) return '[Circular]';
    if (value instanceof Error) return describe(value);
    if (value instanceof Date) return isNaN(value) ? 'Invalid Date' : value.toISOString();
    if (value instanceof RegExp) return String(value);
    if (value instanceof Promise) return 'Promise {}';
    if (depth > 3) return Array.isArray(value) ? '[Array]' : '[Object]';
    const inside = seen.concat([value]);
    const item = (v) => text(v, depth + 1, inside);
    const cut = (list, all) => (list.length < all ? list.concat(['... ' + (all - list.length) + ' more']) : list);
    if (Array.isArray(value) || ArrayBuffer.isView(value)) {
      const list = cut(Array.prototype.slice.call(value, 0, 100).map(item), value.length);
      const name = Array.isArray(value) ? '' : value.constructor.name + '(' + value.length + ') ';
      return name + (list.length ? '[ ' + list.join(', ') + ' ]' : '[]');
    }
    if (value instanceof Map) return 'Map(' + value.size + ') { ' + [...value].map(([k, v]) => item(k) + ' => ' + item(v)).join(', ') + ' }';
    if (value instanceof Set) return 'Set(' + value.size + ') { ' + [...value].map(item).join(', ') + ' }';
    const keys = Object.keys(value);
    const list = cut(keys.slice(0, 100).map((k) => (/^[A-Za-z_$][\w$]*$/.test(k) ? k : JSON.stringify(k)) + ': ' + item(value[k])), keys.length);
    const proto = Object.getPrototypeOf(value);
    const name = proto && proto.constructor && proto.constructor !== Object && proto.constructor.name ? proto.constructor.name + ' ' : '';
    return name + (list.length ? '{ ' + list.join(', ') + ' }' : '{}');
  }

  function describe(error) {
    if (!(error instanceof Error)) return text(error, 0, []);
    const head = (error.name || 'Error') + (error.message ? ': ' + String(error.message).slice(0, 10000) : '');
    const stack = error.stack ? '\n' + String(error.stack).trimEnd() : '';
    return head + stack + (error.cause !== undefined ? '\n  caused by ' + describe(error.cause) : '');
  }

  function format(values) {
    if (typeof values[0] === 'string' && values[0].includes('%') && values.length > 1) {
      let next = 1;
      const first = values[0].replace(/%[sdifjoO%]/g, (mark) => {
        if (mark === '%%') return '%';
        if (next >= values.length) return mark;
        const v = values[next++];
        if (mark === '%s') return typeof v === 'object' ? text(v, 1, []) : String(v);
        if (mark === '%j') return JSON.stringify(v);
        if (mark === '%d' || mark === '%f') return String(Number(v));
        if (mark === '%i') return String(Math.trunc(Number(v)));
        return text(v, 1, []);
      });
      return [first, ...values.slice(next).map((v) => text(v, 0, []))].join(' ');
    }
    return values.map((v) => text(v, 0, [])).join(' ');
  }

  const line = (fd) => (...values) => host.write(fd, format(values) + '\n');
  const counts = new Map();
  const times = new Map();
  globalThis.console = {
    log: line(1), info: line(1), debug: line(1), dir: (v) => line(1)(v),
    error: line(2), warn: line(2), trace: (...v) => host.write(2, 'Trace: ' + format(v) + '\n' + new Error().stack),
    assert: (ok, ...v) => { if (!ok) line(2)('Assertion failed' + (v.length ? ':' : ''), ...v); },
    count: (n = 'default') => { counts.set(n, (counts.get(n) || 0) + 1); line(1)(n + ': ' + counts.get(n)); },
    time: (n = 'default') => { times.set(n, host.monotonic()); },
    timeEnd: (n = 'default') => { line(1)(n + ': ' + (host.monotonic() - (times.get(n) ?? host.monotonic())).toFixed(3) + 'ms'); times.delete(n); },
  };

  // The snapshot would give each agent the same pseudo-random numbers.
  Math.random = function random() { return host.random(); };
  globalThis.performance = { now: () => host.monotonic(), timeOrigin: 0 };

  // Timers: a list sorted by due time; the engine calls turn() and sleeps in between.
  const timers = [];
  let nextTimer = 1;
  function add(callback, delay, args, every) {
    if (typeof callback !== 'function') throw new TypeError('the callback of a timer must be a function');
    const wait = Math.max(1, Number(delay) || 0);
    const timer = new Timeout(nextTimer++, host.monotonic() + wait, callback, args, every ? wait : 0);
    insert(timer);
    return timer;
  }
  // A timer as Node has it: it counts as a number, and unref() lets the script end before it is due.
  class Timeout {
    constructor(id, due, callback, args, every) { Object.assign(this, { id, due, callback, args, every, counts: true }); }
    ref() { this.counts = true; return this; }
    unref() { this.counts = false; return this; }
    hasRef() { return this.counts; }
    [Symbol.toPrimitive]() { return this.id; }
  }
  function insert(timer) {
    let at = timers.length;
    while (at > 0 && timers[at - 1].due > timer.due) at--;
    timers.splice(at, 0, timer);
  }
  function clear(id) {
    const at = timers.findIndex((t) => t.id === Number(id));
    if (at >= 0) timers.splice(at, 1);
  }
  globalThis.setTimeout = (callback, delay, ...args) => add(callback, delay, args, false);
  globalThis.setInterval = (callback, delay, ...args) => add(callback, delay, args, true);
  globalThis.setImmediate = (callback, ...args) => add(callback, 0, args, false);
  globalThis.clearTimeout = globalThis.clearInterval = globalThis.clearImmediate = clear;
  globalThis.queueMicrotask ??= (callback) => { Promise.resolve().then(callback); };

  globalThis.TextEncoder = class TextEncoder {
    get encoding() { return 'utf-8'; }
    encode(value = '') { return host.encode(String(value)); }
  };
  globalThis.TextDecoder = class TextDecoder {
    #rest = new Uint8Array(0);
    constructor(label = 'utf-8') { if (!/^(utf-?8|unicode-1-1-utf-8)$/i.test(String(label).trim())) throw new RangeError('the encoding ' + label + ' is not known; utf-8 is'); }
    get encoding() { return 'utf-8'; }
    decode(bytes, options) {
      let all = bytes === undefined ? new Uint8Array(0) : view(bytes);
      if (this.#rest.length) { const both = new Uint8Array(this.#rest.length + all.length); both.set(this.#rest); both.set(all, this.#rest.length); all = both; }
      const cut = options && options.stream ? whole(all) : all.length;
      this.#rest = all.slice(cut);
      return cut === 0 ? '' : host.decode(all.subarray(0, cut));
    }
  };
  // How many of the bytes end with a whole character.
  function whole(bytes) {
    for (let back = 1; back <= 3 && back <= bytes.length; back++) {
      const b = bytes[bytes.length - back];
      if ((b & 0xc0) === 0x80) continue;
      const wanted = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : b >= 0xc0 ? 2 : 1;
      return wanted > back ? bytes.length - back : bytes.length;
    }
    return bytes.length;
  }
  function view(bytes) {
    if (bytes instanceof ArrayBuffer) return new Uint8Array(bytes);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  const process = globalThis.process = {
    argv: [], env: {}, exitCode: undefined, platform: 'wasi', version: 'v0.0.0', versions: { tinyvm: '1' }, pid: 0,
    exit(code) { host.exit(Number(code ?? process.exitCode ?? 0) & 0xff); },
    cwd: () => NAMES.cwd,
    chdir(path) { if (!host.stat(absolute(path), true).directory) throw new Error('ENOTDIR: ' + path); NAMES.cwd = absolute(path); },
    uptime: () => host.monotonic() / 1000,
    hrtime: { bigint: () => BigInt(Math.round(host.monotonic() * 1e6)) },
    nextTick: (callback, ...args) => queueMicrotask(() => callback(...args)),
    stdout: { write: (value) => { host.write(1, bytesOrText(value)); return true; } },
    stderr: { write: (value) => { host.write(2, bytesOrText(value)); return true; } },
    stdin: {
      // Waits for input; null at its end.
      read(most = 65536) { return host.read(most); },
      readText() {
        const parts = [];
        let size = 0;
        for (let part = host.read(65536); part !== null; part = host.read(65536)) { parts.push(part); size += part.length; }
        const all = new Uint8Array(size);
        let at = 0;
        for (const part of parts) { all.set(part, at); at += part.length; }
        return host.decode(all);
      },
    },
  };
  function bytesOrText(value) {
    return typeof value === 'string' ? value : value instanceof ArrayBuffer || ArrayBuffer.isView(value) ? view(value) : String(value);
  }
  function absolute(path) {
    const whole = String(path);
    return whole.startsWith('/') ? whole : NAMES.cwd + (NAMES.cwd.endsWith('/') ? '' : '/') + whole;
  }

  function wantsText(options) {
    const encoding = typeof options === 'string' ? options : options && options.encoding;
    if (encoding && !/^utf-?8$/i.test(encoding)) throw new RangeError('the encoding ' + encoding + ' is not known; utf8 is');
    return Boolean(encoding);
  }
  function stats(s) {
    return { size: s.size, mode: s.mode, mtimeMs: s.mtimeMs, isFile: () => !s.directory && !s.link, isDirectory: () => s.directory, isSymbolicLink: () => s.link };
  }
  const fs = {
    readFileSync: (path, options) => { const bytes = host.readFile(absolute(path)); return wantsText(options) ? host.decode(bytes) : bytes; },
    writeFileSync: (path, data) => host.writeFile(absolute(path), bytesOrText(data), false),
    appendFileSync: (path, data) => host.writeFile(absolute(path), bytesOrText(data), true),
    existsSync: (path) => { try { host.stat(absolute(path), true); return true; } catch { return false; } },
    statSync: (path) => stats(host.stat(absolute(path), true)),
    lstatSync: (path) => stats(host.stat(absolute(path), false)),
    readdirSync: (path) => host.list(absolute(path)),
    mkdirSync: (path, options) => host.mkdir(absolute(path), Boolean(options && options.recursive)),
    unlinkSync: (path) => host.remove(absolute(path), false),
    rmdirSync: (path) => host.remove(absolute(path), false),
    rmSync: (path, options) => {
      try { host.remove(absolute(path), Boolean(options && options.recursive)); } catch (e) { if (!(options && options.force && e.code === 'ENOENT')) throw e; }
    },
    renameSync: (from, to) => host.rename(absolute(from), absolute(to)),
    copyFileSync: (from, to) => host.writeFile(absolute(to), host.readFile(absolute(from)), false),
  };
  fs.promises = {};
  for (const name of Object.keys(fs)) {
    if (name.endsWith('Sync')) fs.promises[name.slice(0, -4)] = async (...args) => fs[name](...args);
  }

  const web = webFactory(host, (value) => (typeof value === 'string' ? host.encode(value) : view(value)));
  const tinyvm = tinyvmFactory(host);

  const modules = { fs, 'fs/promises': fs.promises, process, tinyvm, timers: { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate } };
  Object.defineProperty(globalThis, Symbol.for('tinyvm.modules'), { value: modules });

  // Milliseconds until the next timer; −1 − that when no timer is left for whose sake the script must not end.
  function wait() {
    if (timers.length === 0) return -1e15;
    const left = Math.max(0, timers[0].due - host.monotonic());
    return timers.some((t) => t.counts) ? left : -1 - left;
  }

  return {
    setup(argv, env, cwd) { process.argv = argv; process.env = env; NAMES.cwd = cwd; },
    // Runs one timer that is due. Returns what wait() says.
    turn() {
      const now = host.monotonic();
      if (timers.length === 0 || timers[0].due > now) return wait();
      const timer = timers.shift();
      if (timer.every > 0) { timer.due = now + timer.every; insert(timer); }
      timer.callback(...timer.args);
      return wait();
    },
    event: web.event,
    describe: (error) => describe(error).slice(0, 100000),
    exitCode: () => Number(process.exitCode ?? 0) & 0xff,
    // The source of a built-in module.
    builtin(name) {
      const short = name.replace(/^node:/, '');
      if (!Object.hasOwn(modules, short)) return '';
      const keys = Object.keys(modules[short]).filter((k) => /^[A-Za-z_$][\w$]*$/.test(k));
      return 'const m = globalThis[Symbol.for("tinyvm.modules")][' + JSON.stringify(short) + '];\nexport default m;\n'
        + keys.map((k) => 'export const ' + k + ' = m.' + k + ';').join('\n');
    },
  };
})
