/** What `build({ optimize: true })` does to a graph before it is drawn. */
import type { LogicalNode } from '../graph.ts'

/**
 * A stream that is joined with itself keeps one buffer instead of two; left and outer joins become
 * inner ones, since every record joins itself.
 */
export function optimizeGraph(nodes: readonly LogicalNode[]): readonly LogicalNode[] {
  return nodes.map((node) => {
    if (node.kind !== 'stream-join' || new Set(node.inputs).size > 1) return node
    return Object.freeze({ ...node, isMerged: true })
  })
}
