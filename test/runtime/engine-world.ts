/** An engine that takes its turns by hand, on a log whose commits can be held up. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { ManualClock } from '../../src/clock.ts'
import { EmbeddedLog } from '../../src/log/embedded-log.ts'
import { Engine } from '../../src/runtime/engine.ts'
import type { EngineOptions } from '../../src/runtime/engine-options.ts'
import type {
  AssignmentListener,
  CommitReceipt,
  CommitRequest,
  Log,
} from '../../src/runtime/ports.ts'
import type { Topology } from '../../src/topology/topology.ts'
import { openStateDirectory } from '../../state/index.ts'

/** Answers as the target does, but for what is said here. */
function instead<T extends object>(target: T, own: Partial<T>): T {
  return new Proxy(target, {
    get: (_, name) => {
      if (Object.hasOwn(own, name)) return Reflect.get(own, name)
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

/** The log of the test, whose commits wait while it is held. */
export class HeldLog {
  readonly embedded: EmbeddedLog
  readonly port: Log
  readonly commits: CommitRequest[] = []
  /** What the group tells the tasks by. */
  listener: AssignmentListener | undefined
  /** What whoever reads is told. */
  readFailure: Error | undefined
  /** What the group says when it is asked whether a task is still here. */
  stillHas = true
  #gate: Promise<void> = Promise.resolve()
  #open: () => void = () => {}
  #refuse: (error: Error) => void = () => {}

  constructor(embedded: EmbeddedLog) {
    this.embedded = embedded
    const commit = async (request: CommitRequest): Promise<CommitReceipt> => {
      this.commits.push(request)
      await this.#gate
      return await embedded.commit(request)
    }
    const join: Log['join'] = async (plan, listener) => {
      this.listener = listener
      const membership = await embedded.join(plan, listener)
      return instead(membership, { stillHas: async () => this.stillHas })
    }
    const read: Log['read'] = (...from) => {
      const reader = embedded.read(...from)
      const advance = (): boolean => {
        if (this.readFailure !== undefined) throw this.readFailure
        return reader.advance()
      }
      return instead(reader, { advance })
    }
    this.port = instead<Log>(embedded, { commit, join, read })
  }

  hold(): void {
    this.#gate = new Promise((resolve, reject) => {
      this.#open = resolve
      this.#refuse = reject
    })
  }

  /** Those that wait are answered with this; later ones are not held. */
  refuse(error: Error): void {
    this.#refuse(error)
    this.#gate = Promise.resolve()
  }

  release(): void {
    this.#open()
  }
}

export interface World {
  readonly engine: Engine
  readonly log: HeldLog
  readonly clock: ManualClock
  send(topic: string, records: readonly SentRecord[]): Promise<void>
  /** Values of a topic as text, committed ones only. */
  texts(topic: string): readonly string[]
  /** Processes until nothing is left; does not commit. */
  drain(): void
  /** Until all tasks run. */
  ready(): Promise<void>
}

export interface SentRecord {
  readonly key?: string | null
  readonly value?: string | null
  readonly timestamp?: number
  readonly partition?: number
}

export async function openWorld(
  topology: Topology,
  options: Partial<EngineOptions> & { readonly partitions?: number } = {}
): Promise<World> {
  const clock = new ManualClock(1_000_000)
  const embedded = EmbeddedLog.inMemory({ clock, group: 'test' })
  const { partitions = 1, ...engineOptions } = options
  const topics = topology.topics.filter(({ role }) => role === 'source' || role === 'sink')
  await embedded.prepare(
    topics.map(({ name }) => ({ name, role: 'sink', partitions, create: true }))
  )
  const path = await mkdtemp(join(tmpdir(), 'millrace-engine-'))
  const directory = await openStateDirectory(path, { clock })
  const log = new HeldLog(embedded)
  const engine = new Engine({
    topology,
    applicationId: 'test',
    log: log.port,
    directory,
    clock,
    caching: false,
    runs: false,
    ...engineOptions,
  })
  onTestFinished(async () => {
    log.release()
    await engine.close(1_000)
    await engine.done.catch(() => {})
    await directory.close()
    await embedded.close()
    await rm(path, { recursive: true, force: true })
  })
  await engine.start()
  const world: World = {
    engine,
    log,
    clock,
    send: (topic, records) =>
      embedded.append(
        topic,
        records.map(({ key = 'k', value = 'v', timestamp = clock.now(), partition }) => ({
          key: key === null ? null : Buffer.from(key),
          value: value === null ? null : Buffer.from(value),
          timestamp,
          ...(partition === undefined ? {} : { partition }),
        }))
      ),
    texts: (topic) =>
      embedded
        .inspect()
        .recordsInMemory(topic)
        .map(({ value }) => String(value)),
    drain: () => {
      while (engine.process(100) > 0);
    },
    ready: async () => {
      await embedded.balanced()
      while (engine.state !== 'running') {
        if (engine.failure !== undefined) throw engine.failure
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  }
  await world.ready()
  return world
}
