/** Several grouped streams in one row: each brings named aggregators of its own. */
import type { Aggregators, AllCan, Results } from '../aggregators/aggregator.ts'
import { partOf } from '../aggregators/part.ts'
import type { Misuse, SameKey } from '../misuse.ts'
import type { CogroupValue } from '../operators/cogroup-value.ts'
import type { RecordWindowSpec, SessionWindows, SlidingWindows } from '../windows/record-windows.ts'
import type { UnlimitedWindows } from '../windows/unlimited.ts'
import type { WindowShape, WindowSpec, Windows } from '../windows/windows.ts'
import { cogroupTable } from './cogroup-table.ts'
import type { GroupedFlow } from './flow.ts'
import { groupFlowOf, type KGroupedStream } from './k-grouped-stream.ts'
import type { StoredKTable, WindowedKTable } from './k-table.ts'
import {
  type AggregateOptions,
  aggregatePlan,
  type Unnamed,
  type WindowedOptions,
} from './plans.ts'
import type { SessionKTable } from './session-windowed-stream.ts'

type Taken = Misuse<'Another stream of this cogroup has a field of this name'>
type NoMerge = 'Sessions merge when a record joins them: give this aggregator a merge function'
type Nameless = Unnamed<".aggregate('customers')">

/** One stream of a cogroup, and the fields of the row that it fills. */
export interface CogroupFields {
  readonly flow: GroupedFlow
  readonly aggregators: Aggregators<never>
}

/**
 *     orders
 *       .cogroup({ orders: count(), spent: sum((order) => order.cents, 0n) })
 *       .and(visits, { visits: count() })
 *       .aggregate('customers')
 */
export class CogroupedAggregators<K, A> {
  readonly #inputs: readonly CogroupFields[]

  constructor(inputs: readonly CogroupFields[]) {
    this.#inputs = inputs
    Object.freeze(this)
  }

  /**
   * One stream more, with fields of its own; the keys are of one type:
   * `.and(visits, { visits: count() }).aggregate('customers')`.
   */
  and<K2, V, const B extends Aggregators<V>>(
    other: KGroupedStream<K2, V> & SameKey<K, K2>,
    aggregators: B & { readonly [N in keyof B & keyof A]: Taken }
  ): CogroupedAggregators<K, A & B> {
    const flow = groupFlowOf(other as unknown as KGroupedStream<unknown, unknown>)
    return new CogroupedAggregators([...this.#inputs, { flow, aggregators }])
  }

  /**
   * A row a key: `aggregate('customers')`. Fields of streams that have not come yet show what they
   * show of nothing.
   */
  aggregate(name: string, options?: AggregateOptions): StoredKTable<K, Results<A>>
  aggregate(this: Nameless): never
  aggregate(name?: string, options?: AggregateOptions): unknown {
    return cogroupOf(this.#inputs, name as string, options)
  }

  /**
   * In sessions, all streams together; all aggregators can merge:
   * `.windowedBy(session('30m')).aggregate('visits')`.
   */
  windowedBy(windows: SessionWindows<'updates'>): CogroupedInSessions<K, A>
  /** In windows of any other kind: `.windowedBy(tumbling('1h')).aggregate('hourly')`. */
  windowedBy(
    windows: Windows<WindowShape, false, 'updates'> | SlidingWindows<'updates'> | UnlimitedWindows
  ): CogroupedInWindows<K, A>
  windowedBy(windows: WindowSpec | RecordWindowSpec): unknown {
    return windows.shape === 'session'
      ? new CogroupedInSessions(this.#inputs, windows)
      : new CogroupedInWindows(this.#inputs, windows)
  }
}

/** In windows of any kind but sessions. */
export class CogroupedInWindows<K, A> {
  readonly #inputs: readonly CogroupFields[]
  readonly #windows: WindowSpec | RecordWindowSpec

  constructor(inputs: readonly CogroupFields[], windows: WindowSpec | RecordWindowSpec) {
    this.#inputs = inputs
    this.#windows = windows
    Object.freeze(this)
  }

  /** A row by key and window: `aggregate('customers-hourly')`. */
  aggregate(name: string, options?: WindowedOptions): WindowedKTable<K, Results<A>, 'updates'>
  aggregate(this: Nameless): never
  aggregate(name?: string, options?: WindowedOptions): unknown {
    return cogroupOf(this.#inputs, name as string, options, this.#windows)
  }
}

export class CogroupedInSessions<K, A> {
  readonly #inputs: readonly CogroupFields[]
  readonly #windows: RecordWindowSpec

  constructor(inputs: readonly CogroupFields[], windows: RecordWindowSpec) {
    this.#inputs = inputs
    this.#windows = windows
    Object.freeze(this)
  }

  /** A row by key and session: `aggregate('visits')`. */
  aggregate(
    this: CogroupedInSessions<K, A> & Mergeable<A>,
    name: string,
    options?: WindowedOptions
  ): SessionKTable<K, Results<A>, 'updates'>
  aggregate(this: Nameless): never
  aggregate(name?: string, options?: WindowedOptions): unknown {
    return cogroupOf(this.#inputs, name as string, options, this.#windows)
  }
}

/** `unknown` if all of them can merge, else the sentence. */
type Mergeable<A> = A extends AllCan<A, 'merge', NoMerge> ? unknown : Misuse<NoMerge>

function cogroupOf(
  inputs: readonly CogroupFields[],
  name: string,
  options?: WindowedOptions,
  windows?: WindowSpec | RecordWindowSpec
): unknown {
  const fields = inputs.flatMap(({ aggregators }, index) =>
    Object.entries(aggregators).map(([field, one]) => {
      const belongs = (value: unknown): boolean => (value as CogroupValue).input === index
      return [field, partOf(one, belongs, (value) => (value as CogroupValue).value)] as const
    })
  )
  const planned = aggregatePlan([Object.fromEntries(fields), options])
  const flows = inputs.map(({ flow }) => flow)
  return cogroupTable(flows, name, planned, windows)
}
