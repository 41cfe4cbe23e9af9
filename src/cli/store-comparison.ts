/**
 * A store on disk against its changelog: what this says up to the checkpoint must be what is there.
 *
 *     changelog, up to the checkpoint ─▶ a state of its own ─┐
 *                                                            ├─▶ merged in the order of their keys
 *     copy of the state ─────────────────────────────────────┘
 *
 * Both are read in key order, so that neither has to fit into memory. Keys that the changelog has
 * again behind the checkpoint are left out: compaction may have taken the older record away.
 */
import type { StateSnapshot, TaskState } from '../../state/index.ts'
import type { TopicPartition } from '../ids.ts'
import type { Log } from '../runtime/ports.ts'
import { binaryBytes, binaryTextAt } from '../serde/text.ts'
import { bytesOf } from './store-rows.ts'
import { bytesText, bytesValue } from './texts.ts'

export interface ComparedStore {
  readonly store: string
  readonly changelog: TopicPartition
  /** The changelog up to there is in the state. */
  readonly until: number
  /** Whether the changelog loses records by age. */
  readonly expires: boolean
}

/** What the two say of one key; null: it is not there. */
export interface Difference {
  readonly key: string
  readonly stored: unknown
  readonly changelog: unknown
}

export interface Comparison {
  /** Keys of either. */
  readonly keys: number
  readonly differences: number
  /** Rows that only the state has, where the changelog loses records by age. */
  readonly expired: number
  /** The first of the differences. */
  readonly first: readonly Difference[]
}

export interface ComparisonOptions {
  readonly log: Log
  readonly snapshot: StateSnapshot
  /** An empty one, where the changelog is put together. */
  readonly scratch: TaskState
  /** How many differences are kept. */
  readonly firstMax: number
  readonly onProgress: (position: number, end: number) => void
}

export async function compareStore(
  compared: ComparedStore,
  options: ComparisonOptions
): Promise<Comparison> {
  const { snapshot, scratch, firstMax } = options
  const { store, expires } = compared
  const newer = await replayChangelog(compared, options)
  const told = scratch.snapshot()
  try {
    let [keys, differences, expired] = [0, 0, 0]
    const first: Difference[] = []
    const definition = bytesOf(store)
    const pairs = merged(snapshot.entries(definition).range(), told.entries(definition).range())
    for await (const [key, stored, changelog] of pairs) {
      keys++
      if (newer.has(key) || sameBytes(stored, changelog)) continue
      if (changelog === undefined && expires) {
        expired++
        continue
      }
      differences++
      if (first.length === firstMax) continue
      first.push({
        key: bytesText(binaryBytes(key)),
        stored: shown(stored),
        changelog: shown(changelog),
      })
    }
    return { keys, differences, expired, first }
  } finally {
    told.close()
  }
}

/** Answers with the keys that come again behind the checkpoint. */
async function replayChangelog(
  { store, changelog, until }: ComparedStore,
  { log, scratch, onProgress }: ComparisonOptions
): Promise<ReadonlySet<string>> {
  const newer = new Set<string>()
  const nothing = { commitNumber: 0, changelogs: {} }
  await log.restore(changelog, 'earliest', {
    signal: new AbortController().signal,
    apply: (record) => {
      if (record.keyLength < 0) return
      if (record.offset < until) scratch.restore(store, record)
      else newer.add(record.readKey(binaryTextAt))
    },
    flush: () => scratch.flushRestored(nothing),
    onProgress,
  })
  await scratch.flushRestored(nothing)
  return newer
}

type Entry = readonly [key: string, value: Uint8Array]
type Pair = readonly [key: string, left: Uint8Array | undefined, right: Uint8Array | undefined]

/** Keys of both, in order, with what each has. */
async function* merged(
  left: AsyncIterable<Entry>,
  right: AsyncIterable<Entry>
): AsyncGenerator<Pair> {
  const [lefts, rights] = [left[Symbol.asyncIterator](), right[Symbol.asyncIterator]()]
  let [one, two] = [await lefts.next(), await rights.next()]
  try {
    for (;;) {
      const [a, b] = [entryOf(one), entryOf(two)]
      if (a !== undefined && (b === undefined || a[0] < b[0])) {
        yield [a[0], a[1], undefined]
        one = await lefts.next()
      } else if (b !== undefined && (a === undefined || b[0] < a[0])) {
        yield [b[0], undefined, b[1]]
        two = await rights.next()
      } else if (a !== undefined && b !== undefined) {
        yield [a[0], a[1], b[1]]
        one = await lefts.next()
        two = await rights.next()
      } else {
        return
      }
    }
  } finally {
    await lefts.return?.()
    await rights.return?.()
  }
}

function entryOf(result: IteratorResult<Entry>): Entry | undefined {
  return result.done === true ? undefined : result.value
}

function sameBytes(left: Uint8Array | undefined, right: Uint8Array | undefined): boolean {
  if (left === undefined || right === undefined) return left === right
  return Buffer.compare(left, right) === 0
}

function shown(bytes: Uint8Array | undefined): unknown {
  return bytes === undefined ? null : bytesValue(bytes)
}
