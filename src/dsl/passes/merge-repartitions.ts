/**
 * One repartition topic for all that is grouped behind one change of key:
 *
 *     key-select ─┬▶ a-repartition ─▶ a             key-select ─▶ a-repartition ─┬▶ a
 *                 └▶ filter ─▶ b-repartition ─▶ b                                └▶ filter ─▶ b
 *
 * The topic comes right behind the node that changed the key, or behind the merge of several; what
 * leaves keys and values alone moves behind it, as in Kafka Streams, unless all groupings are
 * behind that. Nothing moves for the sake of one grouping alone, nor a node that others listen to:
 * they would get their records later, and none without a key.
 *
 * Invariants: only records that are the same bytes share a topic; windows that close by watermark
 * keep theirs, for it carries their marks.
 */
import type { LogicalNode } from '../graph.ts'
import { mayShare, type Sharing, sharingsOf } from './repartition-origins.ts'
import { rewire } from './rewire.ts'

export function mergeRepartitions(nodes: readonly LogicalNode[]): readonly LogicalNode[] {
  const sharings = sharingsOf(nodes)
  const moved = new Map<LogicalNode, LogicalNode>()
  const topics = new Map<Sharing, LogicalNode>()
  return nodes.flatMap((node) => {
    const sharing = sharings.get(node)
    if (sharing === undefined) return [rewire(node, node, moved)]
    const known = topics.get(sharing)
    const topic = known ?? topicOf(sharing, moved)
    topics.set(sharing, topic)
    const inputs = node.inputs.map((input) => (input === sharing.origin ? topic : input))
    const grouped = mayShare(node) ? { repartition: undefined } : {}
    const next = rewire({ ...node, ...grouped, inputs } as LogicalNode, node, moved)
    return known === undefined ? [topic, next] : [next]
  })
}

/** Behind the origin as it is by now. */
function topicOf(
  { origin, repartition }: Sharing,
  moved: ReadonlyMap<LogicalNode, LogicalNode>
): LogicalNode {
  const name = `${repartition.topic}-repartition-source`
  const inputs = Object.freeze([moved.get(origin) ?? origin])
  return Object.freeze({ kind: 'repartition', name, repartition, inputs })
}
