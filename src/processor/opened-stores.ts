/**
 * Stores as processors see them: typed keys and values over the binary ones of the task's state.
 *
 *     key-value   key bytes                                     → value
 *     window      start (8 bytes, big endian, sign flipped) + key bytes → value
 *
 * The start comes first, so that what is past its retention is one range at the front.
 */
import type {
  KeyValueState,
  StoreDefinition,
  StoreEntries,
  ValueCodec,
} from '../../state/contract.ts'
import { present } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import type { Serde } from '../serde/serde.ts'
import { binaryBytes, binaryText } from '../serde/text.ts'
import type { TaskContext } from './operator.ts'
import type { FindRows, RowQuery, StoreRow } from './store-rows.ts'
import { allTimes } from './store-rows.ts'
import type { AnyStoreHandle, KeyValueStore, WindowStore } from './stores.ts'

type AnyState = KeyValueState<unknown>

/** Values that go in one round. */
const expiredMax = 1_000

export function openStore(
  context: TaskContext,
  handle: AnyStoreHandle
): KeyValueStore<unknown, unknown> | WindowStore<unknown, unknown> {
  const find: FindRows<unknown> = (entries, query) => opened.find(entries, query)
  const state = context.store(definitionOf(handle), find)
  const opened: OpenedWindowStore | OpenedKeyValueStore =
    handle.kind === 'window'
      ? new OpenedWindowStore(context, handle, state)
      : new OpenedKeyValueStore(handle, state)
  return opened
}

export function definitionOf({ name, value, logged }: AnyStoreHandle): StoreDefinition<unknown> {
  return { name, logged, codec: codecOf(name, value) }
}

/** A serde as the codec of a store; null is no value there. */
export function codecOf(store: string, serde: Serde<unknown>): ValueCodec<unknown> {
  return {
    encode(value) {
      const bytes = value === null || value === undefined ? null : serde.serialize(value)
      if (bytes !== null) return bytes
      throw new TypeError(`Store '${store}' keeps no ${value}: delete the key instead`)
    },
    decode: (bytes) => serde.deserialize(bytes),
  }
}

class OpenedKeyValueStore implements KeyValueStore<unknown, unknown> {
  readonly name: string
  readonly #key: Serde<unknown>
  readonly #state: AnyState

  constructor(handle: AnyStoreHandle, state: AnyState) {
    this.name = handle.name
    this.#key = handle.key
    this.#state = state
  }

  get(key: unknown): unknown {
    return this.#state.get(this.#text(key))
  }

  put(key: unknown, value: unknown): void {
    expectValue(this.name, value)
    this.#state.put(this.#text(key), value)
  }

  delete(key: unknown): unknown {
    const text = this.#text(key)
    const value = this.#state.get(text)
    this.#state.delete(text)
    return value
  }

