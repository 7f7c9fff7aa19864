import assert from 'node:assert/strict'
import { test } from 'node:test'
import http from 'node:http'
import { ask, eventually, withSandbox } from './support.mjs'

const SERVER = `
import http from 'node:http'
import { createHash } from 'node:crypto'
const server = http.createServer((request, response) => {
  if (request.url === '/stream') {
    response.write('first\\n')
    setTimeout(() => response.end('second\\n'), 500)
    return
  }
  const pieces = []
  request.on('data', (piece) => pieces.push(piece))
  request.on('end', () => {
    response.setHeader('X-Seen', request.method + ' ' + request.url + ' ' + request.headers.host)
    response.end(Buffer.concat(pieces))
  })
})
// The smallest WebSocket there is: it answers each frame of text with the same bytes.
server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n')
  socket.on('data', (frame) => socket.write('echo:' + frame.toString('latin1'), 'latin1'))
})
server.listen(8080, '127.0.0.1')
`

async function serve(sandbox) {
  await sandbox.files.write('server.mjs', SERVER)
  await sandbox.commands.run('node server.mjs', { background: true, timeoutMs: 0 })
  await eventually(async () => (await ask(sandbox, 8080)).status === 200, 'the server')
}

test('requests and answers pass through to a server inside', () =>
  withSandbox(async (sandbox) => {
    await serve(sandbox)
    const answer = await ask(sandbox, 8080, '/path?q=1', { method: 'POST', body: 'x'.repeat(1_000_000) })
    assert.equal((await answer.text()).length, 1_000_000)
    assert.match(answer.headers.get('x-seen'), /^POST \/path\?q=1 masked:8080$/)
    const reader = (await ask(sandbox, 8080, '/stream')).body.getReader()
    assert.equal(new TextDecoder().decode((await reader.read()).value), 'first\n')
    assert.equal(new TextDecoder().decode((await reader.read()).value), 'second\n')
  }, { network: { maskRequestHost: 'masked:${PORT}' } }))

test('a WebSocket passes through', () =>
  withSandbox(async (sandbox) => {
    await serve(sandbox)
    const url = new URL(process.env.E2B_SANDBOX_URL)
    const socket = await new Promise((resolve, reject) => {
      const request = http.request({
        host: url.hostname, port: url.port, path: '/ws',
        headers: {
          Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
          'E2b-Sandbox-Id': sandbox.sandboxId, 'E2b-Sandbox-Port': '8080',
        },
      })
      request.on('upgrade', (response, upgraded) => {
        assert.equal(response.headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
        resolve(upgraded)
      })
      request.on('response', (response) => reject(new Error(`status ${response.statusCode}`)))
      request.on('error', reject)
      request.end()
    })
    let got = ''
    socket.on('data', (data) => { got += data.toString('latin1') })
    socket.write('ping')
    await eventually(() => got === 'echo:ping', 'the echo')
    socket.destroy()
  }))

test('a sandbox that is not public wants its token', () =>
  withSandbox(async (sandbox) => {
    const token = { 'e2b-traffic-access-token': sandbox.trafficAccessToken }
    await sandbox.files.write('server.mjs', SERVER)
    await sandbox.commands.run('node server.mjs', { background: true, timeoutMs: 0 })
    await eventually(async () => (await ask(sandbox, 8080, '/', { headers: token })).status === 200, 'the server')
    assert.equal((await ask(sandbox, 8080)).status, 403)
  }, { network: { allowPublicTraffic: false } }))

const TLS_SERVER = `
import http.server, ssl
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'over TLS')
    def log_message(self, *a): pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 8443), H)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('cert.pem', 'key.pem')
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
`

test('a server inside that speaks TLS is reached when its port is told', () =>
  withSandbox(async (sandbox) => {
    await sandbox.commands.run('openssl req -x509 -newkey rsa:2048 -keyout key.pem -out cert.pem -days 1 -nodes -subj /CN=localhost')
    await sandbox.files.write('server.py', TLS_SERVER)
    await sandbox.commands.run('python3 server.py', { background: true, timeoutMs: 0 })
    await eventually(async () => (await ask(sandbox, 8443)).status === 200, 'the server')
    assert.equal(await (await ask(sandbox, 8443)).text(), 'over TLS')
    assert.deepEqual((await sandbox.getInfo()).network.httpsPorts, [8443, 8444])
    // One that does not speak it is named as the culprit.
    await sandbox.commands.run('python3 -m http.server 8444', { background: true, timeoutMs: 0 })
    await eventually(async () => {
      const answer = await ask(sandbox, 8444)
      return answer.status === 502 && /does not speak TLS/.test(await answer.text())
    }, 'the refusal')
  }, { network: { httpsPorts: [8443, 8444] } }))
