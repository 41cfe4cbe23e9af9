/**
 * Claim: any number of `npm start` in one fresh clone, killed anywhere, leave it startable; and
 * nothing but what is in the repository is needed.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../support/app-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const clone = mkdtempSync(join(tmpdir(), 'millrace-clone-'))
const children: ChildProcess[] = []

beforeAll(() => {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const files = execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\0')
  for (const file of files.filter((name) => name !== '')) {
    mkdirSync(dirname(join(clone, file)), { recursive: true })
    cpSync(join(root, file), join(clone, file))
  }
})

afterAll(async () => {
  await Promise.all(children.map(end))
  rmSync(clone, { recursive: true, force: true })
})

describe('a fresh clone', () => {
  it('survives a kill while it prepares, and then starts twice side by side', async () => {
    const first = start(await freePort(), 'a')
    await sleep(1_500)
    await end(first)
    const ports = [await freePort(), await freePort()] as const
    start(ports[0], 'b')
    start(ports[1], 'c')
    for (const port of ports) {
      expect(await answers(`http://127.0.0.1:${port}/readyz`)).toBe(200)
    }
  })

  it('shows non-zero numbers of the demo history', async () => {
    const port = await freePort()
    start(port, 'd')
    const url = `http://127.0.0.1:${port}`
    expect(await answers(`${url}/readyz`)).toBe(200)
    const deadline = Date.now() + 60_000
    const names = ['users_count', 'orders_count', 'conversion', 'aov', 'tov', 'last_message_time']
    for (;;) {
      const text = await (await fetch(`${url}/metrics`)).text()
      const values = names.map((name) => new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
      if (values.every((value) => value !== undefined) && Number(values[4]) > 0) break
      expect(Date.now(), `no numbers yet: ${values}`).toBeLessThan(deadline)
      await sleep(200)
    }
  })
})

function start(port: number, state: string): ChildProcess {
  const child = spawn('npm', ['start', '--silent'], {
    cwd: clone,
    detached: true,
    stdio: 'ignore',
    env: {
      ...process.env,
      KAFKA_BROKERS: '',
      STATE_DIR: join(clone, '.data', state),
      HTTP_PORT: String(port),
    },
  })
  children.push(child)
  return child
}

/** To the whole group: npm and what it started. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  process.kill(-child.pid, 'SIGKILL')
  await exit
}

async function answers(url: string): Promise<number> {
  const deadline = Date.now() + 180_000
  for (;;) {
    const answer = await fetch(url).catch(() => undefined)
    await answer?.arrayBuffer()
    if (answer?.status === 200 || Date.now() > deadline) return answer?.status ?? 0
    await sleep(250)
  }
}
