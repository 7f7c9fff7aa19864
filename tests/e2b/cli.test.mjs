import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { withSandbox } from './support.mjs'

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

test('the CLI lists templates', async () => {
  assert.match((await e2b('template', 'list')).stdout, /base/)
})
