/** Streams of the same topic become one source: a task reads a partition once. */
import { isDeepStrictEqual } from 'node:util'
import { policyOf } from '../../error-policy.ts'
import type { AnyTopic, LogicalNode, SourceNode } from '../graph.ts'
import { fault } from './faults.ts'

/** The same nodes, in the same order, without the sources that say what an earlier one said. */
export function mergeSources(nodes: readonly LogicalNode[]): readonly LogicalNode[] {
  const sources: SourceNode[] = []
  const moved = new Map<LogicalNode, LogicalNode>()
  const merged: LogicalNode[] = []
  for (const node of nodes) {
    if (node.kind === 'source') {
      const earlier = sources.find((other) => overlap(node, other))
      if (earlier === undefined) {
        sources.push(node)
        merged.push(node)
      } else {
        expectSame(node, earlier)
        moved.set(node, earlier)
      }
      continue
    }
    const inputs = node.inputs.map((input) => moved.get(input) ?? input)
    const isSame = inputs.every((input, index) => input === node.inputs[index])
    if (isSame) {
      merged.push(node)
      continue
    }
    // A merge takes each stream once; a join may be of a table with itself.
    const distinct = node.kind === 'merge' ? [...new Set(inputs)] : inputs
    const next = Object.freeze({ ...node, inputs: Object.freeze(distinct) })
    moved.set(node, next)
    merged.push(next)
  }
  return merged
}

function overlap(a: SourceNode, b: SourceNode): boolean {
  return a.topics.some(({ name }) => b.topics.some((other) => other.name === name))
}

function expectSame(node: SourceNode, earlier: SourceNode): void {
  const isSame =
    node.topics.length === earlier.topics.length &&
    node.topics.every((topic) => earlier.topics.some((other) => sameTopic(topic, other))) &&
    !node.isTable &&
    !earlier.isTable &&
    node.maxFutureMs === earlier.maxFutureMs &&
    node.validates === earlier.validates &&
    node.rejections?.name === earlier.rejections?.name &&
    node.rejections?.help === earlier.rejections?.help &&
    isDeepStrictEqual(policyOf(node.errors), policyOf(earlier.errors))
  if (isSame) return
  const names = node.topics.map(({ name }) => `'${name}'`).join(', ')
  const way =
    node.isTable || earlier.isTable
      ? 'Call table() once, and go on from that table; its toStream() is the stream of the topic.'
      : 'Call stream() once, and let both parts go on from that stream.'
  throw fault(
    'topicTwice',
    `Topic ${names} is read by ${earlier.name} and, in another way, by ${node.name}. ${way}`
  )
}

function sameTopic(a: AnyTopic, b: AnyTopic): boolean {
  return a.name === b.name && a.key === b.key && a.value === b.value && a.timestamp === b.timestamp
}
