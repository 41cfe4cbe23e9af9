/** Windowed records, with a key (`WindowedStream`) or without (`GlobalWindowedStream`). */
import type { Aggregators, AllCan, Results } from '../aggregators/aggregator.ts'
import { count } from '../aggregators/aggregators.ts'
import { noKey, windowedKeys } from '../serde/windowed.ts'
import { endsOf } from '../windows/grids.ts'
import type { SlidingSpec } from '../windows/record-windows.ts'
import type { Emission, WindowSpec } from '../windows/windows.ts'
import type { GroupedFlow, StreamFlow } from './flow.ts'
import type { AnySerde, LogicalNode, UserFunction } from './graph.ts'
import type { WindowedKTable } from './k-table.ts'
import { type LateRecords, takeLate } from './late.ts'
import {
  addAggregate,
  addRecordWindowAggregate,
  aggregatePlan,
  countPlan,
  type Planned,
  reducePlan,
  type State,
  type Step,
  type StepOf,
  type Unnamed,
  type WindowedOptions,
  type WindowedSerde,
} from './plans.ts'

export class WindowedStream<K, V, Emit extends Emission> {
  readonly #flow: GroupedFlow
  readonly #windows: WindowSpec | SlidingSpec
  readonly #late: LateRecords<never, never> | undefined

  constructor(
    flow: GroupedFlow,
    windows: WindowSpec | SlidingSpec,
    late?: LateRecords<never, never>
  ) {
    this.#flow = flow
    this.#windows = windows
    this.#late = late
    Object.freeze(this)
  }

  /** How many records a key has in each window: `count('orders-5m')`. */
  count(name: string, options?: WindowedOptions): WindowedKTable<K, number, Emit>
  count(this: Unnamed<".count('orders-5m')">): never
  count(name?: string, options?: WindowedOptions): unknown {
    return this.#table(name as string, countPlan(options))
  }

  /** `reduce('latest-5m', (_kept, order) => order)`: of the values' own type. */
  reduce(
    name: string,
    reducer: (kept: V, value: V, key: K) => V,
    options?: WindowedOptions
  ): WindowedKTable<K, V, Emit>
  reduce(unnamed: Unnamed<".reduce('latest-5m', (kept, value) => …)">): never
  reduce(name: unknown, reducer?: unknown, options?: WindowedOptions): unknown {
    const plan = reducePlan(reducer as UserFunction, this.#flow.value, options)
    return this.#table(name as string, plan)
  }

  /**
   * Named aggregators, `aggregate('traffic-5m', { orders: count() })`, or a start and a step in the
   * order of `Array.reduce`.
   */
  aggregate<const A extends Aggregators<V>>(
    name: string,
    aggregators: A,
    options?: WindowedOptions
  ): WindowedKTable<K, Results<A>, Emit>
  aggregate<A, S extends StepOf<A>>(
    name: string,
    init: () => State<A>,
    add: (state: A, value: V, key: K) => Step<S>,
    options?: WindowedOptions
  ): WindowedKTable<K, A, Emit>
  aggregate<A, S extends StepOf<A>>(
    name: string,
    init: () => A,
    add: (state: A, value: V, key: K) => Step<S>,
    options: WindowedSerde<A>
  ): WindowedKTable<K, A, Emit>
  aggregate(unnamed: Aggregators<V> & Unnamed<".aggregate('traffic-5m', { … })">): never
  aggregate(name: unknown, ...args: readonly unknown[]): unknown {
    return this.#table(name as string, aggregatePlan(args))
  }

  #table(name: string, planned: Planned): unknown {
    const { graph, make } = this.#flow
    const windows = this.#windows
    const [node, sizeMs] =
      windows.shape === 'sliding'
        ? [addRecordWindowAggregate(this.#flow, name, planned, windows), windows.spanMs]
        : [addAggregate(this.#flow, name, planned, windows), windows.sizeMs]
    takeLate({ ...this.#flow, keyChanged: false }, node, this.#late)
    const key = windowedKeys(this.#flow.key, endsOf(windows)) as AnySerde
    const flow = { graph, make, node, durable: name, key, value: planned.rows }
    return make.windowedTable(flow, { emission: windows.emission, sizeMs })
  }
}

type NoMerge = 'Windows without a key merge partial results: give this aggregator a merge function'

export class GlobalWindowedStream<V, Emit extends Emission> {
  readonly #flow: StreamFlow
  readonly #windows: WindowSpec
  readonly #late: LateRecords<never, never> | undefined

  constructor(flow: StreamFlow, windows: WindowSpec, late?: LateRecords<never, never>) {
    this.#flow = flow
    this.#windows = windows
    this.#late = late
    Object.freeze(this)
  }

  /** How many records each window has: `count('orders-5m')`. */
  count(name: string): WindowedKTable<null, number, Emit>
  count(this: Unnamed<".count('orders-5m')">): never
  count(name?: string): unknown {
    const { graph } = this.#flow
    const rows = this.#add(name as string, { count: count<never>() })
    const show = (row: unknown): unknown => (row as { readonly count: number }).count
    const shown = graph.nameOf('KTABLE-MAPVALUES')
    const node = graph.add({ kind: 'table-values', name: shown, fn: show, inputs: [rows] })
    return this.#table(name as string, node)
  }

  /**
   * Named aggregators, all of which can merge: `aggregate('traffic-5m', { orders: count() })`. The
   * name is that of its stores and its topic.
   */
  aggregate<const A extends Aggregators<V>>(
    name: string,
    aggregators: A & AllCan<A, 'merge', NoMerge>
  ): WindowedKTable<null, Results<A>, Emit>
  aggregate(unnamed: Aggregators<V> & Unnamed<".aggregate('traffic-5m', { … })">): never
  aggregate(name: unknown, aggregators?: unknown): unknown {
    const named = Object.freeze({ ...(aggregators as Aggregators<never>) })
    return this.#table(name as string, this.#add(name as string, named))
  }

  #add(durable: string, aggregators: Aggregators<never>): LogicalNode {
    const node = this.#flow.graph.add({
      kind: 'global-aggregate',
      name: durable,
      durable,
      windows: this.#windows,
      aggregators,
      inputs: [this.#flow.node],
    })
    takeLate(this.#flow, node, this.#late)
    return node
  }

  #table(durable: string, node: LogicalNode): unknown {
    const { graph, make } = this.#flow
    const key = windowedKeys(noKey, endsOf(this.#windows)) as AnySerde
    const flow = { graph, make, node, durable, key, value: undefined }
    return make.windowedTable(flow, this.#windows)
  }
}
