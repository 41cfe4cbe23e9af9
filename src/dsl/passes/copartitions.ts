/**
 * Which topics must have as many partitions as each other: those whose records meet by key in one
 * task, because they, or tables made from them, are joined.
 */
import type { LogicalNode } from '../graph.ts'
import { inputOf } from './table-plan.ts'

/** Groups of topics by short name, one for each join. */
export function copartitionsOf(nodes: readonly LogicalNode[]): readonly (readonly string[])[] {
  return nodes.flatMap((node) => {
    const joins =
      node.kind === 'stream-join' ||
      node.kind === 'table-join' ||
      node.kind === 'stream-table-join' ||
      node.kind === 'cogroup'
    const topics = joins ? topicsBehind(node) : []
    return topics.length > 1 ? [topics] : []
  })
}

/** The topics that the records of a node come from, back to the last repartition. */
export function topicsBehind(node: LogicalNode): readonly string[] {
  if (node.kind === 'source') return node.topics.map(({ name }) => name)
  if (node.kind === 'global-aggregate') return [node.durable]
  if (node.kind === 'foreign-key-join') return topicsBehind(inputOf(node))
  if (node.kind === 'cogroup') {
    const topics = node.inputs.flatMap((input, index) => {
      const through = node.repartitions[index]
      return through === undefined ? topicsBehind(input) : [through.topic]
    })
    return [...new Set(topics)]
  }
  if ('repartition' in node && node.repartition !== undefined) return [node.repartition.topic]
  return [...new Set(node.inputs.flatMap(topicsBehind))]
}
