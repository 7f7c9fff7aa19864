// Runs cells of JavaScript for the E2B door: JSON lines in ({code, env}), JSON lines out behind the mark given as last argument. V8's REPL mode gives what a console
// gives: names of earlier cells can be declared again, and await works at the top.
import { Session } from 'node:inspector'
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'

const mark = process.argv.at(-1)
process.argv.length = 1

function raw(bytes) {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at)
    } catch (e) {
      if (e.code !== 'EAGAIN') throw e
    }
  }
}
const send = (event) => raw(Buffer.from(mark + JSON.stringify(event) + '\n'))

for (const name of ['stdout', 'stderr']) {
  process[name].write = (data, encoding, done) => {
    const text = typeof data === 'string' ? data : Buffer.from(data).toString('utf8')
    if (text) send({ type: name, text })
    const callback = typeof encoding === 'function' ? encoding : done
    if (callback) queueMicrotask(callback)
    return true
  }
}

const near = createRequire(process.cwd() + '/cell.js')
globalThis.require = near
globalThis.module = { exports: {} }
globalThis.__tinyvm_import__ = (name) => {
  let target = name
  if (!name.startsWith('node:') && !/^[a-z]+:\/\//.test(name)) {
    try {
      const found = near.resolve(name)
      target = found.startsWith('/') ? pathToFileURL(found).href : found
    } catch {
      // import() itself says what is wrong.
    }
  }
  return import(target)
}
globalThis.display = (value) => present(value, false)

function present(value, main) {
  const shown = { text: typeof value === 'string' && main ? value : inspect(value) }
  if (value && typeof value === 'object' && !Array.isArray(value) && Object.getPrototypeOf(value) === Object.prototype) {
    try {
      shown.json = JSON.parse(JSON.stringify(value))
    } catch {
      // What cannot be JSON is text.
    }
  }
  send({ type: 'result', is_main_result: main, ...shown })
}
globalThis.__tinyvm_present__ = present

/** Import statements are for modules; a cell is a script. */
function translated(code) {
  return code
    .replace(/^\s*import\s+['"]([^'"]+)['"];?/gm, "await __tinyvm_import__('$1');")
    .replace(/^\s*import\s+(?:([\w$]+)\s*,?\s*)?(?:\*\s*as\s+([\w$]+)|(\{[^}]*\}))?\s*from\s*['"]([^'"]+)['"];?/gm, (_, standard, all, some, name) => {
      const from = `(await __tinyvm_import__('${name}'))`
      const parts = []
      if (standard) parts.push(`${standard} = ${from}.default`)
      if (all) parts.push(`${all} = ${from}`)
      if (some) parts.push(`${some.replace(/\s+as\s+/g, ': ')} = ${from}`)
      return `const ${parts.join(', ')};`
    })
    .replace(/\bimport\(/g, '__tinyvm_import__(')
}

const session = new Session()
session.connect()
const post = (method, options) =>
  new Promise((resolve, reject) => session.post(method, options, (error, answer) => (error ? reject(error) : resolve(answer))))

async function show(result) {
  if (result.type === 'undefined') return
  if (!result.objectId) {
    present(result.type === 'bigint' || result.unserializableValue ? eval(result.unserializableValue) : result.value, true)
    return
  }
  await post('Runtime.callFunctionOn', {
    objectId: result.objectId,
    functionDeclaration: 'function () { globalThis.__tinyvm_present__(this, true) }',
  })
}

function failed(details) {
  const thrown = details.exception ?? {}
  const text = thrown.description ?? String(thrown.value ?? details.text)
  const stack = text.split('\n').filter((line) => !/node:internal|node:inspector|\/\[eval/.test(line)).join('\n')
  const first = text.split('\n')[0]
  const colon = first.indexOf(': ')
  const name = thrown.className ?? (colon > 0 ? first.slice(0, colon) : 'Error')
  send({ type: 'error', name, value: colon > 0 ? first.slice(colon + 2) : first, traceback: stack })
}

process.on('uncaughtException', (error) => send({ type: 'stderr', text: `Uncaught ${inspect(error)}\n` }))
process.on('unhandledRejection', (error) => send({ type: 'stderr', text: `Unhandled rejection ${inspect(error)}\n` }))

let count = 0
async function run({ code, env }) {
  const before = { ...process.env }
  Object.assign(process.env, env ?? {})
  send({ type: 'number_of_executions', execution_count: ++count })
  try {
    const answer = await post('Runtime.evaluate', {
      expression: `${translated(code)}\n//# sourceURL=cell${count}.js`,
      replMode: true,
      awaitPromise: true,
      userGesture: true,
    })
    if (answer.exceptionDetails) failed(answer.exceptionDetails)
    else await show(answer.result)
  } catch (error) {
    send({ type: 'error', name: 'KernelError', value: error.message, traceback: String(error.stack) })
  }
  for (const name of Object.keys(env ?? {})) {
    if (name in before) process.env[name] = before[name]
    else delete process.env[name]
  }
  send({ type: 'done' })
}

send({ type: 'ready' })
for await (const line of createInterface({ input: process.stdin })) await run(JSON.parse(line))
process.exit(0)
