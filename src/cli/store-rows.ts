/**
 * Rows of a store that lies on disk, typed where the topology is at hand: the operator that owns
 * the store is made, and opens it, as if its task ran; nothing is processed or written.
 */
import type { StateSnapshot, StoreDefinition } from '../../state/contract.ts'
import { type Clock, systemClock } from '../clock.ts'
import { taskId } from '../ids.ts'
import { findTableRows, tableRowsDefinition } from '../operators/table-rows.ts'
import type { TaskContext } from '../processor/operator.ts'
import type { FindRows, StoreRow } from '../processor/store-rows.ts'
import { allTimes } from '../processor/store-rows.ts'
import { binaryBytes } from '../serde/text.ts'
import type { ProcessorNodeSpec, Topology } from '../topology/topology.ts'
import { bytesText, bytesValue } from './texts.ts'

export interface StoreRows {
  /** Every row, in the order of the keys' bytes; or those of one key. */
  rows(key?: string): AsyncIterable<StoreRow>
}

interface Found {
  readonly definition: StoreDefinition<unknown>
  readonly find: FindRows<unknown>
}

/** @param topology undefined: rows are bytes, shown as text or JSON where they are that */
export async function openRows(
  snapshot: StateSnapshot,
  name: string,
  topology: Topology | undefined
): Promise<StoreRows> {
  const found = topology === undefined ? undefined : await finderOf(topology, name, snapshot)
  if (found === undefined) return { rows: (key) => rawRows(snapshot, name, key) }
  const entries = snapshot.entries(found.definition)
  const serde = topology?.readable.find((store) => store.name === name)?.key
  return {
    async *rows(text) {
      if (text === undefined) {
        yield* found.find(entries, { times: allTimes, asOf: 'ever' })
        return
      }
      for (const key of readings(text)) {
        if (serde !== undefined && !takes(() => serde.serialize(key))) continue
        yield* found.find(entries, { key, times: allTimes, asOf: 'ever' })
      }
    },
  }
}

/** What a key that was typed in may mean: a text, or the JSON that it is. */
function* readings(text: string): Generator<unknown> {
  yield text
  try {
    const value: unknown = JSON.parse(text)
    if (value !== text) yield value
  } catch {
    // A text, then.
  }
}

function takes(serialize: () => unknown): boolean {
  try {
    return serialize() !== null
  } catch {
    return false
  }
}

const bytesCodec = {
  encode: (value: Uint8Array) => value,
  decode: (bytes: Uint8Array) => bytes,
}

/** The store as bytes: what `verify` compares, too. */
export function bytesOf(name: string): StoreDefinition<Uint8Array> {
  return { name, logged: true, codec: bytesCodec }
}

async function* rawRows(
  snapshot: StateSnapshot,
  name: string,
  wanted: string | undefined
): AsyncIterable<StoreRow> {
  for await (const [text, bytes] of snapshot.entries(bytesOf(name)).range()) {
    const key = bytesText(binaryBytes(text))
    if (wanted === undefined || wanted === key) yield { key, value: bytesValue(bytes) }
  }
}

/** Undefined: the topology has no such store, or none that can be read from outside. */
async function finderOf(
  topology: Topology,
  name: string,
  snapshot: StateSnapshot
): Promise<Found | undefined> {
  const table = topology.globals.find((one) => one.name === name)
  if (table !== undefined) {
    const spec = { ...table, logged: false }
    return {
      definition: tableRowsDefinition(spec) as StoreDefinition<unknown>,
      find: findTableRows(spec) as FindRows<unknown>,
    }
  }
  let found: Found | undefined
  for (const node of topology.subtopologies.flatMap(({ nodes }) => nodes)) {
    if (node.kind === 'source' || !node.stores.includes(name)) continue
    await opened(node, snapshot, (definition, find) => {
      if (definition.name === name && find !== undefined) found ??= { definition, find }
    })
  }
  return found
}

type OnStore = (definition: StoreDefinition<unknown>, find?: FindRows<unknown>) => void

/** Makes the operator of a node and lets it open its stores. */
async function opened(
  node: ProcessorNodeSpec,
  snapshot: StateSnapshot,
  onStore: OnStore
): Promise<void> {
  const operator = node.create()
  await operator.init(contextOf(snapshot, onStore))
  operator.close()
}

/** Of a task that does nothing: it reads what is there, and no time has passed for it. */
function contextOf(snapshot: StateSnapshot, onStore: OnStore): TaskContext {
  const never = Number.NEGATIVE_INFINITY
  const clock: Clock = systemClock
  const nothing = (): void => {}
  const record = { topic: '', partition: 0, offset: -1, headers: [], watermark: never }
  return {
    task: taskId(0, 0),
    partition: 0,
    clock,
    record,
    time: { streamTime: never, mark: () => never, nextMark: () => undefined },
    caching: false,
    store: <V>(definition: StoreDefinition<V>, find?: FindRows<V>) => {
      onStore(definition as StoreDefinition<unknown>, find as FindRows<unknown> | undefined)
      const { get, range } = snapshot.entries(definition)
      return { name: definition.name, get, range, getFresh: get, put: nothing, delete: nothing }
    },
    send: nothing,
    closes: nothing,
    closingOf: () => never,
    globalTable: () => ({ get: () => undefined }),
    topicName: (internal) => internal,
    partitionCount: () => 1,
    producerCount: () => 1,
    drop: nothing,
    schedule: () => ({ cancel: nothing }),
    afterRecord: nothing,
    depart: nothing,
    withHeaders: (_headers, run) => run(),
    requestCommit: nothing,
    gauge: () => ({ set: nothing }),
    counter: () => ({ add: nothing }),
  }
}
