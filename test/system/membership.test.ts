/**
 * Claim: on a real Kafka, processes with an instance id are restarted one after the other, and no
 * task moves, none is without an owner for long, none restores more than it lacks. A process that
 * was frozen for longer than its session wakes up, commits nothing, and joins again.
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { KafkaLog } from '../../src/kafka/kafka-log.ts'
import { silentLogger } from '../../src/log.ts'
import { AppProcess, freePort } from '../support/app-process.ts'
import { isFull } from '../support/lengths.ts'
import { sharedBroker } from '../support/shared-broker.ts'

const partitions = 6
/** What a start of the process takes on a machine that has nothing else to do. */
const calmBootMs = 500
/** For how long a restart may leave a partition without an owner there. */
const calmStallMsMax = 3_000

let brokers: readonly string[] = []
let world: World

beforeAll(async () => {
  brokers = await sharedBroker()
})

beforeEach(async () => {
  world = await World.open()
})

afterEach(() => world.close())

interface Assigned {
  readonly generation: number
  readonly tasks: readonly string[]
}

class Instance extends AppProcess {
  /** From the last start to the first line. */
  bootMs = 0

  async boot(): Promise<void> {
    const from = performance.now()
    this.start()
    await until(() => this.output !== '', 'a first line')
    this.bootMs = performance.now() - from
  }

  /** Changelog records that the present process has read to bring its states up to date. */
  async restoredRecords(): Promise<number> {
    const response = await fetch(`${this.url}/metrics`)
    const line = /^millrace_restored_records_total (\d+)$/m.exec(await response.text())
    if (line === null) throw new Error('no restored records among the metrics')
    return Number(line[1])
  }

  /** What the group gave the present process, time after time. */
  get assigned(): readonly Assigned[] {
    const lines = this.output.split('\n').filter((line) => line.includes('"msg":"Assigned"'))
    return lines.map((line) => {
      const { generation, tasks } = JSON.parse(line) as { generation: number; tasks: string }
      return { generation, tasks: tasks === '' ? [] : tasks.split(' ') }
    })
  }
}

/** One application, what is written for it all the time, and how its offsets move. */
class World {
  readonly instances: Instance[] = []
  /** Partitions whose committed offset went back. */
  readonly regressions: number[] = []
  readonly #id: string
  readonly #directory = mkdtempSync(join(tmpdir(), 'millrace-membership-'))
  /** Of the application's group, which it never joins. */
  readonly #log: KafkaLog
  readonly #positions = Array.from({ length: partitions }, () => ({ offset: 0, at: 0, stallMs: 0 }))
  #beating: Promise<void> | undefined
  #isOver = false

  static async open(): Promise<World> {
    const id = `membership-${randomUUID()}`
    const log = await KafkaLog.connect({
      brokers,
      clientId: 'outside',
      applicationId: id,
      instance: 'outside',
      logger: silentLogger,
    })
    await log.prepare([{ name: `${id}.events`, role: 'sink', partitions, create: true }])
    return new World(id, log)
  }

  private constructor(id: string, log: KafkaLog) {
    this.#id = id
    this.#log = log
  }

