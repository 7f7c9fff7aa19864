import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Sandbox, SandboxNotFoundError, AuthenticationError, Template } from 'e2b'
import { ask, eventually, withSandbox } from './support.mjs'

test('a sandbox is made, seen, and killed', () =>
  withSandbox(async (sandbox) => {
    assert.equal(await sandbox.isRunning(), true)
    const info = await sandbox.getInfo()
    assert.equal(info.state, 'running')
    assert.equal(info.templateId, 'base')
    assert.deepEqual(info.metadata, { who: 'ä & =' })
    assert.ok(info.endAt > new Date())
    assert.equal(await sandbox.kill(), true)
    assert.equal(await sandbox.kill(), false)
    assert.equal(await sandbox.isRunning(), false)
    await assert.rejects(Sandbox.connect(sandbox.sandboxId), SandboxNotFoundError)
    await assert.rejects(sandbox.getInfo(), SandboxNotFoundError)
  }, { metadata: { who: 'ä & =' } }))

test('connect keeps a longer life and extends a shorter one', () =>
  withSandbox(async (sandbox) => {
    const before = (await sandbox.getInfo()).endAt.getTime()
    await Sandbox.connect(sandbox.sandboxId, { timeoutMs: 10_000 })
    assert.equal((await sandbox.getInfo()).endAt.getTime(), before)
    await sandbox.connect({ timeoutMs: 900_000 })
    assert.ok((await sandbox.getInfo()).endAt.getTime() > before)
    await sandbox.setTimeout(60_000)
    assert.ok((await sandbox.getInfo()).endAt.getTime() < before)
  }))

test('a sandbox ends by itself when its time is over', () =>
  withSandbox(async (sandbox) => {
    await eventually(async () => !(await sandbox.isRunning()), 'the end of the sandbox')
    assert.equal(await sandbox.kill(), false)
  }, { timeoutMs: 2_000 }))

test('lists are filtered and paged, newest first', async () => {
  const run = `r${Date.now()}`
  const metadata = { run, odd: 'a=b&c d/ü' }
  const made = []
  try {
    for (let i = 0; i < 3; i++) made.push(await Sandbox.create({ metadata, timeoutMs: 120_000 }))
    await made[0].pause()
    const pages = Sandbox.list({ query: { metadata }, limit: 2 })
    const first = await pages.nextItems()
    assert.deepEqual(first.map((s) => s.sandboxId), [made[2].sandboxId, made[1].sandboxId])
    assert.equal(pages.hasNext, true)
    const second = await pages.nextItems()
    assert.deepEqual(second.map((s) => s.sandboxId), [made[0].sandboxId])
    assert.equal(pages.hasNext, false)
    const paused = await Sandbox.list({ query: { metadata, state: ['paused'] } }).nextItems()
    assert.deepEqual(paused.map((s) => s.state), ['paused'])
  } finally {
    await Promise.all(made.map((s) => s.kill()))
  }
})

test('a paused sandbox keeps its processes and files', () =>
  withSandbox(async (sandbox) => {
    await sandbox.files.write('kept.txt', 'kept')
    const sleeper = await sandbox.commands.run('sleep 3600', { background: true })
    assert.equal(await sandbox.pause(), true)
    assert.equal(await sandbox.pause(), false)
    assert.equal(await sandbox.isRunning(), false)
    await sandbox.connect()
    assert.equal(await sandbox.isRunning(), true)
    assert.ok((await sandbox.commands.list()).some((p) => p.pid === sleeper.pid))
    assert.equal((await sandbox.commands.connect(sleeper.pid)).pid, sleeper.pid)
    assert.equal(await sandbox.files.read('kept.txt'), 'kept')
    assert.equal(await sleeper.kill(), true)
  }))

test('a sandbox paused without its memory comes back with its files and without processes', () =>
  withSandbox(async (sandbox) => {
    await sandbox.files.write('kept.txt', 'kept')
    const sleeper = await sandbox.commands.run('sleep 3600 & sleep 3600 & wait', { background: true })
    const ended = sleeper.wait().catch((e) => e)
    await sandbox.commands.run('setsid sleep 3600 >/dev/null 2>&1 & echo gone > /dev/shm/f')
    await sandbox.pause({ keepMemory: false })
    assert.equal((await sandbox.getInfo()).state, 'paused')
    assert.equal((await ended).exitCode, -1)
    await sandbox.connect()
    assert.equal(await sandbox.files.read('kept.txt'), 'kept')
    assert.deepEqual(await sandbox.commands.list(), [])
    assert.equal((await sandbox.commands.run('pgrep -c sleep; ls /dev/shm', {}).catch((e) => e)).stdout, '0\n')
    // What is paused as usual afterwards keeps its processes again.
    const kept = await sandbox.commands.run('sleep 3600', { background: true })
    kept.wait().catch(() => {})
    await sandbox.pause()
    await sandbox.connect()
    assert.equal(await kept.kill(), true)
  }))

test('a sandbox that its time pauses without memory comes back without processes', () =>
  withSandbox(async (sandbox) => {
    await sandbox.files.write('kept.txt', 'kept')
    const sleeper = await sandbox.commands.run('sleep 3600', { background: true })
    sleeper.wait().catch(() => {})
    await eventually(async () => (await sandbox.getInfo()).state === 'paused', 'the pause')
    await sandbox.connect()
    assert.equal(await sandbox.files.read('kept.txt'), 'kept')
    assert.deepEqual(await sandbox.commands.list(), [])
  }, { timeoutMs: 3_000, lifecycle: { onTimeout: { action: 'pause', keepMemory: false } } }))

