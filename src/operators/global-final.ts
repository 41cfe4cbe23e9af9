/**
 * Second phase of a window without a key: one task takes the partial results of all source tasks,
 * and makes rows of them when the slowest source has passed a window's end and grace.
 *
 *     partial ──▶ kept by (pane, first end, source partition); the greater offset wins
 *     mark    ──▶ vector, one entry per source task ──minimum──▶ rows of every end in turn, cursor
 *
 * Invariants: a time in the vector never moves back; nothing closes while an entry is absent or
 * held, or all are `empty`; ends go out in order, each once; a partial is deleted after its last
 * window went out, never before, whatever its age. There is no clock here.
 *
 * Its source hands it the messages as bytes. Rows are `Change`s under keys `{ key: null, window }`;
 * a final row is dated at its window's end, an update at the last event it counts.
 */

import { RowAggregation } from '../aggregators/row.ts'
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import type { TaskContext } from '../processor/operator.ts'
import { Operator } from '../processor/operator.ts'
import type { Grid } from '../windows/grid.ts'
import { gridOf } from '../windows/grids.ts'
import type { Windowed } from '../windows/windows.ts'
import type { MarkMessage, PartialMessage } from './global-messages.ts'
import { GlobalMessages } from './global-messages.ts'
import { GlobalUpdates } from './global-updates.ts'
import { MarkVector } from './mark-vector.ts'
import type { MemberRun } from './member-list.ts'
import { MergedWindows } from './merged-windows.ts'
import { type Partial, Progress, partialsDefinition } from './partial.ts'
import { Partials } from './partials.ts'
import type { GlobalAggregateSpec } from './specs.ts'

/** Rows of one step; the task looks up between two steps. */
const rowsMax = 50
/** Entries deleted per commit; more are left to the next one. */
const deletesMax = 20_000

export class GlobalFinalOperator extends Operator {
  readonly #spec: GlobalAggregateSpec
  readonly #grid: Grid
  readonly #aggregation: RowAggregation
  readonly #messages: GlobalMessages
  readonly #isFinal: boolean
  #context!: TaskContext
  #partials!: Partials
  #windows!: MergedWindows
  #progress!: Progress
  #hasProgressed = false
  /** Least first end of all partials, as long as no window has been closed. */
  #leastEnd = Number.POSITIVE_INFINITY
  readonly #updates: GlobalUpdates
  readonly #close = (): boolean => this.#closeSome()

  constructor(spec: GlobalAggregateSpec) {
    super()
    this.#spec = spec
    this.#grid = gridOf(spec.windows)
    this.#aggregation = new RowAggregation(spec.name, spec.aggregators)
    this.#messages = new GlobalMessages(this.#aggregation, spec.topic)
    this.#isFinal = spec.windows.emission === 'final'
    this.#updates = new GlobalUpdates(this.#grid)
  }

