/**
 * Claim: whatever happens to the files of a killed instance (a byte flipped, a file cut or gone,
 * all of them gone, a disk that takes no more), the application says so; its rows stay exact.
 */
import { execFileSync } from 'node:child_process'
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { AppProcess, freePort } from '../support/app-process.ts'
import { createTopic, ForeignProducer } from '../support/foreign-client.ts'
import { isFull } from '../support/lengths.ts'
import { Random, seedOfRun } from '../support/random.ts'
import { sharedBroker } from '../support/shared-broker.ts'
import { placedEvent, type RawEvent, shopEvents } from '../support/shop-events.ts'
import { expectExactRows } from '../support/shop-rows.ts'

const hour = 3_600_000
const partitions = 2
const patience = { timeout: 120_000, interval: 200 } as const
let brokers: string
const clearing: (() => Promise<unknown> | unknown)[] = []

beforeAll(async () => {
  brokers = (await sharedBroker()).join()
})

afterEach(async () => {
  for (const clear of clearing.splice(0).reverse()) await clear()
})

class Shop {
  readonly id: string
  readonly seed = seedOfRun()
  readonly random: Random
  readonly events: readonly RawEvent[]
  readonly stateDir: string
  readonly #range: { readonly from: number; readonly to: number; readonly disorderMs: number }
  #producer: ForeignProducer | undefined
  #sent = 0
  app!: AppProcess

