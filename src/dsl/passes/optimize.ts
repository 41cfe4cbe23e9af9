/**
 * What `optimize` does to a graph before it is drawn: each optimization is a pass over the logical
 * nodes, and by itself.
 */
import {
  faultOfOptimize,
  type Optimization,
  type Optimize,
  optimizationsOf,
} from '../../topology/optimizations.ts'
import type { LogicalNode } from '../graph.ts'
import { combineBeforeRepartitions } from './combine.ts'
import { fault } from './faults.ts'
import { mergeRepartitions } from './merge-repartitions.ts'
import { reuseSourceTopics } from './reuse-source-topics.ts'
import { rewire } from './rewire.ts'

type Pass = (nodes: readonly LogicalNode[]) => readonly LogicalNode[]

const passes: Readonly<Record<Optimization, Pass>> = {
  'single-store-self-join': mergeSelfJoins,
  'merge-repartitions': mergeRepartitions,
  'reuse-source-topics': reuseSourceTopics,
  'combine-before-repartition': combineBeforeRepartitions,
}

export function optimizeGraph(
  nodes: readonly LogicalNode[],
  asked: Optimize
): readonly LogicalNode[] {
  const wrong = faultOfOptimize(asked)
  if (wrong !== undefined) throw fault('optimizationUnknown', `${wrong}.`)
  return optimizationsOf(asked).reduce((graph, one) => passes[one](graph), nodes)
}

function mergeSelfJoins(nodes: readonly LogicalNode[]): readonly LogicalNode[] {
  const moved = new Map<LogicalNode, LogicalNode>()
  return nodes.map((node) => {
    const isSelfJoin = node.kind === 'stream-join' && new Set(node.inputs).size === 1
    return rewire(isSelfJoin ? { ...node, isMerged: true } : node, node, moved)
  })
}