  override async init(context: TaskContext): Promise<void> {
    this.#context = context
    const store = context.store(partialsDefinition(this.#spec.name, this.#aggregation))
    // A final window unites its members once, when it goes out.
    const kept = this.#isFinal ? 'as they come' : 'once'
    const partials = new Partials(this.#aggregation, store, kept)
    this.#partials = partials
    const { emission } = this.#spec.windows
    this.#windows = new MergedWindows(this.#aggregation, this.#grid, partials, emission)
    const stored = await this.#partials.load()
    const vector = new MarkVector(context.producerCount(this.#spec.topic), stored?.vector)
    this.#progress = new Progress(vector, stored?.cursor)
    context.closes(this.#spec.name, () => this.#progress.vector.minimum())
    const { cursor } = this.#progress
    for (const partial of [...this.#partials.all()]) {
      if (cursor !== undefined && this.#grid.lastEnd(partial.pane) <= cursor) {
        this.#partials.remove(partial)
      } else this.#leastEnd = Math.min(this.#leastEnd, partial.end)
    }
    this.#closeAfterRecord()
  }

  process(_key: unknown, value: unknown): void {
    assert(value instanceof Uint8Array, 'messages of the first phase come as bytes')
    this.#messages.read(
      value,
      (message) => this.#takePartial(message),
      (message) => this.#takeMark(message)
    )
    if (!this.#context.caching) this.#emitChanged()
    this.#closeAfterRecord()
  }

  override handOn(): void {
    this.#emitChanged()
  }

  override flush(): void {
    this.handOn()
    this.#partials.flush(this.#hasProgressed ? this.#progress : undefined, deletesMax)
    this.#hasProgressed = false
    if (this.#partials.isRemoving) this.#context.requestCommit()
  }

  #takeMark({ producer, mark }: MarkMessage): void {
    if (this.#progress.vector.take(producer, mark)) this.#hasProgressed = true
  }

  /** Answers who takes the members that follow; undefined: nobody wants them. */
  #takePartial(message: PartialMessage): ((slot: number, run: MemberRun) => void) | undefined {
    const { producer, pane, end, topic, partition, at } = message
    const { cursor, vector } = this.#progress
    if (vector.heard(producer)) this.#hasProgressed = true
    if (cursor !== undefined && this.#grid.lastEnd(pane) <= cursor) {
      // Where its own task has passed the last window too, it was sent before: a resend.
      const isResend = this.#grid.isPaneOver(pane, vector.timeOf(producer))
      if (!isResend && message.fresh > 0) this.#context.drop('late', message.fresh)
      return undefined
    }
    const partials = this.#partials
    const partial = partials.find(pane, end, topic, partition) ?? partials.add(message)
    if (at >= partial.at) {
      const { n, first, last } = message
      Object.assign(partial, { at, n, first, last, row: message.row })
    }
    partials.touch(partial)
    this.#leastEnd = Math.min(this.#leastEnd, end)
    if (!this.#isFinal) this.#updates.note(partial, cursor)
    return (slot, run) => this.#windows.addMembers(partial, slot, run)
  }

  #emitChanged(): void {
    for (const end of this.#updates.ends()) this.#emitUpdate(end)
  }

  #emitUpdate(end: Timestamp): void {
    const [row, last] = this.#windows.row(end)
    this.next.process(this.#key(end), new Change(row, this.#updates.tell(end, row)), last)
  }

  #closeAfterRecord(): void {
    if (this.#nextClosable(this.#progress.vector.minimum()) !== undefined)
      this.#context.afterRecord(this.#close)
  }

  /** The next end to close, with data or not. */
  #nextClosable(minimum: Timestamp): Timestamp | undefined {
    const { cursor } = this.#progress
    const end = cursor === undefined ? this.#leastEnd : this.#grid.endAfter(cursor)
    return this.#grid.isClosed(end, minimum) ? end : undefined
  }

  /** Whether more remain. A window that may close cannot change any more: steps are free. */
  #closeSome(): boolean {
    const minimum = this.#progress.vector.minimum()
    for (let rows = 0; rows < rowsMax; rows++) {
      let end = this.#nextClosable(minimum)
      if (end === undefined) return false
      if (!this.#spec.windows.emptyWindows) end = this.#nextWithData(end, minimum)
      this.#closeWindow(end)
    }
    return this.#nextClosable(minimum) !== undefined
  }

  /** The first end from here on that has data, or the last one that closes now. */
  #nextWithData(end: Timestamp, minimum: Timestamp): Timestamp {
    let least = this.#grid.lastClosedEnd(minimum)
    for (const partial of this.#partials.all()) least = Math.min(least, Math.max(end, partial.end))
    return least
  }

  #closeWindow(end: Timestamp): void {
    const inside = this.#windows.inside(end)
    if (this.#isFinal || inside.length === 0) this.#emitFinal(end, inside)
    else if (this.#updates.has(end)) this.#emitUpdate(end)
    this.#progress.cursor = end
    this.#hasProgressed = true
    this.#updates.closed(end)
    this.#windows.closed(end)
    for (const partial of inside) {
      if (this.#grid.lastEnd(partial.pane) <= end) this.#partials.remove(partial)
    }
  }

  #emitFinal(end: Timestamp, inside: readonly Partial[]): void {
    if (inside.length === 0 && !this.#spec.windows.emptyWindows) return
    const [row] = this.#windows.row(end, inside)
    this.next.process(this.#key(end), new Change(row, null), end)
  }

  #key(end: Timestamp): Windowed<null> {
    return { key: null, window: { start: this.#grid.startOf(end), end } }
  }
}
