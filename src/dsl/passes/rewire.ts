/** Passes over a graph make new nodes: whatever hangs on those that are replaced moves along. */
import type { LogicalNode } from '../graph.ts'

/** The node with inputs that stand in for its own; itself if there are none. Noted in `moved`. */
export function rewire(
  node: LogicalNode,
  original: LogicalNode,
  moved: Map<LogicalNode, LogicalNode>
): LogicalNode {
  const inputs = node.inputs.map((input) => moved.get(input) ?? input)
  const isSame = inputs.every((input, index) => input === node.inputs[index])
  if (isSame && node === original) return node
  const next = Object.freeze({ ...node, inputs: Object.freeze(inputs) })
  moved.set(original, next)
  return next
}
