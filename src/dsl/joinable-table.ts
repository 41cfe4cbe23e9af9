/** Joins of a table. `KTable` is built on it. */
import type { SameKey, Sync } from '../misuse.ts'
import type { TableFlow } from './flow.ts'
import type { TableJoinNode, UserFunction } from './graph.ts'
import type { KTable } from './k-table.ts'
import type { Value } from './keys.ts'
import { expectSameGraph } from './same-graph.ts'

type Joined<R> = R & Sync<R, 'A joiner runs synchronously: join first, then toStream().mapAsync(…)'>

/** What a table is made of. */
export let tableFlowOf: (table: JoinableTable<never, never>) => TableFlow

export abstract class JoinableTable<K, V> {
  readonly #flow: TableFlow

  static {
    tableFlowOf = (table) => table.#flow
  }

  constructor(flow: TableFlow) {
    this.#flow = flow
  }

  /** For the table that the join makes. */
  protected abstract made(flow: TableFlow): KTable<never, never>

  /**
   * The rows of both tables by their common key; a row that only one of them has is left out.
   * Every change of either side counts, and is dated by the younger of the two rows.
   *
   *     people.join(addresses, (person, address) => ({ ...person, ...address }))
   */
  join<KO, VO, R>(
    table: KTable<KO, VO> & SameKey<K, KO>,
    joiner: (value: V, other: VO, key: K) => Joined<R>
  ): KTable<K, Value<R>>
  join(table: object, joiner: UserFunction): unknown {
    return this.#join('inner', table, joiner)
  }

  /** As `join`; rows of this table that the other has not meet null. */
  leftJoin<KO, VO, R>(
    table: KTable<KO, VO> & SameKey<K, KO>,
    joiner: (value: V, other: VO | null, key: K) => Joined<R>
  ): KTable<K, Value<R>>
  leftJoin(table: object, joiner: UserFunction): unknown {
    return this.#join('left', table, joiner)
  }

  /** As `join`; rows that either table lacks meet null. */
  outerJoin<KO, VO, R>(
    table: KTable<KO, VO> & SameKey<K, KO>,
    joiner: (value: V | null, other: VO | null, key: K) => Joined<R>
  ): KTable<K, Value<R>>
  outerJoin(table: object, joiner: UserFunction): unknown {
    return this.#join('outer', table, joiner)
  }

  #join(how: TableJoinNode['how'], table: object, joiner: UserFunction): unknown {
    const { graph, make, node: left, key, durable } = this.#flow
    const other = tableFlowOf(table as KTable<never, never>)
    expectSameGraph(graph, other.graph)
    const name = graph.nameOf('KTABLE-MERGE')
    graph.skipNames(2)
    const node = graph.add({ kind: 'table-join', name, how, joiner, inputs: [left, other.node] })
    const both = `${durable}-${other.durable}`
    return this.made({ graph, make, node, durable: both, key, value: undefined, isDerived: true })
  }
}
