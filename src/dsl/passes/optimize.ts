/**
 * What `build({ optimize })` does to a graph before it is drawn: each optimization is a pass over
 * the logical nodes, and by itself.
 */
import type { LogicalNode } from '../graph.ts'
import { fault } from './faults.ts'
import { mergeRepartitions } from './merge-repartitions.ts'
import { reuseSourceTopics } from './reuse-source-topics.ts'
import { rewire } from './rewire.ts'

/**
 * - `single-store-self-join`: a stream that is joined with itself keeps one buffer instead of two;
 *   left and outer joins become inner ones, since every record joins itself.
 * - `merge-repartitions`: what is grouped several times behind one change of key goes through one
 *   repartition topic, that of the first.
 * - `reuse-source-topics`: tables right behind their topic have no changelog, and are restored from
 *   the topic.
 */
export type Optimization = 'single-store-self-join' | 'merge-repartitions' | 'reuse-source-topics'

type Pass = (nodes: readonly LogicalNode[]) => readonly LogicalNode[]

const passes: Readonly<Record<Optimization, Pass>> = {
  'single-store-self-join': mergeSelfJoins,
  'merge-repartitions': mergeRepartitions,
  'reuse-source-topics': reuseSourceTopics,
}

/** Those that are asked for, in the order in which they are done. */
export function optimizationsOf(
  asked: boolean | 'all' | 'none' | readonly Optimization[]
): readonly Optimization[] {
  const all = Object.keys(passes) as Optimization[]
  if (asked === true || asked === 'all') return all
  if (asked === false || asked === 'none') return []
  const unknown = asked.find((one) => !all.includes(one))
  if (unknown !== undefined) {
    throw fault(
      'optimizationUnknown',
      `There is no optimization '${unknown}': take 'all', 'none' or some of ${all.join(', ')}.`
    )
  }
  return all.filter((one) => asked.includes(one))
}

export function optimizeGraph(
  nodes: readonly LogicalNode[],
  optimizations: readonly Optimization[]
): readonly LogicalNode[] {
  return optimizations.reduce((graph, one) => passes[one](graph), nodes)
}

function mergeSelfJoins(nodes: readonly LogicalNode[]): readonly LogicalNode[] {
  const moved = new Map<LogicalNode, LogicalNode>()
  return nodes.map((node) => {
    const isSelfJoin = node.kind === 'stream-join' && new Set(node.inputs).size === 1
    return rewire(isSelfJoin ? { ...node, isMerged: true } : node, node, moved)
  })
}
