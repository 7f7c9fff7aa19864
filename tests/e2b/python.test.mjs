// Requests as E2B's Python SDKs make them, where they differ from the JavaScript one: headers, the form of JSON, of multipart bodies and of numbers.
// The SDK itself comes from PyPI, which these tests do without.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withSandbox } from './support.mjs'

const url = process.env.E2B_SANDBOX_URL

/** Headers of every request to envd; the name of a user is sent as Basic authentication. */
async function headers(sandbox, more = {}) {
  const opened = await fetch(`${process.env.E2B_API_URL}/sandboxes/${sandbox.sandboxId}/connect`, {
    method: 'POST',
    headers: { 'X-API-KEY': process.env.E2B_API_KEY, 'Content-Type': 'application/json', 'User-Agent': 'e2b-python-sdk/2.0.0', lang: 'python' },
    body: JSON.stringify({ timeout: 300 }),
  })
  assert.equal(opened.status, 200)
  const { envdAccessToken } = await opened.json()
  return {
    'E2b-Sandbox-Id': sandbox.sandboxId,
    'E2b-Sandbox-Port': '49983',
    'X-Access-Token': envdAccessToken,
    'User-Agent': 'e2b-python-sdk/2.0.0',
    Accept: '*/*',
    ...more,
  }
}

/** protobuf's MessageToJson writes indented JSON with a space behind the colon. */
const pretty = (message) => JSON.stringify(message, null, 2)

async function unary(sandbox, method, message, more = {}) {
  return fetch(`${url}/${method}`, {
    method: 'POST',
    headers: await headers(sandbox, {
      'connect-protocol-version': '1', 'content-encoding': 'identity', 'content-type': 'application/json', ...more,
    }),
    body: pretty(message),
  })
}

/** One envelope up, all envelopes down. */
async function stream(sandbox, method, message, more = {}) {
  const body = Buffer.from(pretty(message))
  const head = Buffer.alloc(5)
  head.writeUInt32BE(body.length, 1)
  const answer = await fetch(`${url}/${method}`, {
    method: 'POST',
    headers: await headers(sandbox, {
      'connect-protocol-version': '1', 'connect-content-encoding': 'identity', 'content-type': 'application/connect+json', 'Keepalive-Ping-Interval': '50', ...more,
    }),
    body: Buffer.concat([head, body]),
  })
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('content-type'), 'application/connect+json')
  let bytes = Buffer.from(await answer.arrayBuffer())
  const messages = []
  while (bytes.length > 0) {
    const length = bytes.readUInt32BE(1)
    messages.push({ flags: bytes[0], json: JSON.parse(bytes.subarray(5, 5 + length)) })
    bytes = bytes.subarray(5 + length)
  }
  return messages
}

const bash = (command) => ({ process: { cmd: '/bin/bash', args: ['-l', '-c', command], envs: { A: 'b' } }, stdin: false })

test('a command: pretty JSON, a timeout in whole or broken milliseconds', () =>
  withSandbox(async (sandbox) => {
    for (const timeout of ['60000', '60000.0', '']) {
      const messages = await stream(sandbox, 'process.Process/Start', bash('echo $A; exit 3'), timeout ? { 'connect-timeout-ms': timeout } : {})
      const events = messages.filter((m) => m.flags === 0).map((m) => m.json.event)
      assert.ok(events[0].start.pid > 0)
      assert.equal(Buffer.from(events[1].data.stdout, 'base64').toString(), 'b\n')
      assert.deepEqual([events[2].end.exitCode, events[2].end.status], [3, 'exit status 3'])
      assert.deepEqual(messages.at(-1), { flags: 2, json: {} })
    }
    const late = await stream(sandbox, 'process.Process/Start', bash('sleep 60'), { 'connect-timeout-ms': '500.0' })
    assert.equal(late.at(-1).flags, 2)
    assert.equal(late.at(-1).json.error.code, 'deadline_exceeded')
    const missing = await stream(sandbox, 'process.Process/Connect', { process: { pid: 999999 } })
    assert.equal(missing.at(-1).json.error.code, 'not_found')
  }))

