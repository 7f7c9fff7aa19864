import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { CommandExitError, InvalidArgumentError, SandboxError, TimeoutError } from 'e2b'
import { eventually, withSandbox } from './support.mjs'

test('a command gives its output, its errors and its exit code', () =>
  withSandbox(async (sandbox) => {
    const out = await sandbox.commands.run('echo out; echo err >&2')
    assert.deepEqual([out.exitCode, out.stdout, out.stderr], [0, 'out\n', 'err\n'])
    await assert.rejects(sandbox.commands.run('echo no >&2; exit 42'), (e) => {
      assert.ok(e instanceof CommandExitError)
      assert.deepEqual([e.exitCode, e.stderr], [42, 'no\n'])
      return true
    })
    assert.equal((await sandbox.commands.run('whoami; pwd')).stdout, 'user\n/home/user\n')
    assert.equal((await sandbox.commands.run('whoami', { user: 'root' })).stdout, 'root\n')
    assert.equal((await sandbox.commands.run('sudo whoami')).stdout, 'root\n')
    assert.equal((await sandbox.commands.run('pwd', { cwd: '/tmp' })).stdout, '/tmp\n')
    await assert.rejects(sandbox.commands.run('pwd', { cwd: '/nowhere' }), InvalidArgumentError)
  }))

test('environment variables come from the sandbox and from the command', () =>
  withSandbox(async (sandbox) => {
    const run = await sandbox.commands.run('echo $A $B $E2B_SANDBOX_ID', { envs: { B: 'command' } })
    assert.equal(run.stdout, `sandbox command ${sandbox.sandboxId}\n`)
    assert.equal((await sandbox.commands.run('echo $A', { envs: { A: 'mine' } })).stdout, 'mine\n')
  }, { envs: { A: 'sandbox', B: 'sandbox' } }))

test('a background command is listed, written to, joined and killed', () =>
  withSandbox(async (sandbox) => {
    let seen = ''
    const cat = await sandbox.commands.run('cat', { background: true, stdin: true })
    const other = await sandbox.commands.connect(cat.pid, { onStdout: (text) => { seen += text } })
    await sandbox.commands.sendStdin(cat.pid, 'Grüße\n')
    await eventually(() => cat.stdout === 'Grüße\n' && seen === 'Grüße\n', 'the echo')
    assert.ok((await sandbox.commands.list()).some((p) => p.pid === cat.pid && p.args.includes('cat')))
    await sandbox.commands.closeStdin(cat.pid)
    assert.equal((await cat.wait()).exitCode, 0)
    assert.equal((await other.wait()).exitCode, 0)

    const sleeper = await sandbox.commands.run('sleep 3600', { background: true })
    assert.equal(await sandbox.commands.kill(sleeper.pid), true)
    await assert.rejects(sleeper.wait(), CommandExitError)
    assert.equal(await sandbox.commands.kill(sleeper.pid), false)
  }))

test('a disconnected command runs on', () =>
  withSandbox(async (sandbox) => {
    const command = await sandbox.commands.run('sleep 1; echo late > late.txt', { background: true })
    await command.disconnect()
    await eventually(() => sandbox.files.exists('late.txt'), 'the file')
  }))

test('a command that takes too long is ended', () =>
  withSandbox(async (sandbox) => {
    await assert.rejects(sandbox.commands.run('sleep 3600', { timeoutMs: 1000 }), TimeoutError)
    await eventually(
      async () => !(await sandbox.commands.list()).some((p) => p.args.includes('sleep 3600')),
      'the end of the command')
  }))

test('a killed sandbox ends its commands with a reason', () =>
  withSandbox(async (sandbox) => {
    const sleeper = await sandbox.commands.run('sleep 3600', { background: true })
    await sandbox.kill()
    await assert.rejects(sleeper.wait(), (e) => {
      assert.ok(e instanceof SandboxError)
      assert.match(e.message, /sandbox was killed or reached its end of life/)
      return true
    })
  }))

test('bytes that are not UTF-8 do no harm, and characters split over pieces stay whole', () =>
  withSandbox(async (sandbox) => {
    const odd = await sandbox.commands.run(String.raw`printf '\xff\xfe ok'`)
    assert.ok(odd.stdout.endsWith(' ok'))
    const split = await sandbox.commands.run(String.raw`printf '\xf0\x9f'; sleep 0.3; printf '\x98\x80'`)
    assert.equal(split.stdout, '😀')
  }))

test('a hundred megabytes of output arrive whole and in order', () =>
  withSandbox(async (sandbox) => {
    const size = 100 * 1024 * 1024
    const wanted = createHash('sha256')
    const block = Buffer.from('0123456789abcde\n'.repeat(65536))
    for (let i = 0; i < size; i += block.length) wanted.update(block)
    const got = createHash('sha256')
    let bytes = 0
    const run = await sandbox.commands.run(`yes 0123456789abcde | head -c ${size}`, {
      background: true,
      timeoutMs: 300_000,
      onStdout: (text) => { got.update(text); bytes += text.length },
    })
    await run.wait()
    assert.equal(bytes, size)
    assert.equal(got.digest('hex'), wanted.digest('hex'))
  }))

test('a hundred commands run at once', () =>
  withSandbox(async (sandbox) => {
    const runs = await Promise.all(
      Array.from({ length: 100 }, (_, i) => sandbox.commands.run(`echo ${i}; sleep 0.2`, { requestTimeoutMs: 120_000 })))
    assert.deepEqual(runs.map((r) => r.stdout), runs.map((_, i) => `${i}\n`))
  }))

test('a terminal is one: size, input, signals, end', () =>
  withSandbox(async (sandbox) => {
    let screen = ''
    const decoder = new TextDecoder()
    const pty = await sandbox.pty.create({
      cols: 80, rows: 24, timeoutMs: 0, envs: { PS1: '' },
      onData: (data) => { screen += decoder.decode(data, { stream: true }) },
    })
    const type = (text) => sandbox.pty.sendInput(pty.pid, new TextEncoder().encode(text))
    await type('stty size\n')
    await eventually(() => screen.includes('24 80'), 'the size')
    await sandbox.pty.resize(pty.pid, { cols: 100, rows: 30 })
    await type('stty size; test -t 0 && echo is-a-tty\n')
    await eventually(() => screen.includes('30 100') && screen.includes('is-a-tty\r\n'), 'the new size')
    await type('sleep 3600\n')
    await type('\x03')
    await type('exit 7\n')
    await assert.rejects(pty.wait(), (e) => e.exitCode === 7)
  }))

test('a terminal is killed', () =>
  withSandbox(async (sandbox) => {
    const pty = await sandbox.pty.create({ cols: 80, rows: 24, onData: () => {}, timeoutMs: 0 })
    assert.equal(await pty.kill(), true)
    await assert.rejects(pty.wait())
    assert.equal(await sandbox.pty.kill(pty.pid), false)
  }))

test('git works through the SDK', () =>
  withSandbox(async (sandbox) => {
    await sandbox.git.init('repo')
    await sandbox.git.configureUser('A', 'a@example.org', { path: 'repo' })
    await sandbox.files.write('repo/file.txt', 'hello')
    await sandbox.git.add('repo')
    await sandbox.git.commit('repo', 'first', { authorName: 'A', authorEmail: 'a@example.org' })
    const status = await sandbox.git.status('repo')
    assert.equal(status.isClean, true)
    assert.equal((await sandbox.commands.run('git -C repo log --format=%s')).stdout, 'first\n')
  }))
