/**
 * Tables right behind their topic need no changelog: the topic says all that they hold.
 *
 *     topic ─▶ table ─▶ changelog        restore: changelog to its end
 *     topic ─▶ table                     restore: topic, up to what is committed of it
 *
 * Not where a record may be judged otherwise when it is read again (`maxFuture`), nor where the
 * past of rows is kept.
 */
import type { AnyTopic, LogicalNode } from '../graph.ts'
import { rewire } from './rewire.ts'

export function reuseSourceTopics(nodes: readonly LogicalNode[]): readonly LogicalNode[] {
  const moved = new Map<LogicalNode, LogicalNode>()
  return nodes.map((node) => {
    const origin = originOf(node)
    return rewire(origin === undefined ? node : { ...node, ...{ origin } }, node, moved)
  })
}

function originOf(node: LogicalNode): AnyTopic | undefined {
  if (node.kind !== 'table' || !node.logged || node.historyMs !== undefined) return undefined
  const [source] = node.inputs
  if (source?.kind !== 'source' || !source.isTable || source.maxFutureMs !== undefined) {
    return undefined
  }
  return source.topics[0]
}
