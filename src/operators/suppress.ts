/**
 * `table.suppress('n', until…)`: holds changes back, and lets out the last one of each key when its
 * time has come or, if asked to, when there are too many.
 *
 *     00 key           → the change: what is new, what downstream knows, timestamp, headers
 *     01 time (8), key → nothing: the order in which they go
 *     ff               → stream time, how many changes and bytes are held
 *
 * Invariants: a key keeps the place that its first change took; what goes out says what downstream
 * knew, not what it never heard of; time is the greatest timestamp seen here, and is kept, or that
 * by which the aggregate closes its windows: then changes go once a commit has brought all of them.
 */
import type { KeyValueState } from '../../state/contract.ts'
import { FatalError } from '../errors.ts'
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import { copyOfHeaders } from '../record.ts'
import type { Serde } from '../serde/serde.ts'
import { binaryBytes, binaryText } from '../serde/text.ts'
import type { Windowed } from '../windows/windows.ts'
import { OrderedPage } from './ordered-page.ts'
import {
  Held,
  mark,
  type SuppressEntry,
  SuppressProgress,
  suppressDefinition,
} from './suppress-entries.ts'
import { timeKey } from './time-keys.ts'

export interface SuppressSpec {
  /** Of the operator and its store. */
  readonly name: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  readonly logged: boolean
  /** What a change waits from: its timestamp, or the end of its window. */
  readonly from: 'record' | 'window'
  /** It goes once stream time is so much later. */
  readonly waitMs: number
  /** The aggregate by whose time windows close; undefined: by the time of what comes here. */
  readonly closesBy?: string
  readonly recordsMax: number
  readonly bytesMax: number
  /** Beyond the limits the oldest go early, or the application stops. */
  readonly whenFull: 'emit-early' | 'stop'
}

const heldPrefix = '\x00'
const orderPrefix = '\x01'
const orderEnd = '\x02'
const progressKey = '\xff'

export class SuppressOperator extends Operator {
  readonly #spec: SuppressSpec
  #context!: TaskContext
  #store!: KeyValueState<SuppressEntry>
  #page!: OrderedPage
  #progress = new SuppressProgress()
  readonly #release = (): boolean | Promise<boolean> => this.#releaseThroughStore()

  constructor(spec: SuppressSpec) {
    super()
    this.#spec = spec
  }

  override async init(context: TaskContext): Promise<void> {
    this.#context = context
    this.#store = context.store(suppressDefinition(this.#spec))
    const stored = this.#store.get(progressKey)
    if (stored instanceof SuppressProgress) this.#progress = stored
    this.#page = new OrderedPage(this.#store, [orderPrefix, orderEnd])
    await this.#page.load()
    context.afterRecord(this.#release)
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    this.#hold(key, value as Change<unknown>, timestamp)
    if (this.#spec.closesBy === undefined || this.#isFull()) this.#releaseDue()
  }

  override handOn(): void {
    if (this.#spec.closesBy !== undefined) this.#releaseDue()
  }

  override flush(): void {
    if (this.#progress.takeChanged()) this.#store.put(progressKey, this.#progress)
  }

  /** Marks of the task's own count from their commit on. */
  override committed(): void {
    if (this.#spec.closesBy === undefined) return
    const bound = this.#bound()
    const isDue = this.#page.mayLack(bound) || (this.#page.first ?? bound) < bound
    if (isDue) this.#context.afterRecord(this.#release)
  }

  #releaseDue(): void {
    if (this.#releaseFromMemory()) this.#context.afterRecord(this.#release)
  }

  /** What lies before it in the order has waited for long enough. */
  #bound(): string {
    const { closesBy, waitMs } = this.#spec
    const time =
      closesBy === undefined ? this.#progress.streamTime : this.#context.closingOf(closesBy)
    const due = time - waitMs
    return due >= 0 ? orderPrefix + timeKey(due + 1) : orderPrefix
  }

  #hold(key: unknown, { newValue, oldValue }: Change<unknown>, timestamp: Timestamp): void {
    const { key: keySerde, value: valueSerde, from, bytesMax } = this.#spec
    const keyText = binaryText(keySerde.serialize(key) ?? new Uint8Array(0))
    const before = this.#store.get(heldPrefix + keyText)
    const own = from === 'window' ? (key as Windowed<unknown>).window.end : timestamp
    const isKnown = before instanceof Held
    const time = isKnown ? before.time : own
    const valueSize =
      bytesMax === Number.POSITIVE_INFINITY || newValue === null
        ? 0
        : (valueSerde.serialize(newValue)?.length ?? 0)
    const held = new Held({
      time,
      timestamp,
      newValue,
      oldValue: isKnown ? before.oldValue : oldValue,
      size: 8 + keyText.length + valueSize,
      headers: copyOfHeaders(this.#context.record.headers),
    })
    this.#store.put(heldPrefix + keyText, held)
    this.#progress.hold(timestamp, held, isKnown ? before : undefined)
    if (isKnown) return
    const order = orderPrefix + timeKey(time) + keyText
    this.#store.put(order, mark)
    this.#page.add(order)
  }

  /** Whether the store has to be looked into for what goes next. */
  #releaseFromMemory(): boolean {
    const bound = this.#bound()
    for (;;) {
      const first = this.#page.first
      const isFull = this.#isFull()
      if (first === undefined) return this.#page.mayLack(isFull ? orderEnd : bound)
      if (first >= bound && !isFull) return false
      if (first >= bound && this.#spec.whenFull === 'stop') throw this.#full()
      this.#letGo(first)
    }
  }

  async #releaseThroughStore(): Promise<boolean> {
    if (!this.#releaseFromMemory()) return false
    await this.#page.load()
    return true
  }

  #letGo(order: string): void {
    const keyText = order.slice(orderPrefix.length + 8)
    const held = this.#store.get(heldPrefix + keyText) as Held
    this.#page.remove(order)
    this.#store.delete(order)
    this.#store.delete(heldPrefix + keyText)
    this.#progress.letGo(held)
    // A window that ended with nothing to show was never shown.
    if (held.newValue === null && this.#spec.from === 'window') return
    const key = this.#spec.key.deserialize(binaryBytes(keyText))
    const change = new Change(held.newValue, held.oldValue)
    this.#context.withHeaders(held.headers, () => this.next.process(key, change, held.timestamp))
  }

  #isFull(): boolean {
    const { recordsMax, bytesMax } = this.#spec
    return this.#progress.records > recordsMax || this.#progress.bytes > bytesMax
  }

  #full(): FatalError {
    const { name, recordsMax, bytesMax } = this.#spec
    const { records, bytes } = this.#progress
    return new FatalError(
      'MILLRACE_SUPPRESS_FULL',
      `'${name}' holds ${records} changes (at most ${recordsMax}) of ${bytes} bytes (at most ` +
        `${bytesMax}): raise the limits, wait for less, or let the oldest go early.`
    )
  }
}
