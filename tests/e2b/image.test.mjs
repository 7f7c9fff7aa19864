// What programs expect of E2B's image.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withSandbox } from './support.mjs'

test('python, python3, node, git and curl are there under the names that programs use', () =>
  withSandbox(async (sandbox) => {
    for (const program of ['python', 'python3', 'node', 'git', 'curl', 'bash', 'sudo']) {
      assert.match((await sandbox.commands.run(`command -v ${program}`)).stdout, new RegExp(`/${program}\n$`))
    }
    assert.equal((await sandbox.commands.run('python -c "print(1 + 1)"')).stdout, '2\n')
  }))

test('sudo asks for nothing, keeps arguments whole and passes the exit code on', () =>
  withSandbox(async (sandbox) => {
    const run = async (command) => (await sandbox.commands.run(command)).stdout
    assert.equal(await run('sudo whoami'), 'root\n')
    assert.equal(await run(`sudo -n printf '[%s]' 'a b' '$HOME' "it's" ''`), `[a b][$HOME][it's][]`)
    assert.equal(await run('sudo -u user whoami'), 'user\n')
    assert.equal(await run('sudo A=b sh -c \'echo "$A $HOME"\''), 'b /root\n')
    assert.equal(await run('SECRET=x sudo env | grep -c SECRET || true'), '0\n')
    assert.equal(await run('echo input | sudo cat'), 'input\n')
    assert.equal(await run('echo "pwd; id -un" | sudo -i bash'), '/root\nroot\n')
    await assert.rejects(sandbox.commands.run('sudo sh -c "exit 7"'), (e) => e.exitCode === 7)
    await assert.rejects(sandbox.commands.run('sudo -u nobody-here true'), (e) => e.exitCode !== 0 && /nobody-here/.test(e.stderr))
  }))
