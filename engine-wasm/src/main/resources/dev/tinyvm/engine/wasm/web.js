// The web's API as far as an agent needs it: URL, Headers, Request, Response, fetch, streams, aborting, base64, randomness. Runs once, before the snapshot is taken.
// HTTP itself is the engine's: host.fetch begins an exchange, host.fetchRead asks for a part, and the event loop calls event() with what came.
(function (host, toBytes) {
  'use strict';
  const define = (values) => { for (const name of Object.keys(values)) Object.defineProperty(globalThis, name, { value: values[name], writable: true, configurable: true }); };

  class DOMException extends Error {
    constructor(message = '', name = 'Error') { super(message); Object.defineProperty(this, 'name', { value: name, configurable: true }); this.code = name === 'AbortError' ? 20 : name === 'TimeoutError' ? 23 : 0; }
  }
  class Event {
    constructor(type, init = {}) { this.type = String(type); this.cancelable = Boolean(init.cancelable); this.defaultPrevented = false; this.target = this.currentTarget = null; }
    preventDefault() { if (this.cancelable) this.defaultPrevented = true; }
    stopPropagation() {}
  }
  class EventTarget {
    #listeners = new Map();
    addEventListener(type, listener, options) {
      if (!listener) return;
      const list = this.#listeners.get(type) || [];
      if (!list.some((l) => l.listener === listener)) list.push({ listener, once: Boolean(options && options.once) });
      this.#listeners.set(type, list);
    }
    removeEventListener(type, listener) {
      this.#listeners.set(type, (this.#listeners.get(type) || []).filter((l) => l.listener !== listener));
    }
    dispatchEvent(event) {
      event.target = event.currentTarget = this;
      const own = this['on' + event.type];
      if (typeof own === 'function') own.call(this, event);
      for (const { listener, once } of [...(this.#listeners.get(event.type) || [])]) {
        if (once) this.removeEventListener(event.type, listener);
        if (typeof listener === 'function') listener.call(this, event); else listener.handleEvent(event);
      }
      return !event.defaultPrevented;
    }
  }

  class AbortSignal extends EventTarget {
    aborted = false;
    reason = undefined;
    onabort = null;
    throwIfAborted() { if (this.aborted) throw this.reason; }
    static abort(reason) { const c = new AbortController(); c.abort(reason); return c.signal; }
    static timeout(millis) {
      const c = new AbortController();
      setTimeout(() => c.abort(new DOMException('the operation timed out after ' + millis + ' ms', 'TimeoutError')), millis).unref();
      return c.signal;
    }
    static any(signals) {
      const c = new AbortController();
      for (const s of signals) { if (s.aborted) { c.abort(s.reason); break; } s.addEventListener('abort', () => c.abort(s.reason), { once: true }); }
      return c.signal;
    }
  }
  class AbortController {
    signal = new AbortSignal();
    abort(reason = new DOMException('the operation was aborted', 'AbortError')) {
      if (this.signal.aborted) return;
      this.signal.aborted = true;
      this.signal.reason = reason;
      this.signal.dispatchEvent(new Event('abort'));
    }
  }

  // Percent-encoding as the URL standard has it for each part.
  const encode = (text, keep) => encodeURI(text.replace(/[\uD800-\uDFFF]/gu, '\uFFFD')).replace(/%25/g, '%').replace(keep, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0'));
  const FORM = (text) => encodeURIComponent(String(text)).replace(/%20/g, '+').replace(/[!'()~]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());
  const PLAIN = (text) => { const s = text.replace(/\+/g, ' '); try { return decodeURIComponent(s); } catch { return s; } };

  class URLSearchParams {
    #pairs = [];
    #changed;
    constructor(init = '', changed) {
      this.#changed = changed || (() => {});
      if (init && typeof init === 'object' && typeof init[Symbol.iterator] === 'function') for (const [n, v] of init) this.#pairs.push([String(n), String(v)]);
      else if (init && typeof init === 'object') for (const n of Object.keys(init)) this.#pairs.push([n, String(init[n])]);
      else for (const part of String(init).replace(/^\?/, '').split('&')) if (part) { const at = part.indexOf('='); this.#pairs.push(at < 0 ? [PLAIN(part), ''] : [PLAIN(part.slice(0, at)), PLAIN(part.slice(at + 1))]); }
    }
    get size() { return this.#pairs.length; }
    append(name, value) { this.#pairs.push([String(name), String(value)]); this.#changed(); }
    delete(name) { this.#pairs = this.#pairs.filter(([n]) => n !== name); this.#changed(); }
    get(name) { const p = this.#pairs.find(([n]) => n === name); return p ? p[1] : null; }
    getAll(name) { return this.#pairs.filter(([n]) => n === name).map(([, v]) => v); }
    has(name) { return this.#pairs.some(([n]) => n === name); }
    set(name, value) {
      const at = this.#pairs.findIndex(([n]) => n === name);
      if (at < 0) this.#pairs.push([String(name), String(value)]);
      else { this.#pairs = this.#pairs.filter(([n], i) => n !== name || i === at); this.#pairs[at][1] = String(value); }
      this.#changed();
    }
    sort() { this.#pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)); this.#changed(); }
    forEach(callback, self) { for (const [n, v] of this.#pairs) callback.call(self, v, n, this); }
    *entries() { yield* this.#pairs.map((p) => [...p]); }
    *keys() { for (const [n] of this.#pairs) yield n; }
    *values() { for (const [, v] of this.#pairs) yield v; }
    [Symbol.iterator]() { return this.entries(); }
    toString() { return this.#pairs.map(([n, v]) => FORM(n) + '=' + FORM(v)).join('&'); }
  }

  const PORTS = { 'http:': '80', 'https:': '443', 'ws:': '80', 'wss:': '443', 'ftp:': '21', 'file:': '' };
  function dots(path) {
    const out = [];
    const parts = path.split('/').slice(1);
    parts.forEach((part, i) => {
      const plain = part.replace(/%2e/gi, '.');
      if (plain === '..') { out.pop(); if (i === parts.length - 1) out.push(''); } else if (plain === '.') { if (i === parts.length - 1) out.push(''); } else out.push(part);
    });
    return '/' + out.join('/');
  }
  function parse(input, base) {
    const text = String(input).trim().replace(/[\t\n\r]/g, '');
    const m = /^([A-Za-z][A-Za-z0-9+.-]*:)?(.*)$/s.exec(text);
    const scheme = m[1] ? m[1].toLowerCase() : undefined;
    let rest = m[2];
    let hash = '', search = '';
    let at = rest.indexOf('#');
    if (at >= 0) { hash = encode(rest.slice(at), /[ "<>`]/g); rest = rest.slice(0, at); }
    at = rest.indexOf('?');
    if (at >= 0) { search = encode(rest.slice(at), /[ "<>']/g); rest = rest.slice(0, at); }
    if (scheme !== undefined && !(scheme in PORTS)) {
      return { protocol: scheme, username: '', password: '', hostname: '', port: '', pathname: rest, search, hash, opaque: true };
    }
    const special = scheme === undefined ? base : { protocol: scheme };
    if (!special) return null;
    rest = rest.replace(/\\/g, '/');
    const out = { protocol: special.protocol, username: '', password: '', hostname: '', port: '', pathname: '/', search, hash };
    if (scheme !== undefined && rest.startsWith('//') || scheme === undefined && rest.startsWith('//') || scheme !== undefined && scheme !== 'file:' && !(base && base.protocol === scheme)) {
      const a = /^\/*([^/]*)(.*)$/s.exec(rest);
      const h = /^(?:([^@:]*)(?::([^@]*))?@)?(\[[0-9A-Fa-f:.]+\]|[^:[\]]*)(?::(\d*))?$/.exec(a[1]);
      if (!h || (!h[3] && scheme !== 'file:') || /[\s<>^|%]/.test(h[3]) || Number(h[4] || 0) > 65535) return null;
      out.username = h[1] || ''; out.password = h[2] || '';
      out.hostname = h[3].toLowerCase();
      out.port = h[4] && String(Number(h[4])) !== PORTS[out.protocol] ? String(Number(h[4])) : '';
      out.pathname = dots(encode(a[2] || '/', /[ "<>`{}]/g));
      return out;
    }
    for (const key of ['username', 'password', 'hostname', 'port']) out[key] = base ? base[key] : '';
    if (rest.startsWith('/')) out.pathname = dots(encode(rest, /[ "<>`{}]/g));
    else if (rest === '') { out.pathname = base.pathname; if (at < 0 && !/\?/.test(text.split('#')[0])) out.search = base.search; }
    else out.pathname = dots(base.pathname.slice(0, base.pathname.lastIndexOf('/') + 1) + encode(rest, /[ "<>`{}]/g));
    return out;
  }
  class URL {
    #p;
    #query;
    constructor(url, base) {
      const from = base === undefined ? undefined : parse(String(base));
      const p = from === null ? null : parse(url, from);
      if (!p) { const e = new TypeError('Invalid URL: ' + String(url)); e.code = 'ERR_INVALID_URL'; throw e; }
      this.#p = p;
    }
    static canParse(url, base) { try { new URL(url, base); return true; } catch { return false; } }
    static parse(url, base) { try { return new URL(url, base); } catch { return null; } }
    get href() { const p = this.#p; return p.protocol + (p.opaque ? '' : '//' + (p.username ? p.username + (p.password ? ':' + p.password : '') + '@' : '') + this.host) + p.pathname + p.search + p.hash; }
    set href(value) { this.#p = new URL(value).#p; this.#query = undefined; }
    get origin() { return this.#p.opaque || this.#p.protocol === 'file:' ? 'null' : this.#p.protocol + '//' + this.host; }
    get protocol() { return this.#p.protocol; }
    set protocol(v) { this.#p.protocol = String(v).replace(/:.*$/, '') + ':'; }
    get username() { return this.#p.username; }
    set username(v) { this.#p.username = String(v); }
    get password() { return this.#p.password; }
    set password(v) { this.#p.password = String(v); }
    get host() { return this.#p.hostname + (this.#p.port ? ':' + this.#p.port : ''); }
    set host(v) { const [h, port = ''] = String(v).split(':'); this.#p.hostname = h.toLowerCase(); this.port = port; }
    get hostname() { return this.#p.hostname; }
    set hostname(v) { this.#p.hostname = String(v).toLowerCase(); }
    get port() { return this.#p.port; }
    set port(v) { this.#p.port = String(v) === PORTS[this.#p.protocol] ? '' : String(v); }
    get pathname() { return this.#p.pathname; }
    set pathname(v) { const s = String(v); this.#p.pathname = dots(encode(s.startsWith('/') ? s : '/' + s, /[ "<>`{}?#]/g)); }
    get search() { return this.#p.search === '?' ? '' : this.#p.search; }
    set search(v) { const s = String(v); this.#p.search = s && s !== '?' ? encode(s.startsWith('?') ? s : '?' + s, /[ "<>'#]/g) : ''; this.#query = undefined; }
    get hash() { return this.#p.hash === '#' ? '' : this.#p.hash; }
    set hash(v) { const s = String(v); this.#p.hash = s && s !== '#' ? encode(s.startsWith('#') ? s : '#' + s, /[ "<>`]/g) : ''; }
    get searchParams() {
      this.#query ??= new URLSearchParams(this.search, () => { const s = this.#query.toString(); this.#p.search = s ? '?' + s : ''; });
      return this.#query;
    }
    toString() { return this.href; }
    toJSON() { return this.href; }
  }

  class Headers {
    #map = new Map();
    constructor(init) {
      if (!init) return;
      if (init instanceof Headers || typeof init[Symbol.iterator] === 'function') for (const [n, v] of init) this.append(n, v);
      else for (const n of Object.keys(init)) this.append(n, init[n]);
    }
    static #name(name) {
      const n = String(name);
      if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(n)) throw new TypeError('`' + n + '` is no name of a header');
      return n.toLowerCase();
    }
    static #value(value) {
      const v = String(value).trim();
      if (/[\0\r\n]/.test(v)) throw new TypeError('a header must not contain a line break');
      return v;
    }
    append(name, value) { const n = Headers.#name(name); const list = this.#map.get(n) || []; list.push(Headers.#value(value)); this.#map.set(n, list); }
    delete(name) { this.#map.delete(Headers.#name(name)); }
    get(name) { const list = this.#map.get(Headers.#name(name)); return list ? list.join(', ') : null; }
    getSetCookie() { return [...(this.#map.get('set-cookie') || [])]; }
    has(name) { return this.#map.has(Headers.#name(name)); }
    set(name, value) { this.#map.set(Headers.#name(name), [Headers.#value(value)]); }
    forEach(callback, self) { for (const [n, v] of this) callback.call(self, v, n, this); }
    *entries() {
      for (const n of [...this.#map.keys()].sort()) {
        if (n === 'set-cookie') for (const v of this.#map.get(n)) yield [n, v]; else yield [n, this.get(n)];
      }
    }
    *keys() { for (const [n] of this.entries()) yield n; }
    *values() { for (const [, v] of this.entries()) yield v; }
    [Symbol.iterator]() { return this.entries(); }
  }

  // Streams of bytes and of anything: pull is called when a reader waits and nothing is there.
  class ReadableStream {
    #source; #queue = []; #waiting = []; #closed = false; #error; #failed = false; #pulling = false;
    locked = false;
    constructor(source = {}) {
      this.#source = source;
      this.#controller = {
        enqueue: (chunk) => { const w = this.#waiting.shift(); if (w) w.resolve({ value: chunk, done: false }); else this.#queue.push(chunk); },
        close: () => { this.#closed = true; for (const w of this.#waiting.splice(0)) w.resolve({ value: undefined, done: true }); },
        error: (e) => { this.#failed = true; this.#error = e; this.#queue.length = 0; for (const w of this.#waiting.splice(0)) w.reject(e); },
        get desiredSize() { return 1; },
      };
      if (source.start) {
        const started = source.start(this.#controller);
        if (started && started.then) { this.#pulling = true; started.then(() => { this.#pulling = false; this.#pull(); }, (e) => this.#controller.error(e)); }
      }
    }
    #controller;
    static from(items) {
      const it = items[Symbol.asyncIterator] ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
      return new ReadableStream({
        async pull(c) { const { value, done } = await it.next(); if (done) c.close(); else c.enqueue(value); },
        async cancel(reason) { if (it.return) await it.return(reason); },
      });
    }
    #pull() {
      if (this.#pulling || this.#closed || this.#failed || this.#waiting.length === 0 || !this.#source.pull) return;
      this.#pulling = true;
      Promise.resolve().then(() => this.#source.pull(this.#controller)).then(() => { this.#pulling = false; this.#pull(); }, (e) => { this.#pulling = false; this.#controller.error(e); });
    }
    #read() {
      if (this.#queue.length) return Promise.resolve({ value: this.#queue.shift(), done: false });
      if (this.#failed) return Promise.reject(this.#error);
      if (this.#closed) return Promise.resolve({ value: undefined, done: true });
      return new Promise((resolve, reject) => { this.#waiting.push({ resolve, reject }); this.#pull(); });
    }
    async #cancel(reason) {
      if (this.#closed || this.#failed) return;
      this.#queue.length = 0;
      this.#controller.close();
      if (this.#source.cancel) await this.#source.cancel(reason);
    }
    getReader() {
      if (this.locked) throw new TypeError('the stream is being read already');
      this.locked = true;
      const stream = this;
      let released = false;
      return {
        read: () => (released ? Promise.reject(new TypeError('the reader was released')) : stream.#read()),
        cancel: (reason) => stream.#cancel(reason),
        releaseLock: () => { if (!released) { released = true; stream.locked = false; } },
        get closed() { return stream.#failed ? Promise.reject(stream.#error) : Promise.resolve(); },
      };
    }
    cancel(reason) { return this.locked ? Promise.reject(new TypeError('the stream is being read')) : this.#cancel(reason); }
    tee() {
      const reader = this.getReader();
      const branches = [];
      let reading;
      const pull = () => (reading ??= reader.read().then(({ value, done }) => { reading = undefined; for (const c of branches) if (done) c.close(); else c.enqueue(value); }, (e) => { for (const c of branches) c.error(e); }));
      const make = () => new ReadableStream({ start(c) { branches.push(c); }, pull });
      return [make(), make()];
    }
    pipeThrough({ readable, writable }) { this.pipeTo(writable).catch(() => {}); return readable; }
    async pipeTo(writable) {
      const writer = writable.getWriter();
      try { for await (const chunk of this) await writer.write(chunk); await writer.close(); } catch (e) { await writer.abort(e); throw e; }
    }
    async *values({ preventCancel = false } = {}) {
      const reader = this.getReader();
      let done = false;
      try {
        for (;;) {
          const part = await reader.read();
          if (part.done) { done = true; return; }
          yield part.value;
        }
      } finally {
        if (!done && !preventCancel) await reader.cancel();
        reader.releaseLock();
      }
    }
    [Symbol.asyncIterator](options) { return this.values(options); }
  }
  class TransformStream {
    constructor(transformer = {}) {
      let out;
      this.readable = new ReadableStream({ start: (c) => { out = c; } });
      const controller = { enqueue: (chunk) => out.enqueue(chunk), error: (e) => out.error(e), terminate: () => out.close() };
      if (transformer.start) transformer.start(controller);
      this.writable = {
        getWriter: () => ({
          ready: Promise.resolve(),
          write: async (chunk) => (transformer.transform ? transformer.transform(chunk, controller) : out.enqueue(chunk)),
          close: async () => { if (transformer.flush) await transformer.flush(controller); out.close(); },
          abort: async (e) => out.error(e),
          releaseLock() {},
        }),
      };
    }
  }
  class TextDecoderStream extends TransformStream {
    constructor() {
      const decoder = new TextDecoder();
      const give = (c, text) => { if (text) c.enqueue(text); };
      super({ transform: (chunk, c) => give(c, decoder.decode(chunk, { stream: true })), flush: (c) => give(c, decoder.decode()) });
    }
  }

  class Blob {
    #bytes;
    constructor(parts = [], options = {}) {
      this.#bytes = join(parts.map((p) => (p instanceof Blob ? p.#bytes : toBytes(p))));
      this.type = String(options.type || '').toLowerCase();
    }
    get size() { return this.#bytes.length; }
    async bytes() { return this.#bytes.slice(); }
    async arrayBuffer() { return this.#bytes.slice().buffer; }
    async text() { return host.decode(this.#bytes); }
    slice(from = 0, to = this.size, type = '') { return new Blob([this.#bytes.slice(from, to)], { type }); }
    stream() { const all = this.#bytes; return new ReadableStream({ start(c) { if (all.length) c.enqueue(all.slice()); c.close(); } }); }
    static of(blob) { return blob.#bytes; }
  }
  class File extends Blob {
    constructor(parts, name, options = {}) { super(parts, options); this.name = String(name); this.lastModified = options.lastModified ?? host.now(); }
  }
  class FormData {
    #pairs = [];
    append(name, value, file) { this.#pairs.push([String(name), value instanceof Blob && !(value instanceof File) ? new File([value], file || 'blob', { type: value.type }) : value instanceof Blob ? value : String(value)]); }
    set(name, value, file) { this.delete(name); this.append(name, value, file); }
    delete(name) { this.#pairs = this.#pairs.filter(([n]) => n !== name); }
    get(name) { const p = this.#pairs.find(([n]) => n === name); return p ? p[1] : null; }
    getAll(name) { return this.#pairs.filter(([n]) => n === name).map(([, v]) => v); }
    has(name) { return this.#pairs.some(([n]) => n === name); }
    *entries() { yield* this.#pairs; }
    [Symbol.iterator]() { return this.entries(); }
    static encode(form) {
      const mark = '----tinyvm' + Array.from(host.randomBytes(12), (b) => b.toString(16).padStart(2, '0')).join('');
      const quoted = (s) => s.replace(/"/g, '%22').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
      const parts = [];
      for (const [name, value] of form) {
        parts.push(toBytes('--' + mark + '\r\nContent-Disposition: form-data; name="' + quoted(name) + '"'
          + (value instanceof File ? '; filename="' + quoted(value.name) + '"\r\nContent-Type: ' + (value.type || 'application/octet-stream') : '') + '\r\n\r\n'));
        parts.push(value instanceof Blob ? Blob.of(value) : toBytes(value), toBytes('\r\n'));
      }
      parts.push(toBytes('--' + mark + '--\r\n'));
      return { bytes: join(parts), type: 'multipart/form-data; boundary=' + mark };
    }
  }

  function join(parts) {
    const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
    let at = 0;
    for (const p of parts) { all.set(p, at); at += p.length; }
    return all;
  }
  function extract(body) {
    if (body === null || body === undefined) return { bytes: undefined, type: '' };
    if (typeof body === 'string') return { bytes: host.encode(body), type: 'text/plain;charset=UTF-8' };
    if (body instanceof URLSearchParams) return { bytes: host.encode(body.toString()), type: 'application/x-www-form-urlencoded;charset=UTF-8' };
    if (body instanceof FormData) return FormData.encode(body);
    if (body instanceof Blob) return { bytes: Blob.of(body), type: body.type };
    if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return { bytes: toBytes(body), type: '' };
    if (body instanceof ReadableStream) return { stream: body, type: '' };
    return { bytes: host.encode(String(body)), type: 'text/plain;charset=UTF-8' };
  }

  class Body {
    #stream; #bytes;
    bodyUsed = false;
    constructor({ bytes, stream }) { this.#bytes = bytes; this.#stream = stream; }
    get body() {
      if (this.#stream === undefined && this.#bytes !== undefined) { const all = this.#bytes; this.#stream = new ReadableStream({ start(c) { if (all.length) c.enqueue(all); c.close(); } }); }
      return this.#stream ?? null;
    }
    async bytes() {
      if (this.bodyUsed || (this.#stream && this.#stream.locked)) throw new TypeError('the body was read already');
      this.bodyUsed = true;
      if (this.#stream === undefined) return this.#bytes ?? new Uint8Array(0);
      const parts = [];
      for await (const part of this.#stream) parts.push(toBytes(part));
      return join(parts);
    }
    async arrayBuffer() { const b = await this.bytes(); return b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength); }
    async text() { const b = await this.bytes(); return host.decode(b[0] === 0xef && b[1] === 0xbb && b[2] === 0xbf ? b.slice(3) : b); }
    async json() { return JSON.parse(await this.text()); }
    async blob() { return new Blob([await this.bytes()], { type: this.headers.get('content-type') || '' }); }
    copy() {
      if (this.bodyUsed) throw new TypeError('the body was read already');
      if (this.#stream === undefined) return { bytes: this.#bytes };
      const [mine, other] = this.#stream.tee();
      this.#stream = mine;
      return { stream: other };
    }
  }
  class Request extends Body {
    constructor(input, init = {}) {
      const from = input instanceof Request ? input : undefined;
      const body = init.body !== undefined ? extract(init.body) : from ? from.copy() : {};
      super(body);
      this.url = from ? from.url : new URL(input).href;
      const method = String(init.method ?? from?.method ?? 'GET');
      this.method = /^(get|head|post|put|delete|options|patch)$/i.test(method) ? method.toUpperCase() : method;
      this.headers = new Headers(init.headers ?? from?.headers);
      this.redirect = init.redirect ?? from?.redirect ?? 'follow';
      this.signal = init.signal ?? from?.signal ?? new AbortSignal();
      if (body.type && !this.headers.has('content-type')) this.headers.set('content-type', body.type);
      if ((this.method === 'GET' || this.method === 'HEAD') && (body.bytes || body.stream)) throw new TypeError('a ' + this.method + ' request has no body');
    }
    clone() { return new Request(this); }
  }
  class Response extends Body {
    constructor(body, init = {}) {
      const content = init.content || extract(body);
      super(content);
      this.status = init.status ?? 200;
      this.statusText = init.statusText ?? '';
      this.headers = new Headers(init.headers);
      this.url = init.url ?? '';
      this.redirected = Boolean(init.redirected);
      this.type = init.url ? 'basic' : 'default';
      if (content.type && !this.headers.has('content-type')) this.headers.set('content-type', content.type);
    }
    get ok() { return this.status >= 200 && this.status < 300; }
    clone() { return new Response(null, { content: this.copy(), status: this.status, statusText: this.statusText, headers: this.headers, url: this.url, redirected: this.redirected }); }
    static json(value, init = {}) { const r = new Response(JSON.stringify(value), init); r.headers.set('content-type', 'application/json'); return r; }
    static error() { const r = new Response(null, { status: 200 }); r.status = 0; r.type = 'error'; return r; }
  }

  // Exchanges under way, by the engine's number: who waits for the head, who for a part.
  const exchanges = new Map();
  function failed(message, code) {
    const error = new TypeError('fetch failed: ' + message);
    error.code = code;
    error.cause = Object.assign(new Error(message), { code });
    return error;
  }
  function begin(method, url, headers, body, signal) {
    signal.throwIfAborted();
    const lines = [];
    for (const [n, v] of headers) lines.push(n, v);
    let number;
    try { number = host.fetch(method, url, lines.join('\n'), body ?? new Uint8Array(0)); } catch (e) { throw failed(e.message, e.code); }
    return new Promise((resolve, reject) => {
      const abort = () => {
        if (!exchanges.delete(number)) return;
        host.fetchClose(number);
        exchange.reject(signal.reason);
      };
      const exchange = { resolve, reject, number, done: () => { exchanges.delete(number); signal.removeEventListener('abort', abort); } };
      exchanges.set(number, exchange);
      signal.addEventListener('abort', abort);
    });
  }
  function bodyOf(exchange) {
    return new ReadableStream({
      pull: (c) => new Promise((resolve, reject) => {
        if (!exchanges.has(exchange.number)) { reject(exchange.reason ?? failed('the exchange was aborted', 'ECANCELED')); return; }
        exchange.reject = (e) => { exchange.reason = e; reject(e); };
        exchange.resolve = (bytes) => { exchange.reject = (e) => { exchange.reason = e; c.error(e); }; if (bytes) c.enqueue(bytes); else c.close(); resolve(); };
        host.fetchRead(exchange.number);
      }),
      cancel() { exchange.done(); host.fetchClose(exchange.number); },
    });
  }
  function event(number, kind, status, text, bytes) {
    const exchange = exchanges.get(number);
    if (!exchange) return;
    if (kind === 'head') exchange.resolve({ exchange, status, text });
    else if (kind === 'part') exchange.resolve(bytes);
    else {
      exchange.done();
      if (kind === 'end') exchange.resolve(undefined);
      else { const at = text.indexOf('\n'); exchange.reject(failed(text.slice(at + 1), text.slice(0, at))); }
    }
  }
  async function fetch(input, init) {
    const request = new Request(input, init);
    let { url, method } = request;
    let body = method === 'GET' || method === 'HEAD' ? undefined : await request.bytes();
    const headers = new Headers(request.headers);
    if (!headers.has('accept')) headers.set('accept', '*/*');
    if (!headers.has('user-agent')) headers.set('user-agent', 'tinyvm');
    for (let redirects = 0; ; redirects++) {
      const { exchange, status, text } = await begin(method, url, headers, body, request.signal);
      const lines = text.split('\n');
      const got = new Headers();
      for (let i = 1; i + 1 < lines.length; i += 2) got.append(lines[i], lines[i + 1]);
      const target = [301, 302, 303, 307, 308].includes(status) && got.get('location');
      if (!target || request.redirect === 'manual') {
        const empty = method === 'HEAD' || status === 204 || status === 304;
        exchange.reject = (e) => { exchange.reason = e; };
        if (empty) { exchange.done(); host.fetchClose(exchange.number); }
        return new Response(null, { content: empty ? {} : { stream: bodyOf(exchange) }, status, statusText: lines[0], headers: got, url, redirected: redirects > 0 });
      }
      exchange.done();
      host.fetchClose(exchange.number);
      if (request.redirect === 'error') throw failed('it answers with a redirection', 'ERR_REDIRECT');
      if (redirects >= 20) throw failed('more than 20 redirections', 'ERR_REDIRECT');
      const next = new URL(target, url);
      if (next.origin !== new URL(url).origin) for (const name of ['authorization', 'cookie', 'proxy-authorization']) headers.delete(name);
      url = next.href.replace(/#.*$/s, '');
      if (status === 303 ? method !== 'GET' && method !== 'HEAD' : (status === 301 || status === 302) && method === 'POST') {
        method = 'GET';
        body = undefined;
        for (const name of ['content-type', 'content-length', 'content-encoding', 'content-language']) headers.delete(name);
      }
    }
  }

  const crypto = {
    getRandomValues(array) {
      if (array.byteLength > 65536) throw new DOMException('at most 65536 bytes at once', 'QuotaExceededError');
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(host.randomBytes(array.byteLength));
      return array;
    },
    randomUUID() {
      const b = host.randomBytes(16);
      b[6] = (b[6] & 15) | 64;
      b[8] = (b[8] & 63) | 128;
      const hex = Array.from(b, (x) => x.toString(16).padStart(2, '0')).join('');
      return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
    },
  };

  define({ DOMException, Event, EventTarget, AbortSignal, AbortController, URL, URLSearchParams, Headers, ReadableStream, TransformStream, TextDecoderStream, Blob, File, FormData, Request, Response, fetch, crypto, atob: (s) => host.atob(String(s)), btoa: (s) => host.btoa(String(s)) });
  return { event, waiting: () => exchanges.size };
})
