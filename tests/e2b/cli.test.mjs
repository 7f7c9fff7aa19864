import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { eventually, withSandbox } from './support.mjs'

const run = promisify(execFile)
const cli = join(dirname(createRequire(import.meta.url).resolve('@e2b/cli/package.json')), 'dist/index.js')

/** Its input is closed at once: 'exec' passes on what comes from a pipe. */
function e2b(...words) {
  const running = run(process.execPath, [cli, ...words], { timeout: 120_000 })
  running.child.stdin.end()
  return running
}

test('the CLI lists, shows, measures, runs in, pauses, resumes and kills a sandbox', () =>
  withSandbox(async (sandbox) => {
    const id = sandbox.sandboxId
    assert.ok((await e2b('sandbox', 'list')).stdout.includes(id))
    assert.ok((await e2b('sandbox', 'info', id)).stdout.includes(id))
    await e2b('sandbox', 'metrics', id)
    await e2b('sandbox', 'logs', id)
    assert.equal((await e2b('sandbox', 'exec', id, 'echo', 'from-inside')).stdout, 'from-inside\n')
    await assert.rejects(e2b('sandbox', 'exec', id, 'exit 5'), (e) => e.code === 5)
    await e2b('sandbox', 'pause', id)
    assert.equal((await sandbox.getInfo()).state, 'paused')
    await e2b('sandbox', 'resume', id)
    assert.equal((await sandbox.getInfo()).state, 'running')
    await e2b('sandbox', 'kill', id)
    assert.equal(await sandbox.isRunning(), false)
  }))

/** The CLI at a terminal, as a person uses it: types the lines one after another and gives what was on the screen. */
function atTerminal(words, lines) {
  return new Promise((resolve, reject) => {
    const command = [process.execPath, cli, ...words].map((w) => `'${w}'`).join(' ')
    const shell = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'], timeout: 120_000 })
    const left = [...lines]
    let screen = ''
    let seen = 0
    shell.stdout.on('data', (bytes) => {
      screen += bytes.toString('latin1')
      // A prompt ends with a dollar and a space; each gets the next line.
      if (screen.slice(seen).includes('$ ') && left.length > 0) {
        seen = screen.length
        shell.stdin.write(`${left.shift()}\n`)
      }
    })
    shell.on('error', reject)
    shell.on('exit', (code) => resolve({ code, screen }))
  })
}

test('the CLI opens terminals in new and in running sandboxes', () =>
  withSandbox(async (sandbox) => {
    const joined = await atTerminal(['sandbox', 'connect', sandbox.sandboxId], ['echo in-$((40+2)); echo here > here.txt', 'exit'])
    assert.match(joined.screen, /in-42/)
    assert.equal(await sandbox.files.read('here.txt'), 'here\n')
    assert.equal(await sandbox.isRunning(), true)
    const made = await atTerminal(['sandbox', 'create', 'base', '-e', 'WORD=given'], ['echo "$E2B_SANDBOX_ID is $WORD"', 'exit'])
    const id = /(i[a-z0-9]{19}) is given/.exec(made.screen)?.[1]
    assert.ok(id, made.screen)
    // It ends with its terminal.
    await eventually(async () => !(await e2b('sandbox', 'list')).stdout.includes(id), 'the end of the sandbox')
    const detached = (await e2b('sandbox', 'create', 'base', '--detach', '--timeout', '60')).stdout
    const left = /i[a-z0-9]{19}/.exec(detached)[0]
    assert.ok((await e2b('sandbox', 'list')).stdout.includes(left))
    await e2b('sandbox', 'kill', left)
    assert.ok(!(await e2b('sandbox', 'list')).stdout.includes(left))
  }))

test('the CLI lists templates', async () => {
  assert.match((await e2b('template', 'list')).stdout, /base/)
})
