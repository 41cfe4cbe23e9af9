/**
 * Aggregates that merge get one record per key and commit through their repartition topic, instead
 * of one per record:
 *
 *     key-select ─▶ sink: merges ┊ n-repartition ┊ source ─▶ aggregate: merges
 *
 * Not where somebody listens to late records, for what is merged cannot be told apart again; nor
 * where the topic has other readers: then merged repartitions are the better half; nor into one
 * window without an end, which lies on no grid.
 */
import { combines } from '../../operators/combined.ts'
import type { LogicalNode } from '../graph.ts'
import { rewire } from './rewire.ts'

export function combineBeforeRepartitions(nodes: readonly LogicalNode[]): readonly LogicalNode[] {
  const heard = new Set(nodes.flatMap((node) => (node.kind === 'late' ? node.inputs : [])))
  const moved = new Map<LogicalNode, LogicalNode>()
  return nodes.map((node) => {
    const isCombined =
      node.kind === 'aggregate' &&
      node.repartition !== undefined &&
      combines(node.plan) &&
      node.windows?.shape !== 'unlimited' &&
      !heard.has(node)
    return rewire(isCombined ? { ...node, isCombined } : node, node, moved)
  })
}
