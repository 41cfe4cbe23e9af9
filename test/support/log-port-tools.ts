/** What tests of a log need: records as text, readers that wait, obedient members. */
import { type TaskId, type TopicPartition, taskId } from '../../src/ids.ts'
import type { RecordCursor } from '../../src/record.ts'
import type {
  AppendRecord,
  CommitReceipt,
  Log,
  Membership,
  OutputBatch,
  SourceReader,
  TaskPlan,
} from '../../src/runtime/ports.ts'

/** One record, copied out of a cursor. */
export interface SeenRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string | null])[]
}

const encoder = new TextEncoder()

export function bytes(text: string): Uint8Array {
  return encoder.encode(text)
}

export function textOf(data: Uint8Array | null): string | null {
  return data === null ? null : Buffer.from(data).toString()
}

export function copyOf(record: RecordCursor): SeenRecord {
  const headers = record.headers.map(([name, value]) => [name, textOf(value)] as const)
  const { offset, timestamp } = record
  return { offset, timestamp, key: textOf(record.key), value: textOf(record.value), headers }
}

/** A reader together with the sign that there may be more. */
export class Reading {
  readonly reader: SourceReader
  #wake: (() => void) | undefined
  #signs = 0

  constructor(
    log: Log,
    partition: TopicPartition,
    from: number | 'earliest',
    bufferBytes?: number
  ) {
    const onData = (): void => {
      this.#signs++
      this.#wake?.()
    }
    const bound = bufferBytes === undefined ? {} : { bufferBytesMax: bufferBytes }
    this.reader = log.read(partition, from, { onData, ...bound })
  }

  /** Reads until `count` records have come. */
  async take(count: number): Promise<SeenRecord[]> {
    const seen: SeenRecord[] = []
    while (seen.length < count) {
      const before = this.#signs
      if (this.reader.advance()) seen.push(copyOf(this.reader))
      else if (this.#signs === before) await this.sign()
    }
    return seen
  }

  /** Drains until the condition holds; the records that came on the way are counted. */
  async until(condition: () => boolean): Promise<number> {
    let count = 0
    for (;;) {
      const before = this.#signs
      while (this.reader.advance()) count++
      if (condition()) return count
      if (this.#signs === before) await this.sign()
    }
  }

  /** Resolves at the next `onData`. */
  sign(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

/** A member of the group that takes whatever it is given. */
export class Member {
  readonly owned = new Set<TaskId>()
  readonly calls: string[] = []
  membership: Membership | undefined
  onRevoking: ((tasks: readonly TaskId[]) => Promise<void>) | undefined
  #told: () => void = () => undefined

  async join(log: Log, tasks: readonly TaskPlan[]): Promise<void> {
    this.membership = await log.join(
      { tasks, held: () => [] },
      {
        onAssigned: async (given) => {
          for (const task of given) this.owned.add(task)
          this.#note(`assigned ${given.join(' ')}`)
        },
        onRevoked: async (taken) => {
          await this.onRevoking?.(taken)
          for (const task of taken) this.owned.delete(task)
          this.#note(`revoked ${taken.join(' ')}`)
        },
        onLost: async () => {
          this.owned.clear()
          this.#note('lost')
        },
      }
    )
  }

  async until(condition: (owned: ReadonlySet<TaskId>) => boolean): Promise<void> {
    while (!condition(this.owned)) {
      await new Promise<void>((resolve) => {
        this.#told = resolve
      })
    }
  }

  async untilCalled(name: string): Promise<void> {
    while (!this.calls.some((call) => call.startsWith(name))) {
      await new Promise<void>((resolve) => {
        this.#told = resolve
      })
    }
  }

  #note(call: string): void {
    this.calls.push(call)
    this.#told()
  }
}

/** `topic-0`, `topic-1`, … as tasks `0_0`, `0_1`, … */
export function tasksOver(topic: string, partitions: number): TaskPlan[] {
  return Array.from({ length: partitions }, (_, partition) => ({
    id: taskId(0, partition),
    sources: [{ topic, partition }],
  }))
}

export function textRecord(value: string, more: Partial<AppendRecord> = {}): AppendRecord {
  return { timestamp: 1_000, key: null, value: bytes(value), partition: 0, ...more }
}

export async function createTopic(
  log: Log,
  name: string,
  partitions: number,
  config: Readonly<Record<string, string>> = {}
): Promise<void> {
  await log.prepare([{ name, role: 'sink', partitions, config, create: true }])
}

/** Commits for the first task over `source`: the batch that `fill` makes, and a moved offset. */
export async function commitOne(
  log: Log,
  source: string,
  number: number,
  fill: (batch: OutputBatch) => void = () => undefined
): Promise<CommitReceipt> {
  const batch = log.createBatch()
  fill(batch)
  const at = { topic: source, partition: 0, task: taskId(0, 0) }
  const offsets = [{ ...at, offset: number, metadata: `commit ${number}` }]
  return log.commit({ batch, offsets, number })
}