  constructor(name: string, count: number, stateDir: string) {
    console.log(`seed ${this.seed}: SEED=${this.seed} npm test -- test/system/damage.test.ts`)
    this.id = `shop-${name}-${this.seed}`
    this.random = new Random(this.seed)
    const now = Date.now()
    this.#range = { from: now - 58 * hour, to: now - 26 * hour, disorderMs: 25_000 }
    this.events = shopEvents({ seed: this.seed, count, ...this.#range, sessions: count / 10 })
    this.stateDir = stateDir
  }

  async open(): Promise<void> {
    await createTopic(brokers, `${this.id}.events`, partitions)
    const producer = await ForeignProducer.open(brokers, `${this.id}.events`)
    this.#producer = producer
    clearing.push(() => producer.close())
    this.app = new AppProcess({
      KAFKA_BROKERS: brokers,
      APPLICATION_ID: this.id,
      EVENTS_TOPIC: `${this.id}.events`,
      METRICS_TOPIC: `${this.id}.metrics`,
      STATE_DIR: this.stateDir,
      HTTP_PORT: String(await freePort()),
      IDLE_AFTER: '15s',
    })
    clearing.push(() => this.app.kill())
  }

  /** This part of all events. */
  async send(share: number): Promise<void> {
    const to = Math.min(this.events.length, Math.ceil(this.#sent + this.events.length * share))
    const batch = this.events.slice(this.#sent, to)
    this.#sent = to
    await this.#producer?.send(batch.map((event, i) => placedEvent(event, i, partitions)))
  }

  /** Restored, and nothing left to read. */
  async caughtUp(): Promise<void> {
    await this.app.ready(patience.timeout)
    await vi.waitFor(async () => {
      const response = await fetch(`${this.app.url}/api/status`)
      const { tasks } = (await response.json()) as {
        tasks: { partitions: { lag: number | null }[] }[]
      }
      const lags = tasks.flatMap((task) => task.partitions.map(({ lag }) => lag))
      expect(lags).toEqual(lags.map(() => 0))
    }, patience)
  }

  async expectExact(): Promise<void> {
    await this.send(1)
    await this.caughtUp()
    await expectExactRows({
      brokers,
      id: this.id,
      events: this.events.length,
      until: this.#range.to + 25 * hour,
      told: () => this.app.output.slice(-5_000),
    })
  }

  get tasksPath(): string {
    return join(this.stateDir, this.id, 'tasks')
  }

  /** What the present process says of damaged tasks. */
  damagedTasks(): readonly string[] {
    return this.app.output.split('\n').flatMap((line) => {
      if (!line.includes('The state of a task is damaged')) return []
      return (JSON.parse(line) as { readonly task: string }).task
    })
  }
}

const kinds = ['remove', 'cut', 'flip'] as const

/** Does something to one file of the task; whether that cannot go unnoticed. */
function damage(path: string, round: number, task: number, random: Random): boolean {
  const names = readdirSync(path).filter((name) => !/^(LOCK|LOG|LOG\.old)$/.test(name))
  const name = names[(round * 2 + task) % names.length] ?? ''
  const kind = kinds[(round + task) % kinds.length]
  const file = join(path, name)
  const size = statSync(file).size
  console.log(`round ${round}: ${kind} ${file.split('/').slice(-2).join('/')} of ${size} bytes`)
  if (kind === 'remove') rmSync(file)
  else if (kind === 'cut') truncateSync(file, size >>> 1)
  else if (size > 0) {
    const bytes = readFileSync(file)
    const at = random.below(size)
    bytes[at] = (bytes[at] ?? 0) ^ 0x10
    writeFileSync(file, bytes)
  }
  return kind !== 'flip' && size > 0 && /^(CURRENT|MANIFEST.*|.*\.ldb)$/.test(name)
}

describe('the application whose files are damaged', () => {
  it(
    'rebuilds what was damaged, says so, and keeps every row exact',
    async () => {
      const stateDir = mkdtempSync(join(tmpdir(), 'millrace-damage-'))
      clearing.push(() => rmSync(stateDir, { recursive: true, force: true }))
      const shop = new Shop('files', isFull ? 20_000 : 4_000, stateDir)
      await shop.open()
      shop.app.start()
      const rounds = isFull ? 9 : 3
      for (let round = 0; round < rounds; round++) {
        await shop.send(0.8 / rounds)
        await shop.caughtUp()
        await shop.app.kill()
        if (round % 2 === 1) {
          // LevelDB makes a table of its log when it is opened again: that is damaged too.
          shop.app.start()
          await shop.app.ready(patience.timeout)
          await shop.app.kill()
        }
        const tasks = readdirSync(shop.tasksPath).filter((name) => !name.includes('.'))
        expect(tasks.length).toBeGreaterThan(partitions)
        const isLast = round === rounds - 1
        if (isLast) rmSync(shop.tasksPath, { recursive: true })
        const noticed = tasks.filter(
          (task, index) => !isLast && damage(join(shop.tasksPath, task), round, index, shop.random)
        )
        shop.app.start()
        await shop.app.ready(patience.timeout)
        expect(shop.damagedTasks()).toEqual(expect.arrayContaining(noticed))
      }
      await shop.expectExact()
    },
    isFull ? 600_000 : 300_000
  )
})

/** A disk of its own where the machine lets us have one. */
function smallDisk(kilobytes: number): { readonly path: string; grow(): void } | undefined {
  const path = mkdtempSync(join(tmpdir(), 'millrace-disk-'))
  const mount = (options: string): void => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'ignore' })
  }
  clearing.push(() => rmSync(path, { recursive: true, force: true }))
  try {
    mount(`size=${kilobytes}k`)
  } catch {
    return undefined
  }
  clearing.push(() => execFileSync('umount', ['-l', path]))
  return { path, grow: () => mount('remount,size=256m') }
}

describe('the application whose disk is full', () => {
  it('ends, naming the path, and goes on exactly where there is room again', async () => {
    const disk = smallDisk(160)
    const stateDir = disk?.path ?? mkdtempSync(join(tmpdir(), 'millrace-disk-'))
    clearing.unshift(() => rmSync(stateDir, { recursive: true, force: true }))
    const shop = new Shop('disk', 4_000, stateDir)
    await shop.open()
    shop.app.start()
    await shop.app.ready(patience.timeout)
    // Otherwise no file of the process may become large: the same to whoever writes to it.
    if (disk === undefined) execFileSync('prlimit', [`--pid=${shop.app.pid}`, '--fsize=16384'])
    await shop.send(0.9)
    expect(await shop.app.ended(patience.timeout)).toBe(1)
    expect(shop.app.output).toMatch(/MILLRACE_STATE_(WRITE_FAILED|DIRECTORY_UNUSABLE)/)
    expect(shop.app.output).toContain(join(stateDir, shop.id))
    if (disk !== undefined) {
      shop.app.start()
      expect(await shop.app.ended(patience.timeout)).toBe(1)
      expect(shop.app.output).toContain(join(stateDir, shop.id))
      disk.grow()
    }
    shop.app.start()
    await shop.expectExact()
  }, 300_000)
})
