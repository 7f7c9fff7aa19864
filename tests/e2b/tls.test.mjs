// The full form: https://api.<domain> and https://<port>-<id>.<domain>, with the CA of `tinyvm cert` alone.
import assert from 'node:assert/strict'
import https from 'node:https'
import { test } from 'node:test'
import { FilesystemEventType, Sandbox, Template } from 'e2b'
import { eventually, withSandbox } from './support.mjs'

const skip = process.env.E2B_DOMAIN ? false : 'E2B_DOMAIN is not set'
const SERVER = `
import http from 'node:http'
import { createHash } from 'node:crypto'
const server = http.createServer((request, response) => {
  response.setHeader('X-Seen', request.headers['x-forwarded-proto'] ?? '')
  if (request.url === '/stream') {
    response.write('first\\n')
    request.on('end', () => response.end('second\\n'))
    request.resume()
    return
  }
  request.pipe(response)
})
server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n')
  socket.on('data', (piece) => socket.write(piece))
})
server.listen(8080, '127.0.0.1')
`

async function serve(sandbox) {
  await sandbox.files.write('server.mjs', SERVER)
  await sandbox.commands.run('node server.mjs', { background: true, timeoutMs: 0 })
  const url = `https://${sandbox.getHost(8080)}`
  await eventually(async () => (await fetch(url)).status === 200, 'the server')
  return url
}

test('a command runs over TLS, and its output streams', { skip }, () =>
  withSandbox(async (sandbox) => {
    assert.match(sandbox.getHost(49983), new RegExp(`^49983-${sandbox.sandboxId}\\.`))
    const lines = []
    const result = await sandbox.commands.run('for i in 1 2 3; do echo $i; done', { onStdout: (piece) => lines.push(piece) })
    assert.equal(result.stdout, '1\n2\n3\n')
    assert.equal(lines.join(''), result.stdout)
    assert.ok((await Sandbox.list().nextItems()).some((one) => one.sandboxId === sandbox.sandboxId))
    assert.equal(await sandbox.isRunning(), true)
  }))

test('a server inside is reached at <port>-<id>.<domain>', { skip }, () =>
  withSandbox(async (sandbox) => {
    const url = await serve(sandbox)
    const body = 'x'.repeat(3_000_000)
    const answer = await fetch(url, { method: 'POST', body })
    assert.equal(await answer.text(), body)
    const reader = (await fetch(`${url}/stream`)).body.getReader()
    const decoder = new TextDecoder()
    let text = ''
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) text += decoder.decode(piece.value)
    assert.equal(text, 'first\nsecond\n')
    assert.equal((await fetch(`https://${sandbox.getHost(8081)}`)).status, 502)
  }))

test('a WebSocket passes through TLS both ways', { skip }, () =>
  withSandbox(async (sandbox) => {
    const url = await serve(sandbox)
    const socket = await new Promise((resolve, reject) => {
      https
        .request(`${url}/ws`, {
          headers: { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' },
        })
        .on('upgrade', (_, upgraded) => resolve(upgraded))
        .on('response', (response) => reject(new Error(`status ${response.statusCode}`)))
        .on('error', reject)
        .end()
    })
    let received = 0
    socket.on('data', (data) => { received += data.length })
    const sent = Buffer.alloc(2_000_000, 'y')
    socket.write(sent)
    await eventually(() => received === sent.length, 'the echo')
    socket.destroy()
  }))

test('a secured sandbox wants its token, and signed URLs need none', { skip }, () =>
  withSandbox(async (sandbox) => {
    await sandbox.files.write('kept.txt', 'kept')
    const bare = new URL(await sandbox.downloadUrl('kept.txt', { useSignatureExpiration: 60 }))
    assert.equal(await (await fetch(bare)).text(), 'kept')
    bare.searchParams.delete('signature')
    assert.equal((await fetch(bare)).status, 401)
    const form = new FormData()
    form.append('file', new Blob(['sent']), 'sent.txt')
    const up = await sandbox.uploadUrl('sent.txt', { useSignatureExpiration: 60 })
    assert.equal((await fetch(up, { method: 'POST', body: form })).status, 200)
    assert.equal(await sandbox.files.read('sent.txt'), 'sent')
    const late = await sandbox.downloadUrl('kept.txt', { useSignatureExpiration: -60 })
    assert.equal((await fetch(late)).status, 401)
  }, { secure: true }))

test('changes of files are seen as they happen', { skip }, () =>
  withSandbox(async (sandbox) => {
    await sandbox.files.makeDir('watched')
    const events = []
    const watch = await sandbox.files.watchDir('watched', (event) => events.push(event), { recursive: true })
    await sandbox.files.write('watched/a.txt', 'a')
    await eventually(() => events.some((e) => e.name === 'a.txt' && e.type === FilesystemEventType.WRITE), 'the write')
    await sandbox.files.remove('watched/a.txt')
    await eventually(() => events.some((e) => e.name === 'a.txt' && e.type === FilesystemEventType.REMOVE), 'the removal')
    await watch.stop()
  }))

test('metrics are given', { skip }, () =>
  withSandbox(async (sandbox) => {
    const [now] = await eventually(async () => {
      const all = await sandbox.getMetrics()
      return all.length > 0 && all
    }, 'metrics')
    assert.ok(now.cpuCount > 0)
    assert.ok(now.memTotal > 0)
    assert.ok(now.memUsed > 0)
    assert.ok(now.diskTotal > 0)
  }))

test('git keeps a repository', { skip }, () =>
  withSandbox(async (sandbox) => {
    await sandbox.git.init('/home/user/repository', { initialBranch: 'main' })
    await sandbox.git.configureUser('Tester', 'tester@example.com')
    await sandbox.files.write('repository/README', 'hello')
    assert.equal((await sandbox.git.status('/home/user/repository')).hasUntracked, true)
    await sandbox.git.add('/home/user/repository')
    await sandbox.git.commit('/home/user/repository', 'First')
    assert.equal((await sandbox.git.status('/home/user/repository')).isClean, true)
    await sandbox.git.createBranch('/home/user/repository', 'side')
    const branches = await sandbox.git.branches('/home/user/repository')
    assert.deepEqual([...branches.branches].sort(), ['main', 'side'])
    assert.equal(branches.currentBranch, 'side')
  }))

test('templates are there or not', { skip }, async () => {
  assert.equal(await Template.exists('base'), true)
  assert.equal(await Template.exists('there-is-none'), false)
})

test('the native API is not served under a foreign name', { skip }, async () => {
  const [host, port] = process.env.E2B_DOMAIN.split(':')
  const status = (name) =>
    new Promise((resolve, reject) => {
      https
        .get({ host: '127.0.0.1', port, servername: host, path: '/api/v1/host', headers: { Host: name } }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
        .on('error', reject)
    })
  assert.equal(await status('evil.example.org'), 403)
  assert.equal(await status(host), 401)
})
