/**
 * Claim: whatever is sent to its port, the application answers with HTTP or hangs up, shows nothing
 * to who has no token, counts each event that it has accepted, and is as before when it is over.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { AppProcess, freePort } from '../support/app-process.ts'
import { type Attack, attack } from '../support/fuzz-http.ts'
import { isFull, isLong } from '../support/lengths.ts'
import { Random, seedOfRun } from '../support/random.ts'
import { answersIn, exchange, type RawAnswer } from '../support/raw-http.ts'

const count = isFull ? 50_000 : isLong ? 10_000 : 2_500
const lanes = 24
const token = 'only-the-owner-knows'
const authorization = `Bearer ${token}`
const position = 'millrace_position_records{task="0_0",topic="shop.events",partition="0"}'
const hour = 3_600_000
/** What only the owner may see. */
const secrets = /^millrace_records|"results":\[|"applicationId":"|^event: row/m
const stateDir = mkdtempSync(join(tmpdir(), 'millrace-fuzz-'))
let app: AppProcess | undefined

afterEach(async () => {
  await app?.kill()
  rmSync(stateDir, { recursive: true, force: true })
})

it(`bears ${count} connections that mean no good`, async () => {
  const seed = seedOfRun()
  console.log(`seed ${seed}: SEED=${seed} npm test -- test/system/fuzz-http.test.ts`)
  let log = ''
  const port = await freePort()
  const environment = { STATE_DIR: stateDir, HTTP_PORT: String(port), API_TOKEN: token }
  app = new AppProcess(
    { ...environment, DEMO_TRAFFIC: 'off', LOG_LEVEL: 'warn', WINDOW_GRACE: '30s' },
    { onOutput: (text) => void (log += text) }
  )
  app.start()
  await app.ready()
  const { url } = app
  let accepted = await firstRows(url)
  const before = await series(url)

  let unsure = 0
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) {
      const number = next++
      const sent = attack(new Random(seed + number), token)
      if (sent.answers === undefined) unsure += sent.events
      const taken = await survive(port, sent, `attack ${number}, ${sent.kind}`)
      accepted += taken
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))

  await vi.waitFor(
    async () => {
      const after = await series(url)
      const stored = value(after, position)
      expect(counted(after)).toBe(stored)
      expect(stored).toBeGreaterThanOrEqual(accepted)
      expect(stored).toBeLessThanOrEqual(accepted + unsure)
      // What is idle is closed after a while: a leak would stay.
      const opened = value(after, 'process_open_fds') - value(before, 'process_open_fds')
      expect(opened).toBeLessThan(lanes)
    },
    { timeout: 30_000, interval: 200 }
  )
  const after = await series(url)
  const added = [...after.keys()].filter((name) => !before.has(name))
  expect(added.filter((name) => !/^(millrace_dropped_records|shop_|nodejs_)/.test(name))).toEqual(
    []
  )
  expect(value(after, 'process_resident_memory_bytes')).toBeLessThan(600 * 2 ** 20)
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
  expect(log.split('\n').filter((line) => /"level":"error"/.test(line))).toEqual([])
  expect((await app.stop()).status).toBe(0)
}, 600_000)

/** Sends it, judges what comes, and says how many events were accepted. */
async function survive(port: number, sent: Attack, name: string): Promise<number> {
  const bytes = await exchange(port, sent)
  if (sent.end === 'all') return 0
  try {
    const answers = answersIn(bytes)
    if (sent.answers !== undefined) expect(answers).toHaveLength(sent.answers)
    for (const answer of answers) judge(answer, sent)
    const accepting = answers.filter(({ status }) => status === 202)
    return accepting.reduce((sum, { body }) => sum + acceptedIn(body), 0)
  } catch (cause) {
    const text = sent.parts.map((part) => part.toString('latin1')).join('')
    const shown = `${text.slice(0, 3_000)}\n=> ${bytes.toString('latin1', 0, 3_000)}`
    throw new Error(`${name}, ${String(cause)}: ${shown}`, { cause })
  }
}

function judge({ status, headers, body }: RawAnswer, { hasToken }: Attack): void {
  expect(status).toBeLessThan(500)
  const text = body.toString('latin1')
  const isProblem = headers.get('content-type') === 'application/problem+json'
  if (isProblem && text !== '') expect(JSON.parse(text)).toMatchObject({ status })
  expect(text).not.toMatch(/node_modules|\.[jt]s:\d+:\d+/)
  if (!hasToken) expect(text).not.toMatch(secrets)
}

function acceptedIn(body: Buffer): number {
  return (JSON.parse(String(body)) as { readonly accepted: number }).accepted
}

/** Two events, so that each path has something to show; how many. */
async function firstRows(url: string): Promise<number> {
  const events = [4, 2].map((ago) => ({ timestamp: Date.now() - ago * hour, sessionId: 'a' }))
  const answer = await fetch(`${url}/api/events`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify(events),
  })
  expect(answer.status).toBe(202)
  await vi.waitFor(
    async () => {
      const shown = await fetch(`${url}/api/conversion`, { headers: { authorization } })
      expect(shown.status).toBe(200)
    },
    { timeout: 30_000, interval: 50 }
  )
  return events.length
}

/** All samples of `/metrics` by name and labels; throws at a line that is none. */
async function series(url: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${url}/metrics`, { headers: { authorization } })).text()
  const label = '[a-z0-9_]+="(?:[^"\\\\\\n]|\\\\.)*"'
  const sample = new RegExp(
    `^([a-z0-9_]+(?:\\{${label}(?:,${label})*\\})?) (-?[0-9.e+-]+|NaN|\\+Inf)$`
  )
  const found = new Map<string, number>()
  for (const line of text.split('\n')) {
    if (line === '' || /^# (HELP|TYPE) [a-z0-9_]+ ./.test(line)) continue
    const [, name = '', number] = sample.exec(line) ?? []
    if (name === '' || found.has(name)) throw new Error(`/metrics has the line ${line}`)
    found.set(name, Number(number))
  }
  return found
}

function value(of: ReadonlyMap<string, number>, name: string): number {
  return of.get(name) ?? Number.NaN
}

/** Events that were counted, whatever as. */
function counted(of: ReadonlyMap<string, number>): number {
  const names = [...of.keys()].filter((name) => {
    const isWhole = !/bad_price|duplicate_order/.test(name)
    return name.startsWith('shop_events_') && isWhole
  })
  return names.reduce((sum, name) => sum + value(of, name), 0)
}
