/**
 * One repartition topic for all that is grouped behind one change of key:
 *
 *     key-select ─┬▶ a-repartition ─▶ a              key-select ─▶ a-repartition ─┬▶ a
 *                 └▶ b-repartition ─▶ b      ──▶                                  └▶ b
 *
 * Invariants: only records that are the same bytes share a topic; windows that close by watermark
 * keep theirs, for it carries their marks.
 */
import type { LogicalNode, Repartition } from '../graph.ts'
import { rewire } from './rewire.ts'

type Grouped = Extract<LogicalNode, { kind: 'aggregate' | 'record-window-aggregate' | 'table' }> & {
  readonly repartition: Repartition
}

export function mergeRepartitions(nodes: readonly LogicalNode[]): readonly LogicalNode[] {
  const grouped = nodes.filter(mayShare)
  const moved = new Map<LogicalNode, LogicalNode>()
  const shared = new Map<LogicalNode, LogicalNode>()
  return nodes.flatMap((node) => {
    if (!mayShare(node)) return [rewire(node, node, moved)]
    const alike = grouped.filter((other) => goTogether(node, other))
    const [first = node] = alike
    if (alike.length === 1) return [rewire(node, node, moved)]
    const through = shared.get(first) ?? rewire(repartitionOf(first), first, new Map(moved))
    const next = Object.freeze({
      ...node,
      repartition: undefined,
      inputs: Object.freeze([through]),
    })
    moved.set(node, next)
    if (shared.has(first)) return [next]
    shared.set(first, through)
    return [through, next]
  })
}

function mayShare(node: LogicalNode): node is Grouped {
  switch (node.kind) {
    case 'aggregate':
      return node.repartition !== undefined && node.windows?.idleMs == null
    case 'record-window-aggregate':
    case 'table':
      return node.repartition !== undefined
    default:
      return false
  }
}

function goTogether(one: Grouped, other: Grouped): boolean {
  return (
    one.inputs[0] === other.inputs[0] &&
    one.repartition.key === other.repartition.key &&
    one.repartition.value === other.repartition.value
  )
}

function repartitionOf({ repartition, inputs }: Grouped): LogicalNode {
  return {
    kind: 'repartition',
    name: `${repartition.topic}-repartition-source`,
    repartition,
    inputs,
  }
}
