/** Joins of a table. `KTable` is built on it. */
import type { Demand, SameKey, Sync } from '../misuse.ts'
import type { TableFlow } from './flow.ts'
import { joinByForeignKey } from './foreign-key-join.ts'
import type { TableJoinNode, UserFunction } from './graph.ts'
import type { KTable } from './k-table.ts'
import type { Value } from './keys.ts'
import { expectSameGraph } from './same-graph.ts'

type Joined<R> = R & Sync<R, 'A joiner runs synchronously: join first, then toStream().mapAsync(…)'>

type ForeignKey<KF, KO> = KF &
  Sync<KF, 'A foreign key is at hand: this callback runs synchronously'> &
  Demand<
    Exclude<KF, null | PromiseLike<unknown>>,
    KO,
    'The foreign key is not a key of the other table'
  >

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
  /**
   * By a key of the other table that the rows of this one hold; durable, so its name comes first.
   * Each row of this table meets one row of the other, each of the other any number of these:
   *
   *     orders.join('sold', products, (order) => order.product, (order, { title }) => ({ title }))
   *
   * Rows whose foreign key is null, or is no key of the other table, are left out.
   */
  join<KO, VO, R, KF>(
    name: string,
    table: KTable<KO, VO>,
    foreignKey: (value: V, key: K) => ForeignKey<KF, KO>,
    joiner: (value: V, other: VO, key: K) => Joined<R>
  ): KTable<K, Value<R>>
  join(...args: readonly unknown[]): unknown {
    return this.#joinAny('inner', args)
  }

  /**
   * As `join`; rows of this table that the other has not meet null:
   * `people.leftJoin(addresses, (person, address) => [person, address])`.
   */
  leftJoin<KO, VO, R>(
    table: KTable<KO, VO> & SameKey<K, KO>,
    joiner: (value: V, other: VO | null, key: K) => Joined<R>
  ): KTable<K, Value<R>>
  /** As `join` by a foreign key; rows that have none, or no such row, meet null. */
  leftJoin<KO, VO, R, KF>(
    name: string,
    table: KTable<KO, VO>,
    foreignKey: (value: V, key: K) => ForeignKey<KF, KO>,
    joiner: (value: V, other: VO | null, key: K) => Joined<R>
  ): KTable<K, Value<R>>
  leftJoin(...args: readonly unknown[]): unknown {
    return this.#joinAny('left', args)
  }

  /**
   * As `join`; rows that either table lacks meet null:
   * `people.outerJoin(addresses, (person, address) => [person, address])`.
   */
  outerJoin<KO, VO, R>(
    table: KTable<KO, VO> & SameKey<K, KO>,
    joiner: (value: V | null, other: VO | null, key: K) => Joined<R>
  ): KTable<K, Value<R>>
  outerJoin(table: object, joiner: UserFunction): unknown {
    return this.#join('outer', table, joiner)
  }

  #joinAny(how: 'inner' | 'left', args: readonly unknown[]): unknown {
    const [first, ...rest] = args
    if (typeof first !== 'string') return this.#join(how, first as object, rest[0] as UserFunction)
    const [table, foreignKey, joiner] = rest as [object, UserFunction, UserFunction]
    const other = tableFlowOf(table as KTable<never, never>)
    return this.made(joinByForeignKey(this.#flow, how, first, other, foreignKey, joiner))
  }

  #join(how: TableJoinNode['how'], table: object, joiner: UserFunction): unknown {
    const { graph, make, node: left, key, durable } = this.#flow
    const other = tableFlowOf(table as KTable<never, never>)
    expectSameGraph(graph, other.graph)
    const name = graph.nameOf('KTABLE-MERGE')
    const sides = [graph.nameOf('KTABLE-JOINTHIS'), graph.nameOf('KTABLE-JOINOTHER')] as const
    const inputs = [left, other.node]
    const node = graph.add({ kind: 'table-join', name, sides, how, joiner, inputs })
    const both = `${durable}-${other.durable}`
    return this.made({ graph, make, node, durable: both, key, value: undefined, isDerived: true })
  }
}
