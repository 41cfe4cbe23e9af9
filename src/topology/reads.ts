/**
 * Which half of a source's records some node reads before another puts something in its place: what
 * nobody reads is never decoded.
 */
import type { Halves, NodeBlueprint, OperatorBlueprint } from './blueprint.ts'
import { neither } from './blueprint.ts'

/** Children of each node, by name. */
export type Children = ReadonlyMap<string, readonly OperatorBlueprint[]>

export function childrenOf(nodes: readonly NodeBlueprint[]): Children {
  const children = new Map<string, OperatorBlueprint[]>(nodes.map(({ name }) => [name, []]))
  for (const node of nodes) {
    if (node.kind === 'source') continue
    for (const parent of new Set(node.parents)) children.get(parent)?.push(node)
  }
  return children
}

export function readBehind(source: string, children: Children): Halves {
  const done = new Map<string, Halves>()
  /** Halves of this node's *input* that it, or a node behind it, reads. */
  const readBy = (node: OperatorBlueprint): Halves => {
    const known = done.get(node.name)
    if (known !== undefined) return known
    const own = children.get(node.name) ?? []
    const behind = union(own.filter(({ takesLate }) => takesLate !== true).map(readBy))
    // What is late passes as it came.
    const late = union(own.filter(({ takesLate }) => takesLate === true).map(readBy))
    const read = {
      key: node.reads.key || late.key || (behind.key && !node.replaces.key),
      value: node.reads.value || late.value || (behind.value && !node.replaces.value),
    }
    done.set(node.name, read)
    return read
  }
  return union((children.get(source) ?? []).map(readBy))
}

function union(halves: readonly Halves[]): Halves {
  return halves.reduce(
    (all, one) => ({ key: all.key || one.key, value: all.value || one.value }),
    neither
  )
}
