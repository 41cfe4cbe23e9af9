/** Whether what a run has put out is what its input asks for. */
import type { BytesReader } from '../src/record.ts'
import type { Log, SourceReader } from '../src/runtime/ports.ts'
import type { ShopEvent } from './events.ts'
import type { BenchOptions } from './options.ts'
import { type Fold, type Peer, type Recount, recountOf } from './recount.ts'

export interface Verdict {
  /** Rows that the input asks for. */
  readonly due: number
  /** Those of them that are there, and right. */
  readonly right: number
  /** All that were put out. */
  readonly rows: number
  /** The first few that differ. */
  readonly faults: readonly string[]
}

const faultsShown = 5
const noEvent: ShopEvent = { timestamp: 0, sessionId: '', eventType: '', total_price: '' }

/** Undefined where no recount can tell. */
export async function checkRows(
  log: Log,
  options: BenchOptions,
  topics: { readonly input: string; readonly output: string },
  peer: Peer = 'millrace'
): Promise<Verdict | undefined> {
  const recount = recountOf(options, peer)
  if (recount === undefined) return undefined
  await forEachRecord(log, topics.input, (partition, reader) => {
    const event = recount.needsEvents ? (parse(reader.readValue(text)) as ShopEvent) : noEvent
    recount.add(partition, reader.timestamp, reader.readKey(text), event)
  })
  const rows = new Rows(recount.fold)
  await forEachRecord(log, topics.output, (_, reader) => {
    const key = reader.readKey(text)
    const value = reader.valueLength < 0 ? '' : reader.readValue(text)
    rows.add(...rowOf(options.name, key, value, reader.timestamp))
  })
  return rows.compare(recount)
}

/** The last row of each key, or how many there are. */
class Rows {
  readonly #fold: Fold
  readonly #rows = new Map<string, string>()
  readonly #faults: string[] = []
  #count = 0

  constructor(fold: Fold) {
    this.#fold = fold
  }

  add(key: string, value: string): void {
    this.#count++
    const before = this.#rows.get(key)
    if (before !== undefined && this.#fold === 'once') this.#faults.push(`${key}: more than once`)
    const next = this.#fold === 'each' ? String(Number(before ?? 0) + 1) : value
    this.#rows.set(key, next)
  }

  compare(recount: Recount): Verdict {
    const expected = recount.expected()
    const faults = this.#faults
    let right = 0
    for (const [key, value] of expected) {
      const found = this.#rows.get(key)
      if (found === value) right++
      else faults.push(`${key}: expected ${value}, found ${found ?? 'nothing'}`)
    }
    for (const key of this.#rows.keys()) {
      if (!expected.has(key)) faults.push(`${key}: not expected`)
    }
    const shown = faults.slice(0, faultsShown)
    return { due: expected.size, right, rows: this.#count, faults: shown }
  }
}

function rowOf(name: string, key: string, value: string, at: number): readonly [string, string] {
  if (name === 'pass') return [`${key}@${at}`, '']
  // Java writes the texts; here they are taken out of the whole rows.
  if (name !== 'shop-app' || !value.startsWith('{')) return [key, value]
  const row = parse(value) as {
    readonly metric: string
    readonly windowEnd: number
    readonly value: number
    readonly numerator: number | null
    readonly denominator: number | null
  }
  const { metric, windowEnd, numerator, denominator } = row
  return [
    `${metric}@${windowEnd}`,
    numerator === null ? String(row.value) : `${numerator}/${denominator}`,
  ]
}

/** All that is committed now, partition by partition. */
export async function forEachRecord(
  log: Log,
  topic: string,
  visit: (partition: number, reader: SourceReader) => void
): Promise<void> {
  const partitions = (await log.partitions([topic])).get(topic) ?? 0
  for (let partition = 0; partition < partitions; partition++) {
    await readPartition(log, topic, partition, visit)
  }
}

function readPartition(
  log: Log,
  topic: string,
  partition: number,
  visit: (partition: number, reader: SourceReader) => void
): Promise<void> {
  return new Promise((resolve, reject) => {
    const take = (): void => {
      try {
        while (reader.advance()) visit(partition, reader)
        if (reader.answer === undefined || reader.position < reader.answer.highWatermark) return
        reader.close()
        resolve()
      } catch (error) {
        reader.close()
        reject(error)
      }
    }
    const reader = log.read({ topic, partition }, 'earliest', { onData: () => take() })
    queueMicrotask(take)
  })
}

const text: BytesReader<string> = (bytes, start, end) =>
  Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString()

function parse(value: string): unknown {
  return JSON.parse(value)
}
