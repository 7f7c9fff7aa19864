// The module `tinyvm` for Node behind a wall of Linux: the same as the JavaScript runtime of WebAssembly Tiny VMs has.
const factory = /* llm.js */;
const levels = ['error', 'warn', 'info', 'debug'];
const tinyvm = factory({
  now: () => Date.now(),
  log: (level, text) => {
    if (level < 0) throw new Error('the level must be error, warn, info or debug');
    process.stderr.write(levels[level] + ': ' + text.trim().replace(/\p{Cc}+/gu, ' ') + '\n');
  },
});
export default tinyvm;
export const { version, log, now, llm, messages } = tinyvm;
