import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { FileNotFoundError, FilesystemEventType, InvalidArgumentError, SandboxError } from 'e2b'
import { eventually, withSandbox } from './support.mjs'

test('text and bytes go in and out in every way', () =>
  withSandbox(async (sandbox) => {
    const info = await sandbox.files.write('a/b c/ü.txt', 'hällo')
    assert.deepEqual([info.name, info.path, info.type], ['ü.txt', '/home/user/a/b c/ü.txt', 'file'])
    assert.equal(await sandbox.files.read('a/b c/ü.txt'), 'hällo')
    for (const options of [{ gzip: true }, { useOctetStream: true }]) {
      await sandbox.files.write('x', 'other', options)
      assert.equal(await sandbox.files.read('x', options), 'other')
    }
    assert.deepEqual(await sandbox.files.read('x', { format: 'bytes' }), new TextEncoder().encode('other'))
    await sandbox.files.write('empty', '')
    assert.equal(await sandbox.files.read('empty'), '')
    const many = await sandbox.files.write([{ path: 'm1', data: '1' }, { path: '/opt-like/m2', data: '2' }])
    assert.deepEqual(many.map((m) => m.path), ['/home/user/m1', '/opt-like/m2'])
    assert.equal(await sandbox.files.read('/opt-like/m2'), '2')
    assert.equal((await sandbox.files.getInfo('/opt-like/m2')).owner, 'user')
    assert.match(await sandbox.files.read('/proc/self/status'), /Name:/)
    await assert.rejects(sandbox.files.read('nope'), FileNotFoundError)
    await assert.rejects(sandbox.files.read('a'), InvalidArgumentError)
    await assert.rejects(sandbox.files.write('a', 'x'), InvalidArgumentError)
  }))

test('a hundred megabytes go in and out', () =>
  withSandbox(async (sandbox) => {
    const data = randomBytes(100 * 1024 * 1024)
    await sandbox.files.write('big', new Blob([data]), { requestTimeoutMs: 300_000 })
    const back = await sandbox.files.read('big', { format: 'bytes', requestTimeoutMs: 300_000 })
    assert.ok(Buffer.from(back).equals(data))
    let streamed = 0
    for await (const chunk of await sandbox.files.read('big', { format: 'stream' })) streamed += chunk.length
    assert.equal(streamed, data.length)
  }))

test('info tells size, mode, owner, time and link', () =>
  withSandbox(async (sandbox) => {
    await sandbox.files.write('f.txt', 'test')
    const info = await sandbox.files.getInfo('f.txt')
    assert.deepEqual(
      [info.size, info.mode, info.permissions, info.owner, info.group],
      [4, 0o644, '-rw-r--r--', 'user', 'user'])
    assert.ok(Math.abs(info.modifiedTime.getTime() - Date.now()) < 120_000)
    await sandbox.commands.run('ln -s f.txt l.txt && mkdir d && chmod 1777 d')
    assert.equal((await sandbox.files.getInfo('l.txt')).symlinkTarget, '/home/user/f.txt')
    assert.equal((await sandbox.files.getInfo('l.txt')).type, 'file')
    assert.equal((await sandbox.files.getInfo('d')).type, 'dir')
    assert.equal((await sandbox.files.getInfo('d')).permissions, 'dtrwxrwxrwx')
    await assert.rejects(sandbox.files.getInfo('nope'), FileNotFoundError)
  }))

test('directories are made, listed, moved and removed', () =>
  withSandbox(async (sandbox) => {
    assert.equal(await sandbox.files.makeDir('p/one/deep'), true)
    assert.equal(await sandbox.files.makeDir('p/one'), false)
    await sandbox.files.makeDir('p/two')
    await sandbox.files.write('p/file', 'x')
    const names = async (depth) => (await sandbox.files.list('p', { depth })).map((e) => e.path.slice('/home/user/p/'.length))
    assert.deepEqual(await names(1), ['file', 'one', 'two'])
    assert.deepEqual(await names(2), ['file', 'one', 'one/deep', 'two'])
    await assert.rejects(sandbox.files.list('p/file'), SandboxError)
    await assert.rejects(sandbox.files.list('nope'), FileNotFoundError)
    const moved = await sandbox.files.rename('p/file', 'q/moved')
    assert.equal(moved.path, '/home/user/q/moved')
    assert.equal(await sandbox.files.exists('p/file'), false)
    await assert.rejects(sandbox.files.rename('nope', 'x'), FileNotFoundError)
    await sandbox.files.remove('p')
    assert.equal(await sandbox.files.exists('p'), false)
    await sandbox.files.remove('p')
  }))

test('thousands of small files are listed', () =>
  withSandbox(async (sandbox) => {
    await sandbox.commands.run('mkdir many && cd many && for i in $(seq 1 3000); do echo $i > f$i; done')
    const entries = await sandbox.files.list('many')
    assert.equal(entries.length, 3000)
    await Promise.all(entries.slice(0, 200).map(async (e) => {
      assert.equal(await sandbox.files.read(e.path), `${e.name.slice(1)}\n`)
    }))
  }))

test('a watch tells of what happens, also in new directories', () =>
  withSandbox(async (sandbox) => {
    await sandbox.files.makeDir('w')
    const seen = []
    const watch = await sandbox.files.watchDir('w', (event) => { seen.push(`${event.type} ${event.name}`) }, { recursive: true, timeoutMs: 0 })
    await sandbox.files.write('w/f', '1')
    await eventually(() => seen.includes(`${FilesystemEventType.CREATE} f`) && seen.includes(`${FilesystemEventType.WRITE} f`), 'create and write')
    await sandbox.files.makeDir('w/sub')
    await eventually(() => seen.includes('create sub'), 'the directory')
    await sandbox.files.write('w/sub/g', '2')
    await eventually(() => seen.includes('write sub/g'), 'the file in it')
    await sandbox.files.rename('w/f', 'w/h')
    await eventually(() => seen.includes('rename f') && seen.includes('create h'), 'the rename')
    await sandbox.files.remove('w/h')
    await eventually(() => seen.includes('remove h'), 'the removal')
    await watch.stop()
    await assert.rejects(sandbox.files.watchDir('nope', () => {}), FileNotFoundError)
  }))

test('a signed URL opens one file, until it expires', () =>
  withSandbox(async (sandbox) => {
    await sandbox.files.write('hello.txt', 'hello world')
    const routed = (url, init = {}) =>
      fetch(url, { ...init, headers: { 'E2b-Sandbox-Id': sandbox.sandboxId, 'E2b-Sandbox-Port': '49983' } })
    const good = await routed(await sandbox.downloadUrl('hello.txt', { useSignatureExpiration: 10_000 }))
    assert.equal(await good.text(), 'hello world')
    const expired = await routed(await sandbox.downloadUrl('hello.txt', { useSignatureExpiration: -10_000 }))
    assert.equal(expired.status, 401)
    assert.deepEqual(await expired.json(), { code: 401, message: 'signature is already expired' })
    const form = new FormData()
    form.append('file', 'file content')
    const up = await routed(await sandbox.uploadUrl('up.txt', { user: 'root', useSignatureExpiration: 10_000 }), { method: 'POST', body: form })
    assert.deepEqual(await up.json(), [{ name: 'up.txt', path: '/root/up.txt', type: 'file' }])
    assert.equal((await routed(`${process.env.E2B_SANDBOX_URL}/files?path=hello.txt`)).status, 401)
  }))
