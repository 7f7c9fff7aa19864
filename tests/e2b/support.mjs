// What several test files share: sandboxes that are always killed, and waiting without fixed sleeps.
import { Sandbox } from 'e2b'

/** Runs `body` with a sandbox of its own. */
export async function withSandbox(body, options = {}) {
  const sandbox = await Sandbox.create({ timeoutMs: 300_000, ...options })
  try {
    return await body(sandbox)
  } finally {
    await sandbox.kill().catch(() => false)
  }
}

/** Asks again and again until `probe` gives something true, at most 60 s. */
export async function eventually(probe, what) {
  const giveUp = Date.now() + 60_000
  for (;;) {
    const value = await probe()
    if (value) return value
    if (Date.now() > giveUp) throw new Error(`gave up waiting for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Asks a server inside a sandbox, by header routing. */
export function ask(sandbox, port, path = '/', init = {}) {
  return fetch(process.env.E2B_SANDBOX_URL + path, {
    ...init,
    headers: { ...init.headers, 'E2b-Sandbox-Id': sandbox.sandboxId, 'E2b-Sandbox-Port': String(port) },
  })
}
