/**
 * First phase of a window without a key: each source task keeps partial results, one per pane,
 * first window end and source partition, and sends them to the one task of the second phase.
 *
 *     record ──▶ partial ──flush──▶ messages: every partial that is due, then the mark if it rose
 *
 * Invariants: what a partial holds depends on its source partition alone, so that a resend says
 * what was said before; what was sent follows from the committed mark, no flag is stored; a partial
 * is deleted in the commit whose mark no record can change it after.
 */

import { RowAggregation } from '../aggregators/row.ts'
import { canShare } from '../aggregators/shared-row.ts'
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import {
  Operator,
  type RecordContext,
  type TaskContext,
  type Together,
} from '../processor/operator.ts'
import type { Grid } from '../windows/grid.ts'
import { gridOf } from '../windows/grids.ts'
import { GlobalMessages } from './global-messages.ts'
import { type Partial, partialsDefinition } from './partial.ts'
import { inOneTeam, type PartialTeam, type Stretch, type TeamMember } from './partial-team.ts'
import { Partials } from './partials.ts'
import type { GlobalAggregateSpec } from './specs.ts'
import { partialsStore } from './specs.ts'

/** Per commit; more are left to the next one. */
const deletesMax = 20_000

/** `stream.windowedBy(tumbling('5m')).aggregate('traffic', { … })`, up to its repartition topic. */
export class GlobalPartialOperator extends Operator implements TeamMember {
  readonly aggregation: RowAggregation
  override readonly together: Together | undefined
  team: PartialTeam | undefined
  readonly #spec: GlobalAggregateSpec
  readonly #grid: Grid
  readonly #messages: GlobalMessages
  readonly #isFinal: boolean
  #context!: TaskContext
  #partials!: Partials
  #topic = ''
  /** What was announced last. */
  #mark = Number.NEGATIVE_INFINITY
  #recent: Partial | undefined
  /** While a record is in this time, and its watermark below that, it belongs to `#recent`. */
  #recentFrom: Timestamp = 0
  #recentTo: Timestamp = 0
  #recentUntil: Timestamp = 0

  constructor(spec: GlobalAggregateSpec) {
    super()
    this.#spec = spec
    this.#grid = gridOf(spec.windows)
    this.aggregation = new RowAggregation(spec.name, spec.aggregators)
    assert(this.aggregation.canMerge, `aggregate '${spec.name}' can merge`)
    this.#messages = new GlobalMessages(this.aggregation, spec.topic)
    this.#isFinal = spec.windows.emission === 'final'
    this.together = canShare(this.aggregation) ? inOneTeam : undefined
  }

  get record(): RecordContext {
    return this.#context.record
  }

