/** A small application on a real broker: it counts by key, whatever happens around it. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, vi } from 'vitest'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { KafkaLog, type KafkaLogOptions } from '../../src/kafka/kafka-log.ts'
import { createLogger, silentLogger } from '../../src/log.ts'
import type { AppendRecord, Log } from '../../src/runtime/ports.ts'
import { StreamApp, type StreamAppOptions } from '../../src/stream-app.ts'
import type { StoreSpec, Topology } from '../../src/topology/topology.ts'
import { countHandle } from '../runtime/small-topology.ts'
import { countingTopology } from './counting-topology.ts'
import { makeTopic } from './kafka-admin.ts'
import { connectTo } from './kafka-tools.ts'

export interface CountingOptions {
  readonly partitions?: number
  readonly store?: Partial<StoreSpec>
  /** Instead of counting by key. */
  readonly topology?: (input: string, output: string) => Topology
}

/** Long enough for a broker on a busy machine. */
export const patience = { timeout: 40_000, interval: 50 } as const

const group = { sessionMs: 6_000, heartbeatMs: 200, rebalanceMs: 10_000 } as const

/** Topics, an application id and a directory of one test; all of it goes with the test. */
export class CountingApp {
  readonly id = `app-${randomUUID()}`
  readonly input = `${this.id}-in`
  readonly output = `${this.id}-out`
  readonly changelog = `${this.id}-counts-changelog`
  readonly cluster: Cluster
  /** Warnings and errors of the application, parsed. */
  readonly lines: Readonly<Record<string, unknown>>[] = []
  readonly #brokers: readonly string[]
  readonly #options: CountingOptions
  readonly #path: string
  #log: KafkaLog | undefined

  static async open(
    brokers: readonly string[],
    options: CountingOptions = {}
  ): Promise<CountingApp> {
    const app = new CountingApp(brokers, options)
    const { partitions = 1 } = options
    await makeTopic(app.cluster, app.input, partitions)
    await makeTopic(app.cluster, app.output, partitions)
    app.#log = await app.connect(`${app.id}-outside`)
    return app
  }

  private constructor(brokers: readonly string[], options: CountingOptions) {
    this.#brokers = brokers
    this.#options = options
    this.cluster = connectTo(brokers)
    this.#path = mkdtempSync(join(tmpdir(), 'millrace-counting-'))
    onTestFinished(async () => {
      await this.#log?.close()
      this.cluster.close()
      rmSync(this.#path, { recursive: true, force: true })
    })
  }

  /** Where the application keeps its state; several instances have several. */
  stateDir(instance = 'one'): string {
    return join(this.#path, instance)
  }

  taskDir(task = '0_0', instance = 'one'): string {
    return join(this.stateDir(instance), this.id, 'tasks', task)
  }

  connect(applicationId = this.id, more: Partial<KafkaLogOptions> = {}): Promise<KafkaLog> {
    return KafkaLog.connect({
      brokers: this.#brokers,
      clientId: 'test',
      applicationId,
      instance: randomUUID(),
      logger: silentLogger,
      group,
      ...more,
    })
  }

  topology(): Topology {
    const { topology, store } = this.#options
    if (topology !== undefined) return topology(this.input, this.output)
    const { input, output } = this
    return countingTopology({ input, output, ...(store === undefined ? {} : { store }) })
  }

  make(instance = 'one', more: Partial<StreamAppOptions> = {}): StreamApp {
    const logger = createLogger({
      level: 'warn',
      write: (line) => this.lines.push(JSON.parse(line) as Record<string, unknown>),
    })
    const app = new StreamApp(this.topology(), {
      applicationId: this.id,
      stateDir: this.stateDir(instance),
      logger,
      ...(more.log === undefined ? { kafka: { brokers: this.#brokers, group } } : {}),
      ...more,
    })
    onTestFinished(() => app.close())
    return app
  }

  async start(instance = 'one', more: Partial<StreamAppOptions> = {}): Promise<StreamApp> {
    const app = this.make(instance, more)
    await app.start()
    return app
  }

  /** The log of an application, seen through a proxy. */
  async through(change: (log: KafkaLog) => Partial<Log>): Promise<Log> {
    const log = await this.connect(this.id, { stateDirectory: join(this.stateDir(), this.id) })
    onTestFinished(() => log.close())
    const changed: Partial<Log> = change(log)
    return new Proxy<Log>(log, {
      get: (target, name) => {
        if (name in changed) return changed[name as keyof Log]
        const member: unknown = Reflect.get(target, name, target)
        return typeof member === 'function' ? member.bind(target) : member
      },
    })
  }

  async send(records: readonly AppendRecord[]): Promise<void> {
    await this.#log?.append(this.input, records)
  }

  /** One record each, all in partition 0 unless told otherwise. */
  async sendKeys(keys: readonly string[], partition = 0): Promise<void> {
    await this.send(
      keys.map((key) => ({
        partition,
        timestamp: Date.now(),
        key: Buffer.from(key),
        value: Buffer.from('v'),
      }))
    )
  }

  /** What the application keeps, by key; rejects unless all its tasks run. */
  async counts(app: StreamApp): Promise<Readonly<Record<string, number>>> {
    expect(app.snapshot()).toMatchObject({ state: 'running', reasons: [] })
    const counts: Record<string, number> = {}
    for await (const { key, value } of app.store(countHandle).all()) counts[key] = value
    return counts
  }

  /** Waits until these are the counts, committed. */
  async untilCounts(app: StreamApp, expected: Readonly<Record<string, number>>): Promise<void> {
    await vi.waitFor(async () => {
      const { tasks } = app.snapshot()
      expect(tasks.flatMap((task) => task.partitions.map(({ lag }) => lag))).not.toContain(null)
      expect(await this.counts(app)).toEqual(expected)
    }, patience)
  }
}