test('calls with one answer: signals by name, users by Basic authentication, errors with a code', () =>
  withSandbox(async (sandbox) => {
    const listed = await unary(sandbox, 'process.Process/List', {})
    assert.equal(listed.status, 200)
    assert.deepEqual(await listed.json(), { processes: [] })
    const killed = await unary(sandbox, 'process.Process/SendSignal', { process: { pid: 999999 }, signal: 'SIGNAL_SIGKILL' })
    assert.equal(killed.status, 404)
    assert.equal((await killed.json()).code, 'not_found')
    const made = await unary(sandbox, 'filesystem.Filesystem/MakeDir', { path: 'dir' }, { Authorization: `Basic ${Buffer.from('root:').toString('base64')}` })
    assert.equal((await made.json()).entry.path, '/root/dir')
    const stat = await unary(sandbox, 'filesystem.Filesystem/Stat', { path: '/nowhere' })
    assert.equal(stat.status, 404)
    const depth = await unary(sandbox, 'filesystem.Filesystem/ListDir', { path: '/', depth: 1 })
    const { entries } = await depth.json()
    const etc = entries.find((e) => e.name === 'etc')
    assert.deepEqual([etc.type, etc.owner, typeof etc.size], ['FILE_TYPE_DIRECTORY', 'root', 'string'])
    assert.match(etc.modifiedTime, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  }))

test('files as httpx sends them: one with its path in the query, many with theirs as file names', () =>
  withSandbox(async (sandbox) => {
    const boundary = '0123456789abcdef0123456789abcdef'
    const part = (name, type, content) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: ${type}\r\n\r\n${content}\r\n`
    const post = async (query, body) => {
      const answer = await fetch(`${url}/files${query}`, {
        method: 'POST',
        headers: await headers(sandbox, { 'Content-Type': `multipart/form-data; boundary=${boundary}`, 'Accept-Encoding': 'gzip, deflate' }),
        body,
      })
      return [answer.status, await answer.json()]
    }
    assert.deepEqual(await post('?username=user&path=one.txt', `${part('one.txt', 'text/plain', 'one')}--${boundary}--\r\n`), [
      200, [{ name: 'one.txt', path: '/home/user/one.txt', type: 'file' }]])
    const many = ['a b.txt', 'dir/ü.json', '/tmp/%22q%22.bin'].map((name) => part(name, 'application/octet-stream', name)).join('')
    const [status, written] = await post('?username=user', `${many}--${boundary}--\r\n`)
    assert.equal(status, 200)
    assert.deepEqual(written.map((f) => f.path), ['/home/user/a b.txt', '/home/user/dir/ü.json', '/tmp/"q".bin'])

    const get = async (path, more) => fetch(`${url}/files?path=${encodeURIComponent(path)}&username=user`, { headers: await headers(sandbox, more) })
    assert.equal(await (await get('one.txt', { 'Accept-Encoding': 'gzip, deflate' })).text(), 'one')
    assert.equal(await (await get('one.txt', { 'Accept-Encoding': 'gzip' })).text(), 'one')
    const missing = await get('none.txt', {})
    assert.equal(missing.status, 404)
    assert.equal((await missing.json()).code, 404)
  }))

test('the control API: lists by metadata, pauses, refusals', () =>
  withSandbox(async (sandbox) => {
    const api = (method, path, body) => fetch(process.env.E2B_API_URL + path, {
      method,
      headers: { 'X-API-KEY': process.env.E2B_API_KEY, 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    // urllib quotes the value of the whole metadata, and each of its parts before that.
    const listed = await api('GET', `/v2/sandboxes?metadata=${encodeURIComponent('who=a%26b')}&state=running&state=paused&limit=10`)
    assert.deepEqual((await listed.json()).map((s) => s.sandboxID), [sandbox.sandboxId])
    assert.equal((await api('POST', `/sandboxes/${sandbox.sandboxId}/timeout`, { timeout: 600 })).status, 204)
    assert.equal((await api('POST', `/sandboxes/${sandbox.sandboxId}/pause`)).status, 204)
    const again = await api('POST', `/sandboxes/${sandbox.sandboxId}/pause`, {})
    assert.deepEqual([again.status, (await again.json()).code], [409, 409])
    assert.equal((await api('POST', `/sandboxes/${sandbox.sandboxId}/connect`, { timeout: 60 })).status, 201)
    for (const [method, path] of [['GET', '/sandboxes/inothere'], ['DELETE', '/sandboxes/inothere'], ['POST', '/sandboxes/inothere/connect']]) {
      const refused = await api(method, path, method === 'POST' ? { timeout: 60 } : undefined)
      assert.deepEqual([refused.status, (await refused.json()).code], [404, 404])
    }
  }, { metadata: { who: 'a&b' } }))
