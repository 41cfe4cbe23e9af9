/** A table that every instance has whole: joined by any key, without a repartition. */
import type { Readable } from '../processor/readable.ts'
import type { GlobalTableNode, Graph } from './graph.ts'

export class GlobalKTable<K, V> implements Readable<'key-value', K, V> {
  readonly kind = 'key-value'
  /** Carries the types; not there at run time. */
  declare readonly row: readonly [key: K, value: V]
  /** Of its store. */
  readonly name: string
  readonly #node: GlobalTableNode
  readonly #graph: Graph

  constructor(graph: Graph, node: GlobalTableNode) {
    this.#graph = graph
    this.#node = node
    this.name = node.durable
  }

  static nodeOf(table: GlobalKTable<never, never>): readonly [Graph, GlobalTableNode] {
    return [table.#graph, table.#node]
  }
}