  async launch(index: number, settings: Readonly<Record<string, string>>): Promise<Instance> {
    const instance = new Instance({
      KAFKA_BROKERS: brokers.join(),
      APPLICATION_ID: this.#id,
      EVENTS_TOPIC: `${this.#id}.events`,
      METRICS_TOPIC: `${this.#id}.metrics`,
      STATE_DIR: join(this.#directory, String(index)),
      HTTP_PORT: String(await freePort()),
      IDLE_AFTER: 'off',
      ...settings,
    })
    this.instances.push(instance)
    await instance.boot()
    return instance
  }

  /** Resolves when the instances have all `tasks` between them, in one generation. */
  async untilShared(tasks: number): Promise<void> {
    await until(() => {
      const last = this.instances.map(({ assigned }) => assigned.at(-1))
      const all = new Set(last.flatMap((one) => one?.tasks ?? []))
      const isFair = last.every((one) => (one?.tasks.length ?? 0) > 0)
      const generations = new Set(last.map((one) => one?.generation))
      return all.size === tasks && isFair && generations.size === 1
    }, 'all tasks shared out')
  }

  /** From now on: an event for each partition ten times a second, and a look at the offsets. */
  beat(): void {
    this.#beating = this.#beat()
  }

  /** The longest time for which the offset of a partition stood still, by partition. */
  get stallsMs(): readonly number[] {
    return this.#positions.map(({ stallMs }) => Math.round(stallMs))
  }

  /** Resolves when something was committed in every partition. */
  async untilMoved(): Promise<void> {
    const before = this.#positions.map(({ offset }) => offset)
    await until(
      () => this.#positions.every(({ offset }, i) => offset > (before[i] ?? 0)),
      'a commit in every partition'
    )
  }

  async close(): Promise<void> {
    this.#isOver = true
    await this.#beating
    await Promise.all(this.instances.map((instance) => instance.kill()))
    await this.#log.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  async #beat(): Promise<void> {
    const all = this.#positions.map((_, partition) => partition)
    for (const position of this.#positions) position.at = performance.now()
    while (!this.#isOver) {
      const timestamp = Date.now()
      const event = { timestamp, sessionId: 's', eventType: 'pageView' }
      const value = Buffer.from(JSON.stringify(event))
      const topic = `${this.#id}.events`
      await this.#log.append(
        topic,
        all.map((partition) => ({ partition, timestamp, key: null, value }))
      )
      const found = await this.#log.committed(all.map((partition) => ({ topic, partition })))
      for (const { partition, offset = 0 } of found) this.#look(partition, offset)
      await sleep(100)
    }
  }

  #look(partition: number, offset: number): void {
    const position = this.#positions[partition]
    if (position === undefined) return
    const now = performance.now()
    position.stallMs = Math.max(position.stallMs, now - position.at)
    if (offset > position.offset) position.at = now
    if (offset < position.offset) this.regressions.push(partition)
    position.offset = offset
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 90_000
  while (!condition()) {
    if (Date.now() > deadline) {
      const told = world.instances.map(({ output }) => output.slice(-2_000))
      throw new Error(`never: ${what}\n${told.join('\n\n')}`)
    }
    await sleep(50)
  }
}

describe('static members', () => {
  it('are restarted one after the other, and no task moves', async () => {
    const settings = (index: number) => ({
      KAFKA_INSTANCE_ID: `instance-${index}`,
      KAFKA_SESSION_TIMEOUT: '60s',
    })
    const first = await world.launch(0, settings(0))
    await first.ready()
    const tasks = first.assigned.at(-1)?.tasks.length ?? 0
    for (const index of [1, 2]) await world.launch(index, settings(index))
    await world.untilShared(tasks)
    for (const instance of world.instances) await instance.ready()
    world.beat()
    await world.untilMoved()
    const before = world.instances.map(({ assigned }) => assigned.at(-1))
    const restored: number[] = []
    for (const instance of world.instances) {
      await instance.stop()
      await instance.boot()
      await instance.ready()
      restored.push(await instance.restoredRecords())
      await world.untilMoved()
    }
    // Each process was given its tasks once, and has heard of no rebalance since.
    expect(world.instances.map(({ assigned }) => assigned)).toEqual(before.map((one) => [one]))
    const lines = world.instances.map(({ output }) => output).join('\n')
    expect(lines).not.toMatch(/is (damaged|rebuilt)|will be rebuilt/)
    expect(world.regressions).toEqual([])
    // The last commit before the end is in the checkpoint: behind that there is nothing to restore.
    expect(restored).toEqual([0, 0, 0])
    const boots = world.instances.map(({ bootMs }) => Math.round(bootMs))
    const slowness = Math.max(1, Math.max(...boots) / calmBootMs)
    const boundMs = Math.round(calmStallMsMax * slowness)
    console.log(
      `stalls by partition: ${world.stallsMs} ms of ${boundMs}; that is ${calmStallMsMax} where ` +
        `a process has its first line after ${calmBootMs} ms; here: ${boots}`
    )
    expect(Math.max(...world.stallsMs)).toBeLessThan(boundMs)
  })
})

describe('a process that is frozen', () => {
  it('commits nothing when it wakes after its session, and joins again', async () => {
    const [sessionMs, frozenMs] = isFull ? [6_000, 20_000] : [2_000, 6_000]
    const settings = { KAFKA_SESSION_TIMEOUT: `${sessionMs}ms` }
    const frozen = await world.launch(0, settings)
    await frozen.ready()
    const tasks = frozen.assigned.at(-1)?.tasks.length ?? 0
    const other = await world.launch(1, settings)
    await world.untilShared(tasks)
    await other.ready()
    world.beat()
    await world.untilMoved()
    frozen.pause()
    const woken = sleep(frozenMs)
    await until(() => other.assigned.at(-1)?.tasks.length === tasks, 'the other has all tasks')
    await world.untilMoved()
    await woken
    frozen.resume()
    await until(() => /did without this member/.test(frozen.output), 'it knows')
    await world.untilShared(tasks)
    await frozen.ready()
    await world.untilMoved()
    // What a zombie commits would take the offsets back to where it was.
    expect(world.regressions).toEqual([])
  })
})
