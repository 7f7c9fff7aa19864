import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Sandbox } from '@e2b/code-interpreter'

async function withInterpreter(body) {
  const sandbox = await Sandbox.create({ timeoutMs: 300_000 })
  try {
    await body(sandbox)
  } finally {
    await sandbox.kill().catch(() => false)
  }
}

test('Python cells share names, stream output, give results and errors', () =>
  withInterpreter(async (sandbox) => {
    await sandbox.runCode('x = 20')
    const lines = []
    const run = await sandbox.runCode('import os, sys\nprint("out")\nprint("err", file=sys.stderr)\nos.system("echo child")\nx + 1', {
      onStdout: (m) => { lines.push(m.line) },
    })
    assert.equal(run.text, '21')
    assert.equal(run.logs.stdout.join(''), 'out\nchild\n')
    assert.equal(run.logs.stderr.join(''), 'err\n')
    assert.equal(lines.join(''), 'out\nchild\n')
    assert.equal(run.executionCount, 2)
    const failed = await sandbox.runCode('def f():\n  return 1 / 0\nf()')
    assert.equal(failed.error.name, 'ZeroDivisionError')
    assert.match(failed.error.traceback, /in f/)
    assert.equal((await sandbox.runCode('x')).text, '20')
    assert.equal((await sandbox.runCode('import os; os.environ["A"]', { envs: { A: 'b' } })).text, "'b'")
    const shown = await sandbox.runCode('class H:\n  def _repr_html_(self): return "<b>h</b>"\nH()')
    assert.equal(shown.results[0].html, '<b>h</b>')
    assert.equal((await sandbox.runCode('!echo from-shell')).logs.stdout.join(''), 'from-shell\n')
  }))

test('JavaScript cells can await, import and declare again', () =>
  withInterpreter(async (sandbox) => {
    const js = (code) => sandbox.runCode(code, { language: 'javascript' })
    assert.equal((await js('const x = 1\nx + 1')).text, '2')
    assert.equal((await js('const x = await Promise.resolve(5); x')).text, '5')
    assert.equal((await js("import { basename } from 'node:path'\nbasename('/a/b')")).text, 'b')
    const run = await js('console.log("hi"); console.error("no"); undefined')
    assert.deepEqual([run.logs.stdout.join(''), run.logs.stderr.join(''), run.results.length], ['hi\n', 'no\n', 0])
    assert.equal((await js('throw new TypeError("bad")')).error.name, 'TypeError')
  }))

test('contexts are apart, listed, restarted and removed', () =>
  withInterpreter(async (sandbox) => {
    const context = await sandbox.createCodeContext({ language: 'python', cwd: '/tmp' })
    assert.equal(context.cwd, '/tmp')
    assert.equal((await sandbox.runCode('import os; y = 1; os.getcwd()', { context })).text, "'/tmp'")
    assert.equal((await sandbox.runCode('y')).error.name, 'NameError')
    assert.ok((await sandbox.listCodeContexts()).some((c) => c.id === context.id))
    await sandbox.restartCodeContext(context)
    assert.equal((await sandbox.runCode('y', { context })).error.name, 'NameError')
    await sandbox.removeCodeContext(context)
    await assert.rejects(sandbox.runCode('1', { context }), /not found/)
    assert.ok(!(await sandbox.commands.list()).some((p) => p.args.join(' ').includes('kernel')))
  }))

test('a kernel that ends is told of and replaced; a cell that takes too long is interrupted', () =>
  withInterpreter(async (sandbox) => {
    const ended = await sandbox.runCode('import os; os._exit(3)')
    assert.equal(ended.error.name, 'KernelEnded')
    assert.equal((await sandbox.runCode('1 + 1')).text, '2')
    await assert.rejects(sandbox.runCode('while True: pass', { timeoutMs: 1000 }))
    assert.equal((await sandbox.runCode('2 + 2', { requestTimeoutMs: 120_000 })).text, '4')
  }))

test('a plot is a picture, shown or left open', (t) =>
  withInterpreter(async (sandbox) => {
    if ((await sandbox.runCode('import matplotlib')).error) return t.skip('the host has no matplotlib')
    const png = (result) => {
      const bytes = Buffer.from(result.png, 'base64')
      assert.equal(bytes.subarray(1, 4).toString(), 'PNG')
      return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)]
    }
    const open = await sandbox.runCode('import matplotlib.pyplot as plt\nplt.figure(figsize=(4, 3), dpi=100)\n_ = plt.plot([1, 2, 3])', { timeoutMs: 120_000 })
    assert.equal(open.error, undefined)
    assert.equal(open.results.length, 1)
    const [width, height] = png(open.results[0])
    assert.ok(width > 200 && height > 150)
    const shown = await sandbox.runCode('plt.plot([3, 1, 2])\nplt.title("t")\nplt.show()\nprint("after")')
    assert.equal(shown.results.length, 1)
    png(shown.results[0])
    assert.equal(shown.logs.stdout.join(''), 'after\n')
    const last = await sandbox.runCode('figure, axes = plt.subplots()\naxes.bar([1, 2], [3, 4])\nfigure')
    assert.ok(last.results.some((r) => r.png && r.isMainResult))
    // Figures are not told twice.
    assert.equal((await sandbox.runCode('1')).results.length, 1)
  }))
