/** Rows of a table under the keys of their groups. A row that changes is removed, then added. */
import type { Aggregators, AllCan, Results } from '../aggregators/aggregator.ts'
import { changeSerde } from '../operators/change-serde.ts'
import { data } from '../serde/data.ts'
import type { TableGroupFlow } from './flow.ts'
import type { AnySerde, UserFunction } from './graph.ts'
import type { StoredKTable } from './k-table.ts'
import {
  type AggregateOptions,
  type AggregateSerde,
  countPlan,
  type Planned,
  type State,
  type Step,
  type StepOf,
  tableAggregatePlan,
  tableReducePlan,
  type Unnamed,
} from './plans.ts'

type NoRemove = 'Rows of a table change: give this aggregator a remove function'

export class KGroupedTable<K, V> {
  readonly #flow: TableGroupFlow

  constructor(flow: TableGroupFlow) {
    this.#flow = flow
    Object.freeze(this)
  }

  /** How many rows a group has: `count('users-by-region')`. A group left by all counts 0. */
  count(name: string, options?: AggregateOptions): StoredKTable<K, number>
  count(this: Unnamed<".count('users-by-region')">): never
  count(name?: string, options?: AggregateOptions): unknown {
    return this.#table(name as string, countPlan(options))
  }

  /** `reduce('stock', (kept, row) => kept + row, (kept, row) => kept - row)` */
  reduce(
    name: string,
    add: (kept: V, value: V, key: K) => V,
    remove: (kept: V, value: V, key: K) => V,
    options?: AggregateOptions
  ): StoredKTable<K, V>
  reduce(unnamed: Unnamed<".reduce('stock', add, remove)">): never
  reduce(name: unknown, ...args: readonly unknown[]): unknown {
    const [add, remove, options] = args as [UserFunction, UserFunction, AggregateOptions?]
    return this.#table(name as string, tableReducePlan(add, remove, this.#flow.value, options))
  }

  /**
   * Named aggregators that can all remove, `aggregate('by-region', { users: count() })`, or a
   * start, a step, and the step back.
   */
  aggregate<const A extends Aggregators<V>>(
    name: string,
    aggregators: A & AllCan<A, 'remove', NoRemove>,
    options?: AggregateOptions
  ): StoredKTable<K, Results<A>>
  aggregate<A, S extends StepOf<A>, R extends StepOf<A>>(
    name: string,
    init: () => State<A>,
    add: (state: A, value: V, key: K) => Step<S>,
    remove: (state: A, value: V, key: K) => Step<R>,
    options?: AggregateOptions
  ): StoredKTable<K, A>
  aggregate<A, S extends StepOf<A>, R extends StepOf<A>>(
    name: string,
    init: () => A,
    add: (state: A, value: V, key: K) => Step<S>,
    remove: (state: A, value: V, key: K) => Step<R>,
    options: AggregateSerde<A>
  ): StoredKTable<K, A>
  aggregate(unnamed: Aggregators<V> & Unnamed<".aggregate('by-region', { … })">): never
  aggregate(name: unknown, ...args: readonly unknown[]): unknown {
    return this.#table(name as string, tableAggregatePlan(args))
  }

  #table(durable: string, { plan, logged, rows }: Planned): unknown {
    const { graph, make, node, key } = this.#flow
    const ends = { sink: graph.nameOf('KSTREAM-SINK'), source: graph.nameOf('KSTREAM-SOURCE') }
    const name = graph.nameOf(plan.kind === 'reduce' ? 'KTABLE-REDUCE' : 'KTABLE-AGGREGATE')
    const value = changeSerde(this.#flow.value ?? data<unknown>()) as AnySerde
    const next = graph.add({
      kind: 'table-aggregate',
      name,
      durable,
      key,
      plan,
      logged,
      repartition: Object.freeze({ topic: durable, partitions: undefined, key, value, ends }),
      inputs: [node],
    })
    return make.table({ graph, make, node: next, durable, key, value: rows })
  }
}
