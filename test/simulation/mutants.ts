/**
 * Wrong rules of event time, each as an edit of the source that has the right one, and the property
 * that must tell them apart. Edits are made in a thread of their own, while it loads the sources.
 */
import type { Search } from './search.ts'

export interface Edit {
  readonly file: string
  readonly from: string
  readonly to: string
}

export interface Mutant extends Pick<Search, 'property'> {
  readonly rule: string
  /** Default: exactly once. */
  readonly guarantee?: Search['guarantee']
  /** A life that has told it before: looked at first. */
  readonly telling: number
  readonly edits: readonly Edit[]
}

const partial = 'src/operators/global-partial.ts'
const final = 'src/operators/global-final.ts'
const vector = 'src/operators/mark-vector.ts'
const time = 'src/runtime/task-time.ts'
const idle = 'src/runtime/idle-clock.ts'
const world = 'test/simulation/world.ts'
const records = 'src/operators/record-windows.ts'

const edit = (file: string, from: string, to: string): Edit => ({ file, from, to })
const exactly = (
  rule: string,
  property: Mutant['property'],
  telling: number,
  ...edits: readonly Edit[]
): Mutant => ({ rule, property, telling, edits })
const atLeast = (...args: Parameters<typeof exactly>): Mutant => ({
  ...exactly(...args),
  guarantee: 'at-least-once',
})

const closing = 'this.#progress.vector.minimum()'
const announcing = 'for (const partial of this.#due(before, mark)) this.#send(partial)'
const taking = 'Object.assign(partial, { at, n, first, last, row: message.row })'
const positionsOf = 'Object.values(positions).reduce((sum, at) => sum + at, 0)'