test('network rules are checked in the words of E2B, kept and replaced', async () => {
  const wrong = async (network, message) => assert.rejects(Sandbox.create({ network }), message)
  await wrong({ denyOut: ['example.org'] }, /invalid denied CIDR example.org/)
  await wrong({ allowOut: ['example.org'] }, /you must include 'ALL_TRAFFIC' in deny out/)
  await wrong({ denyOut: ['300.1.1.1'] }, /invalid deny out entry: '300.1.1.1'/)
  await wrong({ allowOut: ['10.0.0.0/33'] }, /invalid allow out entry/)
  await wrong({ maskRequestHost: 'a b' }, /mask request host is not valid/)
  await wrong({ httpsPorts: [70000] }, /httpsPorts must be a list of ports/)
  await wrong({ rules: { 'example.org': [{ transform: { headers: { A: 'b' } } }] } }, /not built in TinyVM yet/)
  await withSandbox(async (sandbox) => {
    const { network } = await sandbox.getInfo()
    assert.deepEqual(network.allowOut, ['example.org', '*.example.net:443', '1.1.1.1'])
    await sandbox.updateNetwork({ denyOut: ['8.8.8.8'] })
    const after = (await sandbox.getInfo()).network
    assert.deepEqual([after.allowOut, after.denyOut, after.maskRequestHost], [undefined, ['8.8.8.8'], 'masked'])
    await assert.rejects(sandbox.updateNetwork({ allowOut: ['example.org'] }), /ALL_TRAFFIC/)
  }, { network: { allowOut: ['example.org', '*.example.net:443', '1.1.1.1'], denyOut: ({ allTraffic }) => [allTraffic], maskRequestHost: 'masked' } })
})

test('a sandbox that pauses at its end wakes up for a request', () =>
  withSandbox(async (sandbox) => {
    await sandbox.files.write('f', '1')
    await eventually(async () => (await sandbox.getInfo()).state === 'paused', 'the pause')
    assert.equal(await sandbox.files.read('f'), '1')
    assert.equal((await sandbox.getInfo()).state, 'running')
  }, { timeoutMs: 3_000, lifecycle: { onTimeout: 'pause', autoResume: true } }))

test('metrics tell of CPU, memory and disk', () =>
  withSandbox(async (sandbox) => {
    const [metric] = await sandbox.getMetrics()
    assert.ok(metric.memUsed > 0 && metric.memUsed <= metric.memTotal)
    assert.ok(metric.diskTotal > 0)
    assert.ok(metric.cpuCount >= 1)
  }))

test('templates that exist are found, others are refused by name', async () => {
  assert.equal(await Template.exists('base'), true)
  assert.equal(await Template.exists('no-such-template'), false)
  await assert.rejects(Sandbox.create('no-such-template'), /no-such-template/)
})

test('a wrong key is refused', async () => {
  await assert.rejects(Sandbox.create({ apiKey: `e2b_${'0'.repeat(40)}` }), AuthenticationError)
})

test('what is not built says so', () =>
  withSandbox(async (sandbox) => {
    await assert.rejects(sandbox.createSnapshot(), /not built.*snapshot/)
    await assert.rejects(Sandbox.create({ volumeMounts: { '/data': 'v' } }), /not built.*volumes/)
  }))

test('what is not built answers 501 in the shape of E2B and names it', async () => {
  for (const [method, path, feature] of [
    ['POST', '/v3/templates', 'building templates'], ['POST', '/v2/templates/x/builds/y', 'building templates'], ['GET', '/templates/x/files/h', 'building templates'],
    ['POST', '/templates/tags', 'tags of templates'], ['POST', '/volumes', 'volumes'], ['GET', '/volumecontent/v/file', 'volumes'], ['POST', '/secrets', 'secrets'],
  ]) {
    const answer = await fetch(process.env.E2B_API_URL + path, {
      method, headers: { 'X-API-KEY': process.env.E2B_API_KEY, 'Content-Type': 'application/json' }, body: method === 'POST' ? '{}' : undefined,
    })
    assert.equal(answer.status, 501)
    assert.deepEqual(await answer.json(), { code: 501, message: `not built in TinyVM yet: ${feature}; docs/e2b.md lists what is supported` })
  }
  await withSandbox(async (sandbox) => {
    for (const what of ['snapshots', 'fork']) {
      const answer = await fetch(`${process.env.E2B_API_URL}/sandboxes/${sandbox.sandboxId}/${what}`, {
        method: 'POST', headers: { 'X-API-KEY': process.env.E2B_API_KEY, 'Content-Type': 'application/json' }, body: '{}',
      })
      assert.deepEqual([answer.status, (await answer.json()).code], [501, 501])
    }
  })
})

test('fifty sandboxes can be made at once', async () => {
  const made = await Promise.all(Array.from({ length: 50 }, () => Sandbox.create({ timeoutMs: 120_000 })))
  try {
    const outputs = await Promise.all(made.map((s, i) => s.commands.run(`echo ${i}`)))
    assert.deepEqual(outputs.map((o) => o.stdout), made.map((_, i) => `${i}\n`))
  } finally {
    await Promise.all(made.map((s) => s.kill()))
  }
})

test('a dead sandbox and a closed port answer 502', () =>
  withSandbox(async (sandbox) => {
    const closed = await ask(sandbox, 3000)
    assert.equal(closed.status, 502)
    const body = await closed.json()
    assert.equal(body.message, 'The sandbox is running but port is not open')
    assert.equal(body.port, 3000)
    await sandbox.kill()
    const dead = await ask(sandbox, 3000)
    assert.equal(dead.status, 502)
    assert.deepEqual(await dead.json(), {
      sandboxId: sandbox.sandboxId,
      message: 'The sandbox was not found',
      code: 502,
    })
  }))