  get stretch(): Stretch | undefined {
    const [partial, until] = [this.#recent, this.#recentUntil]
    if (partial === undefined || this.#mark >= until) return undefined
    return { partial, from: this.#recentFrom, to: this.#recentTo, until }
  }

  override async init(context: TaskContext): Promise<void> {
    this.#context = context
    this.#topic = context.topicName(this.#spec.topic)
    const name = partialsStore(this.#spec.name)
    const store = context.store(partialsDefinition(name, this.aggregation))
    this.#partials = new Partials(this.aggregation, store)
    await this.#partials.load()
    const mark = context.time.mark(this.#spec.name)
    this.#mark = mark
    for (const partial of [...this.#partials.all()]) {
      if (this.#grid.isClosed(partial.end, mark)) this.#partials.remove(partial)
      // All of its members, or none: a partial that has passed was sent in the same commit.
      else if (this.#wasSent(partial, mark)) partial.markSent()
    }
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const { record } = this.#context
    const watermark = Math.max(record.watermark, this.#mark)
    const partial = this.#recentOf(timestamp, watermark) ?? this.#partialOf(timestamp, watermark)
    if (partial === undefined) {
      this.#context.drop('late')
      this.late?.process(key, value, timestamp)
      return
    }
    partial.n += 1
    if (timestamp < partial.first) partial.first = timestamp
    if (timestamp > partial.last) partial.last = timestamp
    // Records of a later place may have come by another way, and sooner.
    partial.at = Math.max(partial.at, record.offset + 1)
    this.aggregation.add(partial.row, value, partial)
    if (!partial.isDirty) this.#partials.touch(partial)
  }

  touch(partial: Partial): void {
    this.#partials.touch(partial)
  }

  override flush(): void {
    this.team?.settle()
    const { time } = this.#context
    const before = time.mark(this.#spec.name)
    const announced = time.nextMark(this.#spec.name)
    const mark = typeof announced === 'number' ? announced : before
    for (const partial of this.#due(before, mark)) this.#send(partial)
    if (mark > before) this.#removeClosed(mark)
    this.#partials.flush(undefined, deletesMax)
    if (this.#partials.isRemoving) this.#context.requestCommit()
    if (announced === 'empty' || mark > before) this.#announce(announced ?? mark)
    // Nothing is processed before the seal makes it so.
    this.#mark = mark
  }

  /** The partial of the record before, if this one goes there, too: most do. */
  #recentOf(timestamp: Timestamp, watermark: Timestamp): Partial | undefined {
    const isThere =
      timestamp >= this.#recentFrom && timestamp < this.#recentTo && watermark < this.#recentUntil
    const recent = this.#recent
    if (!isThere || recent === undefined) return undefined
    const { record } = this.#context
    const isOfSame = recent.partition === record.partition && recent.topic === record.topic
    return isOfSame ? recent : undefined
  }

  /** Undefined: it counts for no window any more. */
  #partialOf(timestamp: Timestamp, watermark: Timestamp): Partial | undefined {
    const grid = this.#grid
    const end = grid.firstEndInTime(timestamp, watermark)
    if (end === undefined) return undefined
    const { topic, partition } = this.#context.record
    const pane = grid.pane(timestamp)
    const partials = this.#partials
    let partial = partials.find(pane, end, topic, partition)
    if (partial === undefined) {
      partial = partials.add({ pane, end, topic, partition })
      if (!this.#isFinal) partial.markSent()
    }
    // All of a pane's records count from its own first end on, as long as that is open.
    if (end === grid.nextEnd(timestamp)) {
      this.#recent = partial
      this.#recentFrom = pane
      this.#recentTo = grid.paneAfter(pane)
      this.#recentUntil = end + grid.graceMs
    }
    return partial
  }

  /** Whether the commit that announced this mark has sent all that the partial then held. */
  #wasSent(partial: Partial, mark: Timestamp): boolean {
    return !this.#isFinal || this.#grid.hasPanePassed(partial.pane, mark)
  }

  #due(before: Timestamp, mark: Timestamp): Set<Partial> {
    const due = new Set<Partial>()
    for (const partial of this.#partials.dirty()) if (this.#wasSent(partial, mark)) due.add(partial)
    if (!this.#isFinal || mark === before) return due
    const [from, to] = [this.#grid.passedBefore(before), this.#grid.passedBefore(mark)]
    for (const partial of this.#partials.between(from, to, this.#grid)) due.add(partial)
    return due
  }

  #send(partial: Partial): void {
    const { n, sent, last } = partial
    const head = { ...partial, producer: this.#context.partition, fresh: n - sent }
    this.#messages.writePartial(head, partial.unsent, (message) => {
      this.#context.send(this.#topic, 0, Math.max(0, last), null, message)
    })
    partial.sent = n
    this.#partials.touch(partial)
  }

  /** What no record can change any more: its pane has passed, so it has been sent. */
  #removeClosed(mark: Timestamp): void {
    for (const partial of [...this.#partials.all()]) {
      if (!this.#grid.isClosed(partial.end, mark)) continue
      this.#partials.remove(partial)
      if (this.#recent === partial) this.#recent = undefined
    }
  }

  #announce(mark: Timestamp | 'empty'): void {
    const timestamp = mark === 'empty' ? this.#context.clock.now() : Math.max(0, mark)
    const message = this.#messages.writeMark({ producer: this.#context.partition, mark })
    this.#context.send(this.#topic, 0, timestamp, null, message)
  }
}
