// The manager dies and comes back: what runs in sandboxes goes on and can be used as before. Run alone, with the manager of tests/e2b/run.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Sandbox as Interpreter } from '@e2b/code-interpreter'
import { Sandbox } from 'e2b'
import { eventually, withSandbox } from './support.mjs'

const data = process.env.TINYVM_TEST_DATA
const port = new URL(process.env.E2B_API_URL).port
const tinyvm = (...words) => promisify(execFile)(process.env.TINYVM_TEST_COMMAND, [...words, '--data', data], { timeout: 120_000 })

function alive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** kill -9, then a new manager on the same port. */
async function managerDiesAndComesBack() {
  const pid = Number(await readFile(`${data}/lock`, 'utf8'))
  process.kill(pid, 'SIGKILL')
  await eventually(() => !alive(pid), 'the death of the manager')
  await tinyvm('up', '--detach', '--port', port, '--tls-port', '0', '--capacity', 'cpu=100,memory=200Gi')
}

test('commands and terminals of before are joined, written to and waited for', () =>
  withSandbox(async (sandbox) => {
    const cat = await sandbox.commands.run('cat', { background: true, stdin: true })
    const silent = await sandbox.commands.run('head -c 2000000 /dev/zero; echo done > done.txt; sleep 3600', { background: true })
    const pty = await sandbox.pty.create({ cols: 80, rows: 24, timeoutMs: 0, envs: { PS1: '' }, onData: () => {} })
    for (const handle of [cat, silent, pty]) handle.wait().catch(() => {})
    const { endAt } = await sandbox.getInfo()
    await managerDiesAndComesBack()

    // Nobody listens to it: its output is dropped, so that it is not held up.
    await eventually(() => sandbox.files.exists('done.txt'), 'the end of a flood that nobody reads')
    assert.deepEqual((await sandbox.getInfo()).endAt, endAt)
    const listed = await sandbox.commands.list()
    assert.ok(listed.some((p) => p.pid === cat.pid && p.args.includes('cat')))

    let seen = ''
    const again = await sandbox.commands.connect(cat.pid, { onStdout: (text) => { seen += text } })
    await sandbox.commands.sendStdin(cat.pid, 'still there\n')
    await eventually(() => seen === 'still there\n', 'the echo')
    await sandbox.commands.closeStdin(cat.pid)
    assert.equal((await again.wait()).exitCode, 0)

    let screen = ''
    const terminal = await sandbox.pty.connect(pty.pid, { onData: (bytes) => { screen += Buffer.from(bytes) }, timeoutMs: 0 })
    await sandbox.pty.resize(pty.pid, { cols: 111, rows: 22 })
    await sandbox.pty.sendInput(pty.pid, Buffer.from('stty size\n'))
    await eventually(() => screen.includes('22 111'), 'the size')
    await sandbox.pty.sendInput(pty.pid, Buffer.from('exit 3\n'))
    await assert.rejects(terminal.wait(), (e) => e.exitCode === 3)
    assert.equal(await sandbox.commands.kill(silent.pid), true)
  }))

test('the code interpreter starts anew', async () => {
  const sandbox = await Interpreter.create({ timeoutMs: 300_000 })
  try {
    await sandbox.runCode('x = 1')
    const context = await sandbox.createCodeContext({ language: 'python' })
    await managerDiesAndComesBack()
    const run = await sandbox.runCode('x')
    assert.equal(run.error.name, 'NameError')
    await assert.rejects(sandbox.runCode('1', { context }), /not found/)
    // The kernel of before is gone with all that it held.
    await eventually(async () => (await sandbox.commands.run('pgrep -c python3')).stdout === '1\n', 'the end of the old kernel')
  } finally {
    await sandbox.kill()
  }
})

test('a paused sandbox stays paused, and its processes keep their pids', () =>
  withSandbox(async (sandbox) => {
    const sleeper = await sandbox.commands.run('sleep 3600', { background: true })
    sleeper.wait().catch(() => {})
    await sandbox.pause()
    await managerDiesAndComesBack()
    assert.equal((await sandbox.getInfo()).state, 'paused')
    await Sandbox.connect(sandbox.sandboxId)
    const joined = await sandbox.commands.connect(sleeper.pid)
    assert.equal(joined.pid, sleeper.pid)
    assert.equal(await joined.kill(), true)
  }))
