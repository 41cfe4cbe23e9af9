/**
 * Runs a topology in a test: the real tasks, commits and stores, on a log in memory, with a clock
 * that moves only when it is told to. No broker, no sleep; the same input gives the same run.
 *
 *     const driver = await TopologyTestDriver.open(topology, { start: '2026-01-01T00:00:00Z' })
 *     await driver.input(clicks).pipe('ann', { page: '/' })
 *     driver.output(counts).readAll()
 *     await driver.close()
 *
 * Unless told otherwise it handles one record at a time and commits after each, so that every
 * update comes out. With `commit: 'manual'` nothing comes out before `commit()`, as in a crash
 * test.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ManualClock } from '../clock.ts'
import { type Duration, durationMs } from '../durations.ts'
import type { ErrorOptions } from '../error-policy.ts'
import type { Timestamp } from '../ids.ts'
import { EmbeddedLog } from '../log/embedded-log.ts'
import { type Logger, silentLogger } from '../log.ts'
import type { Readable, ReadableKind } from '../processor/readable.ts'
import type { StoreRow } from '../processor/store-rows.ts'
import type { AppSnapshot, CounterSample, GaugeSample } from '../runtime/snapshot.ts'
import { openView, type ReadsStores } from '../runtime/store-access.ts'
import { nearest } from '../runtime/store-parts.ts'
import { StoreReader } from '../runtime/store-reader.ts'
import type { Guarantee } from '../runtime/task-environment.ts'
import { withErrorOptions } from '../topology/errors.ts'
import type { Topology } from '../topology/topology.ts'
import { TestGroup } from './test-group.ts'
import { type CrashPoint, TestInstance } from './test-instance.ts'
import { TestInputTopic, TestOutputTopic, type TestTopic, type TopicHost } from './test-topics.ts'

export interface TestDriverOptions {
  /** Where the wall clock begins: ISO 8601 or epoch ms. Default 0. */
  readonly start?: string | Timestamp
  /** Default 'test'. */
  readonly applicationId?: string
  /** Of the topology's own topics, all or by name. Default: as declared, else 1. */
  readonly partitions?: number | Readonly<Record<string, number>>
  /** Instances of the application that share the work. Default 1. */
  readonly instances?: number
  /** Whether updates may wait for the commit, so that only the last of a key comes out. */
  readonly caching?: boolean
  /** Default 'each': after every record. */
  readonly commit?: 'each' | 'manual'
  /** Default 'exactly_once'. */
  readonly guarantee?: Guarantee
  /** As those of an application. */
  readonly errors?: ErrorOptions
  readonly logger?: Logger
}

export class TopologyTestDriver {
  readonly clock: ManualClock
  /** The log behind it: all topics, offsets, and faults on order. */
  readonly log: EmbeddedLog
  #topology: Topology
  readonly #options: Required<Omit<TestDriverOptions, 'start' | 'instances'>>
  readonly #path: string
  readonly #positions = new Map<string, number[]>()
  readonly #host: TopicHost
  readonly #group: TestGroup