export const mutants: readonly Mutant[] = [
  // How windows close.
  exactly(
    'the greatest mark closes',
    'recounts',
    3,
    edit(
      vector,
      "entry !== 'empty' && entry < minimum",
      "typeof entry === 'number' && (minimum === Number.POSITIVE_INFINITY || entry > minimum)"
    )
  ),
  exactly(
    'a task that was not heard of does not hold back',
    'recounts',
    1,
    edit(
      vector,
      "if (entry === undefined || entry === 'held') return never",
      "if (entry === undefined || entry === 'held') continue"
    )
  ),
  exactly(
    'windows close a moment early',
    'recounts',
    15,
    edit(vector, '? never : minimum', '? never : minimum + 1')
  ),
  exactly(
    'partials go by the greatest mark',
    'recounts',
    1,
    edit(
      final,
      'if (this.#progress.vector.take(producer, mark)) this.#hasProgressed = true',
      `this.#progress.vector.take(producer, mark)
    this.#hasProgressed = true
    for (const one of [...this.#partials.all()]) {
      const isOver = typeof mark === 'number' && this.#grid.isPaneOver(one.pane, mark)
      if (isOver) this.#partials.remove(one)
    }`
    )
  ),
  exactly('what was heard is forgotten', 'recounts', 8, edit(final, ', stored?.vector)', ')')),
  exactly(
    'how far rows have come is forgotten',
    'recounts',
    9,
    edit(final, 'new Progress(vector, stored?.cursor)', 'new Progress(vector)')
  ),
  exactly(
    'the final task has a clock',
    'idleCloses',
    1,
    edit(
      final,
      closing,
      `Math.max(${closing}, this.#context.clock.now() - (this.#spec.windows.idleMs ?? 0))`
    )
  ),
  // What is sent.
  exactly(
    'the mark comes before its partials',
    'recounts',
    1,
    edit(partial, announcing, `if (mark > before) this.#announce(mark)\n${announcing}`)
  ),
  exactly(
    'a partial is sent once',
    'latecomers',
    1,
    edit(
      partial,
      'if (this.#wasSent(partial, mark)) due',
      'if (this.#wasSent(partial, mark) && !this.#wasSent(partial, before)) due'
    )
  ),
  exactly(
    'restored members count as sent',
    'recounts',
    17,
    edit(partial, 'else if (this.#wasSent(partial, mark)) partial', 'else partial')
  ),
  atLeast(
    'partials are added up',
    'recounts',
    21,
    edit(
      final,
      taking,
      `this.#aggregation.merge(partial.row, message.row)
      const span = { first: Math.min(partial.first, first), last: Math.max(partial.last, last) }
      Object.assign(partial, { at, n: partial.n + n, ...span })`
    ),
    edit(
      partial,
      'partial.sent = n',
      `const empty = { first: Number.POSITIVE_INFINITY, last: Number.NEGATIVE_INFINITY }
    Object.assign(partial, { sent: 0, n: 0, row: this.aggregation.init(), ...empty })`
    )
  ),
  atLeast(
    'the last partial counts',
    'recounts',
    69,
    edit(final, 'if (at >= partial.at) {', 'if (at >= 0) {')
  ),
  atLeast(
    'a resend counts as late',
    'recounts',
    4,
    edit(final, 'if (!isResend && message.fresh > 0)', 'if (message.fresh > 0)')
  ),
  atLeast(
    'partials are of a task, not of a partition',
    'groupedPartitions',
    100,
    edit(
      partial,
      'const { topic, partition } = this.#context.record',
      'const { topic } = this.#context.record\n    const { partition } = this.#context'
    )
  ),
  // What is late.
  exactly(
    'a latecomer shares the partial of all windows',
    'latecomers',
    1,
    edit(
      partial,
      'if (end === undefined) return undefined',
      'if (end === undefined) return undefined\n    end = grid.nextEnd(timestamp)'
    ),
    edit(partial, 'const end = grid.firstEndInTime', 'let end = grid.firstEndInTime')
  ),
  exactly(
    'the final task decides what is late',
    'latecomers',
    1,
    edit(partial, 'Math.max(record.watermark, this.#mark)', 'Number.NEGATIVE_INFINITY')
  ),
  exactly(
    'watermarks are forgotten',
    'latecomers',
    14,
    edit(time, 'known.map(({ watermark }) => watermark)', 'known.map(() => never)'),
    edit(time, 'latest.marks[spec.name],', 'undefined,')
  ),
  // Silence.
  exactly(
    'silence needs no fetch',
    'idleCloses',
    2,
    edit(
      idle,
      'let silentSince = Number.NEGATIVE_INFINITY',
      `let silentSince = Number.NEGATIVE_INFINITY
    const watched = partitions.map((index) => this.#partitions[index] as Watched)
    for (const one of watched) this.#settle(one)
    const since = Math.max(...watched.map((one) => one.silentSince))
    const now = this.#clock.now()
    if (now >= since + idleMs) return now - idleMs`
    )
  ),
  exactly(
    'silence counts from the answer',
    'idleCloses',
    29,
    edit(idle, 'return Math.min(sentAt, answeredAt)', 'return answeredAt')
  ),
  exactly(
    'one idle time for all',
    'stragglers',
    9,
    edit(
      time,
      'silentUntil(aggregate.idleMs,',
      'silentUntil(Math.min(...[...this.#aggregates.values()].map((one) => one.idleMs ?? 1e9)),'
    )
  ),
  exactly(
    'an outage is silence',
    'outages',
    569,
    edit(idle, 'isSetBack || passedMs > this.#gapMs', 'isSetBack')
  ),
  exactly(
    'an idle advance is not committed',
    'stragglers',
    136,
    edit(time, 'latest.marks[spec.name],', 'Math.min(...this.#watermarks),')
  ),
  atLeast(
    'records are taken beside an idle commit',
    'stragglers',
    1,
    edit(time, "return this.#barrier !== 'none'", 'return false'),
    edit(time, 'this.#advance = until', 'this.mark = until')
  ),
  exactly(
    'a partition is empty without a fetch',
    'recounts',
    1,
    edit(
      time,
      'else if (!this.#idle.isEmpty(index, idleMs ?? 0)) return undefined',
      'else if (index < 0) return undefined'
    )
  ),
  // Windows that records make.
  exactly(
    'sessions close while a record can reach them',
    'keyedSessions',
    6,
    edit(records, 'this.#isByWatermark ? lengthOf(this.#spec.windows) : 0', '0')
  ),
  exactly(
    'sliding windows close while a record can be in them',
    'keyedSliding',
    3,
    edit(records, 'this.#isByWatermark ? lengthOf(this.#spec.windows) : 0', '0')
  ),
  exactly(
    'a record in a session that is open is in time',
    'keyedSessions',
    5,
    edit(
      records,
      '(this.#rules.lastEnd(hand.timestamp) < hand.closeTime)',
      '(hand.closeTime > 1e9)'
    ),
    edit(records, 'this.take({ ...hand, closeTime: never })', 'this.take(hand)')
  ),
  exactly(
    'a record is late for some of its sliding windows',
    'keyedSliding',
    1,
    edit(records, 'this.take({ ...hand, closeTime: never })', 'this.take(hand)')
  ),
  exactly(
    'how far final rows have come is forgotten',
    'silentSessions',
    6,
    edit(
      'src/operators/record-window-entries.ts',
      'progress.emittedTo = reader.binary()',
      'reader.binary()'
    )
  ),
  exactly(
    'silence closes what a grid has, and nothing else',
    'silentSessions',
    3,
    edit('src/windows/closings.ts', 'if (from <= last && to > last) return true', ''),
    edit('src/windows/closings.ts', 'Math.floor(to / this.#stepMs) >', '0 * this.#stepMs >')
  ),
  // What the log and the restore do for it, in the world of the simulation.
  exactly(
    'nobody is fenced',
    'recounts',
    36,
    edit(world, 'this.#generations.get(id) === generation', 'generation > 0')
  ),
  atLeast(
    'a restore takes all there is',
    'recounts',
    17,
    edit(world, 'if (number > committed.number) skipped', 'if (number < 0) skipped')
  ),
  atLeast(
    'a restore skips by input offsets',
    'stragglers',
    55,
    edit(world, 'log.push({ number, change })', `log.push({ number: ${positionsOf}, change })`),
    edit(
      world,
      'if (number > committed.number) skipped',
      'if (number > Object.values(committed.positions).reduce((sum, at) => sum + at, 0)) skipped'
    )
  ),
  atLeast(
    'skipped keys are not written again',
    'recounts',
    21,
    edit(
      'test/simulation/tasks.ts',
      'this.#skipped = new Map(skipped)',
      'this.#skipped = new Map()'
    )
  ),
]
