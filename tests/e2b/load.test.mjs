// Much of everything: what is streamed must not heap up anywhere.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { withSandbox } from './support.mjs'

const GIB = 2 ** 30

/** Resident bytes of the manager; 0 when it is not this run's own. */
async function managerBytes() {
  const data = process.env.TINYVM_TEST_DATA
  if (!data) return 0
  const pid = (await readFile(`${data}/lock`, 'utf8')).trim()
  return Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]) * 1024
}

/** Starts a command as the SDK does and counts its output. The SDK itself keeps all of it as one string, which ends at half a gigabyte. */
async function countOutput(sandbox, command, onPiece) {
  const message = Buffer.from(JSON.stringify({ process: { cmd: '/bin/bash', args: ['-l', '-c', command] }, stdin: false }))
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  const answer = await fetch(`${process.env.E2B_SANDBOX_URL}/process.Process/Start`, {
    method: 'POST',
    headers: {
      'E2b-Sandbox-Id': sandbox.sandboxId, 'E2b-Sandbox-Port': '49983', 'X-Access-Token': sandbox.envdAccessToken,
      'Connect-Protocol-Version': '1', 'Content-Type': 'application/connect+json',
    },
    body: Buffer.concat([head, message]),
  })
  let rest = Buffer.alloc(0)
  let bytes = 0
  let last
  for await (const piece of answer.body) {
    rest = rest.length === 0 ? Buffer.from(piece) : Buffer.concat([rest, piece])
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      const end = 5 + rest.readUInt32BE(1)
      const event = JSON.parse(rest.subarray(5, end).toString('latin1')).event
      const text = event?.data?.stdout
      if (text) bytes += Buffer.byteLength(text, 'base64')
      if (event?.end) last = event.end
      rest = rest.subarray(end)
    }
    await onPiece(bytes)
  }
  return { bytes, end: last }
}

test('a gigabyte of output goes through a manager whose memory stays as it was', () =>
  withSandbox(async (sandbox) => {
    await countOutput(sandbox, 'head -c 64M /dev/zero', () => {})
    const before = await managerBytes()
    let most = 0
    let asked = 0
    const run = await countOutput(sandbox, 'head -c 1G /dev/zero', async (bytes) => {
      if (bytes - asked < 32 * 2 ** 20) return
      asked = bytes
      most = Math.max(most, await managerBytes())
    })
    assert.equal(run.bytes, GIB)
    assert.equal(run.end.exitCode ?? 0, 0)
    assert.ok(most - before < 96 * 2 ** 20, `the manager grew from ${before >> 20} to ${most >> 20} MiB`)
  }, { timeoutMs: 600_000 }))

test('three thousand small files are written, listed and read', () =>
  withSandbox(async (sandbox) => {
    const files = Array.from({ length: 3000 }, (_, i) => ({ path: `many/${i % 10}/f${i}.txt`, data: `content ${i}` }))
    for (let at = 0; at < files.length; at += 500) {
      const written = await sandbox.files.writeFiles(files.slice(at, at + 500), { requestTimeoutMs: 120_000 })
      assert.equal(written.length, 500)
    }
    const listed = await sandbox.files.list('many', { depth: 2, requestTimeoutMs: 120_000 })
    assert.equal(listed.length, 3010)
    const read = await Promise.all([0, 1499, 2999].map((i) => sandbox.files.read(files[i].path)))
    assert.deepEqual(read, [0, 1499, 2999].map((i) => `content ${i}`))
    assert.equal((await sandbox.commands.run('cat many/*/*.txt | wc -c; find many -type f | wc -l')).stdout,
      `${files.reduce((sum, f) => sum + f.data.length, 0)}\n3000\n`)
  }))
