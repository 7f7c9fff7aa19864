// Times E2B's SDK as its users do: from Sandbox.create() to the output of the first commands.run().
// Arguments: how many one after another, how many at once, how many to warm up with. Prints one JSON object; every time is in nanoseconds.
import { Sandbox } from 'e2b'

const [count, atOnce, warmUp] = process.argv.slice(2).map(Number)

async function once() {
  const start = process.hrtime.bigint()
  const sandbox = await Sandbox.create({ timeoutMs: 120_000 })
  const created = process.hrtime.bigint()
  try {
    const { stdout } = await sandbox.commands.run('echo ready')
    const end = process.hrtime.bigint()
    if (stdout !== 'ready\n') throw new Error(`the command printed ${JSON.stringify(stdout)}`)
    return { sandbox, total: Number(end - start), create: Number(created - start) }
  } catch (error) {
    await sandbox.kill().catch(() => false)
    throw error
  }
}

const total = []
const create = []
for (let i = -warmUp; i < count; i++) {
  const one = await once()
  if (i >= 0) {
    total.push(one.total)
    create.push(one.create)
  }
  await one.sandbox.kill()
}

const start = process.hrtime.bigint()
const crowd = await Promise.allSettled(Array.from({ length: atOnce }, once))
const crowdNanos = Number(process.hrtime.bigint() - start)
const alive = crowd.filter((one) => one.status === 'fulfilled').map((one) => one.value)
await Promise.all(alive.map((one) => one.sandbox.kill()))
const failed = crowd.find((one) => one.status === 'rejected')
if (failed) throw failed.reason

console.log(JSON.stringify({ total, create, crowd: alive.map((one) => one.total), crowdNanos }))