  private constructor(topology: Topology, options: TestDriverOptions, path: string) {
    const { start = 0, applicationId = 'test' } = options
    this.clock = new ManualClock(typeof start === 'number' ? start : Date.parse(start))
    this.#topology = withErrorOptions(topology, options.errors ?? {})
    this.#options = {
      applicationId,
      caching: options.caching ?? false,
      commit: options.commit ?? 'each',
      guarantee: options.guarantee ?? 'exactly_once',
      logger: options.logger ?? silentLogger,
      partitions: options.partitions ?? {},
      errors: options.errors ?? {},
    }
    this.#path = path
    const { logger } = this.#options
    this.log = EmbeddedLog.inMemory({ clock: this.clock, group: applicationId, logger })
    this.#group = new TestGroup({
      log: this.log,
      commits: this.#options.commit === 'each',
      start: (index) => this.#start(index),
    })
    this.#host = {
      log: this.log,
      now: () => this.clock.now(),
      settle: () => this.settle(),
    }
  }

  static async open(
    topology: Topology,
    options: TestDriverOptions = {}
  ): Promise<TopologyTestDriver> {
    const path = await mkdtemp(join(tmpdir(), 'millrace-test-'))
    const driver = new TopologyTestDriver(topology, options, path)
    try {
      await driver.#createTopics()
      await driver.rebalance(options.instances ?? 1)
    } catch (error) {
      await driver.close()
      throw error
    }
    return driver
  }

  /** A topic of the topology, to write to. */
  input<K, V>(topic: TestTopic<K, V>): TestInputTopic<K, V> {
    return new TestInputTopic(topic, this.#host)
  }

  /** Any topic, to read from; each record is handed out once, whoever asks. */
  output<K, V>(topic: TestTopic<K, V>): TestOutputTopic<K, V> {
    let positions = this.#positions.get(topic.name)
    if (positions === undefined) this.#positions.set(topic.name, (positions = []))
    return new TestOutputTopic(topic, this.#host, positions)
  }

  /**
   * A table or store as `app.store(…)` reads it, over all instances that are alive; or by name,
   * with entries as its operator keeps them, those that are not committed too.
   */
  readonly store = ((from: string | Readable<ReadableKind, unknown, unknown>) =>
    typeof from === 'string'
      ? new StoreReader(() => this.#group.alive.flatMap(({ engine }) => engine.storeParts(from)))
      : openView(from, this.#topology.readable, (name) =>
          nearest(this.#group.alive.map(({ engine }) => engine.partsOf(name)))
        )) as ReadsStores & (<V = unknown>(name: string) => StoreReader<V>)

  /** Rows of a table or store by name, as its readers see them, by task and binary key. */
  async rows(name: string): Promise<readonly StoreRow[]> {
    const rows: StoreRow[] = []
    for (const { engine } of this.#group.alive) {
      for await (const row of engine.storeRows(name)) rows.push(row)
    }
    return rows
  }

  /** Committed values of all gauges. */
  gauges(): readonly GaugeSample[] {
    return this.snapshots().flatMap(({ gauges }) => gauges)
  }

  /** The committed value of one gauge; undefined if it shows nothing. */
  gauge(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const wanted = JSON.stringify(labels)
    return this.gauges().find(
      (gauge) => gauge.name === name && JSON.stringify(gauge.labels) === wanted
    )?.value
  }

  counters(): readonly CounterSample[] {
    return this.snapshots().flatMap(({ counters }) => counters)
  }

  /** Records that did not contribute, by reason. */
  dropped(): Readonly<Record<string, number>> {
    const sums: Record<string, number> = {}
    for (const { dropped } of this.snapshots()) {
      for (const [reason, count] of Object.entries(dropped)) {
        sums[reason] = (sums[reason] ?? 0) + count
      }
    }
    return sums
  }

  /** One for each instance that is alive. */
  snapshots(): readonly AppSnapshot[] {
    return this.#group.alive.map(({ engine }) => engine.snapshot())
  }

  /**
   * Moves the wall clock. Silence is looked at on the way, as fetches would; wall-clock punctuators
   * fire once, at the end.
   */
  async advanceWallClock(duration: Duration | number): Promise<void> {
    let restMs = typeof duration === 'number' ? duration : durationMs(duration)
    const stepMs = this.#lookEveryMs()
    while (restMs > stepMs) {
      this.clock.advance(stepMs)
      restMs -= stepMs
      for (const { engine } of this.#group.alive) engine.observe(false)
      if (this.#group.alive.some(({ engine }) => engine.needsCommit)) await this.settle()
    }
    this.clock.advance(restMs)
    for (const { engine } of this.#group.alive) engine.observe()
    await this.settle()
  }

  /** Commits what has changed, and works on what comes of it. */
  async commit(): Promise<void> {
    for (const { engine } of this.#group.alive) await engine.commit()
    await this.settle()
  }

  /**
   * Ends an instance (all of them by default) as `kill -9` would: memory is gone, disk and log
   * stay. `during`: it dies in the middle of a commit, at once if there is something to commit,
   * else in the next one.
   */
  async crash(
    options: { readonly during?: CrashPoint; readonly instance?: number } = {}
  ): Promise<void> {
    const { during, instance } = options
    await this.#group.crash(
      instance === undefined ? this.#group.alive : [this.#group.at(instance)],
      during
    )
  }

  /**
   * Starts crashed instances again, on the directories they left (`wipe`: on empty ones), with
   * another topology if one is given, as after an upgrade.
   */
  async restart(
    options: { readonly wipe?: boolean; readonly topology?: Topology } = {}
  ): Promise<void> {
    if (options.topology !== undefined) {
      this.#topology = withErrorOptions(options.topology, this.#options.errors)
      await this.#createTopics()
    }
    await this.#group.restart(options.wipe === true)
  }

  /** Starts or closes instances until there are this many; tasks move in good order. */
  rebalance(instances: number): Promise<void> {
    return this.#group.resize(instances)
  }

  /** The group believes that this instance is gone, and gives its tasks to others. */
  freeze(instance: number): void {
    this.#group.at(instance).freeze()
  }

  /** The frozen instance learns of it, drops what it has not committed, and joins again. */
  async thaw(instance: number): Promise<void> {
    await this.#group.at(instance).thaw()
    await this.settle()
  }

  /** Where an instance keeps its state. */
  directory(instance = 0): string {
    return this.#group.at(instance).path
  }

  /** Works until nothing is left to do; rejects with what ended an instance. */
  settle(): Promise<void> {
    return this.#group.settle()
  }

  async close(): Promise<void> {
    await this.#group.close()
    await this.log.close()
    await rm(this.#path, { recursive: true, force: true })
  }

  async #start(index: number): Promise<TestInstance> {
    const { applicationId, caching, guarantee, logger } = this.#options
    return await TestInstance.start({
      topology: this.#topology,
      applicationId,
      log: this.log.client(),
      path: join(this.#path, String(index)),
      clock: this.clock,
      logger: logger.with({ instance: index }),
      caching,
      guarantee,
    })
  }

  async #createTopics(): Promise<void> {
    const { partitions } = this.#options
    const topics = this.#topology.topics.filter(({ role }) => role === 'source' || role === 'sink')
    await this.log.prepare(
      topics.map(({ name, config, partitions: declared }) => {
        const own = typeof partitions === 'number' ? partitions : partitions[name]
        const fixed = typeof declared === 'number' ? declared : 1
        return { name, role: 'sink', config, partitions: own ?? fixed, create: true }
      })
    )
  }

  /** How far the clock may move before silence is looked at. */
  #lookEveryMs(): number {
    const idles = this.#topology.subtopologies.flatMap(({ aggregates }) =>
      aggregates.flatMap(({ idleMs }) => idleMs ?? [])
    )
    return idles.length === 0 ? Number.POSITIVE_INFINITY : Math.min(1_000, ...idles)
  }
}
