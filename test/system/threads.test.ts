/**
 * Claim: the processor in several threads is the processor. Killed, and started again with another
 * number of threads; restarted instance by instance: nothing is lost, doubled or reordered, no
 * state is thrown away, and from outside it looks the same.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { AppProcess, freePort } from '../support/app-process.ts'
import { createTopic, ForeignProducer } from '../support/foreign-client.ts'
import { isLong } from '../support/lengths.ts'
import { seedOfRun } from '../support/random.ts'
import { sharedBroker } from '../support/shared-broker.ts'
import { placedEvent, shopEvents } from '../support/shop-events.ts'
import { expectExactRows } from '../support/shop-rows.ts'

const hour = 3_600_000
const partitions = 4
const patience = { timeout: 120_000, interval: 200 }
const count = isLong ? 12_000 : 4_000
const seed = seedOfRun()

let brokers = ''
let directory = ''
let id = ''
let instances: Instance[] = []
let producer: ForeignProducer | undefined

interface StatusTask {
  readonly id: string
  readonly thread: number | null
  readonly state: string
}

/** A process that keeps its directory and port, with any number of threads in each of its lives. */
class Instance {
  process: AppProcess
  /** Of all its lives. */
  output = ''
  readonly #environment: ConstructorParameters<typeof AppProcess>[0]

  constructor(name: string, port: number) {
    this.#environment = {
      KAFKA_BROKERS: brokers,
      APPLICATION_ID: id,
      EVENTS_TOPIC: `${id}.events`,
      METRICS_TOPIC: `${id}.metrics`,
      STATE_DIR: join(directory, name),
      HTTP_PORT: String(port),
      IDLE_AFTER: '15s',
    }
    this.process = this.#make(1)
  }

  start(threads: number): void {
    this.process = this.#make(threads)
    this.process.start()
  }

  async tasks(): Promise<readonly StatusTask[]> {
    const response = await fetch(`${this.process.url}/api/status`)
    return ((await response.json()) as { tasks: readonly StatusTask[] }).tasks
  }

  #make(threads: number): AppProcess {
    return new AppProcess(
      { ...this.#environment, THREADS: String(threads) },
      { onOutput: (text) => (this.output += text) }
    )
  }
}

beforeAll(async () => {
  brokers = (await sharedBroker()).join()
})

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-threads-'))
})

afterEach(async () => {
  await producer?.close()
  await Promise.all(instances.map(({ process }) => process.kill()))
  instances = []
  rmSync(directory, { recursive: true, force: true })
})

async function begin(name: string, threads: readonly number[]) {
  console.log(`seed ${seed}: SEED=${seed} npm test -- test/system/threads.test.ts`)
  id = `threads-${name}-${seed}`
  await createTopic(brokers, `${id}.events`, partitions)
  producer = await ForeignProducer.open(brokers, `${id}.events`)
  for (const [index, own] of threads.entries()) {
    const instance = new Instance(String(index), await freePort())
    instances.push(instance)
    instance.start(own)
  }
  const now = Date.now()
  const range = { from: now - 58 * hour, to: now - 26 * hour, disorderMs: 25_000 }
  const events = shopEvents({ seed, count, ...range, sessions: count / 10 })
  const steps = 5
  const size = Math.ceil(events.length / steps)
  let sent = 0
  return {
    async send(): Promise<void> {
      const batch = events.slice(sent, sent + size)
      await producer?.send(batch.map((event, i) => placedEvent(event, i, partitions)))
      sent += batch.length
    },
    async expectExact(): Promise<void> {
      expect(sent).toBe(events.length)
      const told = () => instances.map(({ output }) => output.slice(-4_000)).join('\n')
      await expectExactRows({ brokers, id, events: sent, until: range.to + 25 * hour, told })
      for (const { output } of instances) {
        expect(output).not.toMatch(/is (damaged|rebuilt)|will be rebuilt/)
      }
    },
  }
}

describe('the processor in several threads', () => {
  it('keeps every row exact when it is killed, and has another number of them', async () => {
    const { send, expectExact } = await begin('killed', [2])
    const [instance] = instances
    expect.assert(instance)
    for (const threads of [3, 1, 2]) {
      await send()
      await vi.waitFor(() => expect(instance.process.output).toContain('Task running'), patience)
      await instance.process.kill()
      instance.start(threads)
    }
    await send()
    await send()
    await expectExact()

    await instance.process.ready()
    const tasks = await instance.tasks()
    expect(tasks.map(({ state }) => state)).toEqual(tasks.map(() => 'running'))
    expect(new Set(tasks.map(({ thread }) => thread))).toEqual(new Set([1, 2]))
    const response = await fetch(`${instance.process.url}/metrics`)
    const metrics = await response.text()
    expect(metrics).toMatch(/^users_count \d+$/m)
    expect(metrics).toMatch(/^shop_events_total\{event_type="orders"\} \d+$/m)
    expect(metrics).toContain(`millrace_tasks{state="running"} ${tasks.length}\n`)
    const { status, ms } = await instance.process.stop()
    expect(status).toBe(0)
    expect(ms).toBeLessThan(10_000)
  }, 400_000)

  it('keeps every row exact while instances are restarted one after the other', async () => {
    const { send, expectExact } = await begin('rolled', [2, 2])
    await Promise.all(instances.map(({ process }) => process.ready(120_000)))
    for (const instance of instances) {
      await send()
      await send()
      const { status } = await instance.process.stop()
      expect(status, instance.output.slice(-2_000)).toBe(0)
      instance.start(2)
      await instance.process.ready(120_000)
    }
    await send()
    await expectExact()
  }, 400_000)
})
