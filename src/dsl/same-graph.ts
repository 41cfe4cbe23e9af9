/** Whether two sides belong together. */
import { TopologyError } from '../errors.ts'
import type { Graph } from './graph.ts'

/** What is joined belongs to one topology. */
export function expectSameGraph(graph: Graph, other: Graph): void {
  if (graph === other) return
  throw new TopologyError(
    'MILLRACE_GRAPH_FOREIGN',
    'The two sides of a join come from different builders: make them with one StreamsBuilder, ' +
      'or let one write a topic that the other reads.'
  )
}
