/** Records grouped by key. An aggregate is durable: its name comes first. */
import type { Aggregators, Results } from '../aggregators/aggregator.ts'
import type { Misuse } from '../misuse.ts'
import type { RecordWindowSpec, SessionWindows, SlidingWindows } from '../windows/record-windows.ts'
import type { UnlimitedWindows } from '../windows/unlimited.ts'
import type { Emission, WindowShape, WindowSpec, Windows } from '../windows/windows.ts'
import type { CogroupedAggregators } from './cogrouped-aggregators.ts'
import type { CogroupedStream } from './cogrouped-stream.ts'
import type { GroupedFlow } from './flow.ts'
import type { UserFunction } from './graph.ts'
import type { StoredKTable } from './k-table.ts'
import type { LateRecords, WindowedByOptions } from './late.ts'
import {
  type AggregateOptions,
  type AggregateSerde,
  addAggregate,
  aggregatePlan,
  countPlan,
  type Planned,
  reducePlan,
  type State,
  type Step,
  type StepOf,
  type Unnamed,
} from './plans.ts'
import type { SessionWindowedStream } from './session-windowed-stream.ts'
import type { WindowedStream } from './windowed-stream.ts'

/** Empty windows have no key to appear under, unless there is none at all. */
type Keyed<Empty extends boolean> = true extends Empty
  ? Misuse<'emptyWindows is for windows without a key: drop it here, or drop the grouping'>
  : unknown

let flowOf: (stream: KGroupedStream<unknown, unknown>) => GroupedFlow

export class KGroupedStream<K, V> {
  readonly #flow: GroupedFlow

  static {
    flowOf = (stream) => stream.#flow
  }

  constructor(flow: GroupedFlow) {
    this.#flow = flow
    Object.freeze(this)
  }

  /** How many records a key has: `count('orders-by-user')`. Null values are not counted. */
  count(name: string, options?: AggregateOptions): StoredKTable<K, number>
  count(this: Unnamed<".count('orders-by-user')">): never
  count(name?: string, options?: AggregateOptions): unknown {
    return this.#table(name as string, countPlan(options))
  }

  /** `reduce('latest', (_kept, order) => order)`: of the values' own type; the first starts it. */
  reduce(
    name: string,
    reducer: (kept: V, value: V, key: K) => V,
    options?: AggregateOptions
  ): StoredKTable<K, V>
  reduce(unnamed: Unnamed<".reduce('latest', (kept, value) => …)">): never
  reduce(name: unknown, reducer?: unknown, options?: AggregateOptions): unknown {
    const plan = reducePlan(reducer as UserFunction, this.#flow.value, options)
    return this.#table(name as string, plan)
  }

  /**
   * Named aggregators, `aggregate('per-user', { orders: count() })`, or a start and a step in the
   * order of `Array.reduce`: `aggregate('cents', () => 0, (sum, order) => sum + order.cents)`.
   */
  aggregate<const A extends Aggregators<V>>(
    name: string,
    aggregators: A,
    options?: AggregateOptions
  ): StoredKTable<K, Results<A>>
  aggregate<A, S extends StepOf<A>>(
    name: string,
    init: () => State<A>,
    add: (state: A, value: V, key: K) => Step<S>,
    options?: AggregateOptions
  ): StoredKTable<K, A>
  aggregate<A, S extends StepOf<A>>(
    name: string,
    init: () => A,
    add: (state: A, value: V, key: K) => Step<S>,
    options: AggregateSerde<A>
  ): StoredKTable<K, A>
  aggregate(unnamed: Aggregators<V> & Unnamed<".aggregate('per-user', { … })">): never
  aggregate(name: unknown, ...args: readonly unknown[]): unknown {
    return this.#table(name as string, aggregatePlan(args))
  }

  /**
   * Several streams in one row, each with fields of its own:
   * `orders.cogroup({ orders: count() }).and(visits, { visits: count() }).aggregate('customers')`.
   */
  cogroup<const A extends Aggregators<V>>(aggregators: A): CogroupedAggregators<K, A>
  /**
   * The same with a step for each, over one state:
   * `orders.cogroup((sum: number, order) => sum + order.cents).and(…).aggregate('sums', () => 0)`;
   * one alone is an aggregate: `cogroup((n: number) => n + 1).aggregate('counts', () => 0)`.
   */
  cogroup<A, S extends StepOf<A>>(
    step: (state: A, value: V, key: K) => Step<S>
  ): CogroupedStream<K, A>
  cogroup(how: UserFunction | Aggregators<never>): unknown {
    const { make } = this.#flow
    return typeof how === 'function'
      ? make.cogrouped({ flow: this.#flow, step: how })
      : make.cogroupedFields({ flow: this.#flow, aggregators: how })
  }

  /** Sessions by key: `windowedBy(session('30m')).count('visits')`. */
  windowedBy<Emit extends Emission>(
    windows: SessionWindows<Emit>,
    options?: WindowedByOptions<K, V>
  ): SessionWindowedStream<K, V, Emit>
  /** Sliding windows by key: `windowedBy(sliding('10m')).count('orders-within-10m')`. */
  windowedBy<Emit extends Emission>(
    windows: SlidingWindows<Emit>,
    options?: WindowedByOptions<K, V>
  ): WindowedStream<K, V, Emit>
  /** All from a moment on: `windowedBy(unlimited()).count('orders-ever')`. */
  windowedBy(windows: UnlimitedWindows): WindowedStream<K, V, 'updates'>
  /** Windows by key: `windowedBy(tumbling('5m', { grace: '30s' })).count('orders-5m')`. */
  windowedBy<Shape extends WindowShape, Empty extends boolean, Emit extends Emission>(
    windows: Windows<Shape, Empty, Emit> & Keyed<Empty>,
    options?: WindowedByOptions<K, V>
  ): WindowedStream<K, V, Emit>
  windowedBy(
    windows: WindowSpec | RecordWindowSpec,
    options: WindowedByOptions<K, V> = {}
  ): unknown {
    const { make } = this.#flow
    const late = options.late as LateRecords<never, never> | undefined
    return windows.shape === 'session'
      ? make.sessions(this.#flow, windows, late)
      : make.windowed(this.#flow, windows, late)
  }

  #table(name: string, planned: Planned): unknown {
    const { graph, make, key } = this.#flow
    const node = addAggregate(this.#flow, name, planned, undefined)
    return make.table({ graph, make, node, durable: name, key, value: planned.rows })
  }
}

/** What a group is made of, for what is built on several. */
export function groupFlowOf(stream: KGroupedStream<unknown, unknown>): GroupedFlow {
  return flowOf(stream)
}