  async *range(from?: unknown, to?: unknown): AsyncIterable<readonly [unknown, unknown]> {
    const start = from === undefined ? undefined : this.#text(from)
    const end = to === undefined ? undefined : this.#text(to)
    for await (const [key, value] of this.#state.range(start, end)) {
      yield [this.#key.deserialize(binaryBytes(key)), value]
    }
  }

  async *find(entries: StoreEntries<unknown>, query: RowQuery): AsyncIterable<StoreRow> {
    if ('key' in query) {
      const value = entries.get(this.#text(query.key))
      if (value !== undefined) yield { key: query.key, value }
      return
    }
    const [from, to] = [query.from, query.to].map((key) =>
      key === undefined ? undefined : this.#text(key)
    )
    for await (const [text, value] of entries.range(from, to)) {
      yield { key: this.#key.deserialize(binaryBytes(text)), value }
    }
  }

  #text(key: unknown): string {
    return keyText(this.name, this.#key, key)
  }
}

class OpenedWindowStore implements WindowStore<unknown, unknown> {
  readonly name: string
  readonly #context: TaskContext
  readonly #key: Serde<unknown>
  readonly #sizeMs: number
  readonly #retentionMs: number
  readonly #state: AnyState
  #sweptTo = Number.NEGATIVE_INFINITY
  readonly #sweep = async (): Promise<boolean> => this.#deleteExpired()

  constructor(context: TaskContext, handle: AnyStoreHandle, state: AnyState) {
    this.name = handle.name
    this.#context = context
    this.#key = handle.key
    this.#sizeMs = present(handle.sizeMs, `window size of store ${handle.name}`)
    this.#retentionMs = present(handle.retentionMs, `retention of store ${handle.name}`)
    this.#state = state
  }

  get(key: unknown, start: Timestamp): unknown {
    return start > this.#horizon() ? this.#state.get(this.#text(key, start)) : undefined
  }

  put(key: unknown, value: unknown, start: Timestamp): void {
    expectValue(this.name, value)
    const horizon = this.#horizon()
    if (start <= horizon) {
      this.#context.drop('expired')
      return
    }
    this.#state.put(this.#text(key, start), value)
    // Sweeping now and then is enough: reads hide what is past its retention.
    if (horizon - this.#sweptTo >= this.#sizeMs) this.#context.afterRecord(this.#sweep)
  }

  async *fetch(
    key: unknown,
    from: Timestamp,
    to: Timestamp
  ): AsyncIterable<readonly [{ start: Timestamp; end: Timestamp }, unknown]> {
    for await (const { window, value } of this.find(this.#state, { key, times: { from, to } })) {
      yield [present(window, 'the window of a row'), value]
    }
  }

  async *find(entries: StoreEntries<unknown>, query: RowQuery): AsyncIterable<StoreRow> {
    const { from, to } = query.times ?? allTimes
    const wanted = 'key' in query ? keyText(this.name, this.#key, query.key) : undefined
    const [first, last] = [Math.max(Math.ceil(from), this.#horizon() + 1), Math.floor(to)]
    const bounds = [first, last + 1].map((time) =>
      Number.isFinite(time) ? startText(time) : undefined
    )
    if (first > last) return
    for await (const [text, value] of entries.range(bounds[0], bounds[1])) {
      if (wanted !== undefined && text.slice(startBytes) !== wanted) continue
      const start = readStart(text)
      const key = this.#key.deserialize(binaryBytes(text.slice(startBytes)))
      yield { key, window: { start, end: start + this.#sizeMs }, value }
    }
  }

  /** Windows that start here or before are gone. */
  #horizon(): Timestamp {
    return this.#context.time.streamTime - this.#retentionMs
  }

  async #deleteExpired(): Promise<boolean> {
    const horizon = this.#horizon()
    const expired: string[] = []
    for await (const [text] of this.#state.range(undefined, startText(horizon + 1))) {
      expired.push(text)
      if (expired.length === expiredMax) break
    }
    for (const text of expired) this.#state.delete(text)
    if (expired.length === expiredMax) return true
    this.#sweptTo = horizon
    return false
  }

  #text(key: unknown, start: Timestamp): string {
    return startText(start) + keyText(this.name, this.#key, key)
  }
}

const startBytes = 8
const signBit = 1n << 63n

/** Bytes whose order is that of the numbers, below 0 too. */
function startText(start: Timestamp): string {
  const bytes = Buffer.allocUnsafe(startBytes)
  bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(start)) ^ signBit)
  return binaryText(bytes)
}

function readStart(text: string): Timestamp {
  const bytes = Buffer.from(text.slice(0, startBytes), 'latin1')
  return Number(BigInt.asIntN(64, bytes.readBigUInt64BE() ^ signBit))
}

function keyText(store: string, serde: Serde<unknown>, key: unknown): string {
  const bytes = serde.serialize(key)
  if (bytes === null) throw new TypeError(`Store '${store}' has no place for a null key`)
  return binaryText(bytes)
}

function expectValue(store: string, value: unknown): void {
  if (value !== null && value !== undefined) return
  throw new TypeError(`Store '${store}' keeps no ${value}: delete the key instead`)
}
