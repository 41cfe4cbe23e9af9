/** From two tables to one by a foreign key: what the join leaves in the graph. */
import { data } from '../serde/data.ts'
import type { TableFlow } from './flow.ts'
import type { AnySerde, ForeignKeyJoinNode, TableSerdes, UserFunction } from './graph.ts'
import { expectSameGraph } from './same-graph.ts'

export function joinByForeignKey(
  flow: TableFlow,
  how: ForeignKeyJoinNode['how'],
  durable: string,
  other: TableFlow,
  fn: UserFunction,
  joiner: UserFunction
): TableFlow {
  const { graph, make, key } = flow
  expectSameGraph(graph, other.graph)
  graph.skipNames(14)
  const join = graph.add({
    kind: 'foreign-key-join',
    name: `${durable}-subscription-response-resolver`,
    durable,
    how,
    fn,
    joiner,
    left: serdesOf(flow),
    right: serdesOf(other),
    inputs: [flow.node, other.node],
  })
  const value = data<unknown>() as AnySerde
  const node = graph.add({
    kind: 'table',
    name: `${durable}-result`,
    durable,
    isStored: false,
    key,
    value,
    logged: true,
    historyMs: undefined,
    repartition: undefined,
    inputs: [join],
  })
  return { graph, make, node, durable, key, value: undefined }
}

function serdesOf({ key, value }: TableFlow): TableSerdes {
  return Object.freeze({ key, value: value ?? (data<unknown>() as AnySerde) })
}
