/** A topology as a Mermaid flowchart: sub-topologies as boxes, topics as cylinders between them. */
import { topicName } from './describe.ts'
import type { NodeSpec, SubtopologySpec } from './topology.ts'

export function topologyMermaid(subtopologies: readonly SubtopologySpec[]): string {
  const ids = new Ids()
  const lines = ['flowchart LR']
  const edges: string[] = []
  for (const { id, nodes } of subtopologies) {
    lines.push(`  subgraph sub${id}["Sub-topology ${id}"]`)
    for (const node of nodes) {
      lines.push(`    ${ids.of('n', node.name)}["${quoted(label(node))}"]`)
      for (const child of node.children) {
        edges.push(`  ${ids.of('n', node.name)} --> ${ids.of('n', child)}`)
      }
      edges.push(...topicEdges(node, ids))
    }
    lines.push('  end')
  }
  for (const [topic, id] of ids.all('t')) lines.push(`  ${id}[("${quoted(topic)}")]`)
  return `${[...lines, ...edges].join('\n')}\n`
}

function label(node: NodeSpec): string {
  if (node.kind === 'source' || node.stores.length === 0) return node.name
  return `${node.name}<br/>${node.stores.join(', ')}`
}

function topicEdges(node: NodeSpec, ids: Ids): readonly string[] {
  const id = ids.of('n', node.name)
  if (node.kind === 'source') {
    return node.topics.map(
      ({ name, internal }) => `  ${ids.of('t', topicName(name, internal))} --> ${id}`
    )
  }
  if (node.topic === undefined) return []
  return [`  ${id} --> ${ids.of('t', topicName(node.topic, node.operator !== 'to'))}`]
}

/** Short ids in the order of first use: names may hold what Mermaid takes for syntax. */
class Ids {
  readonly #ids = new Map<string, Map<string, string>>()

  of(prefix: string, name: string): string {
    const ids = this.#ids.get(prefix) ?? new Map<string, string>()
    this.#ids.set(prefix, ids)
    const id = ids.get(name) ?? `${prefix}${ids.size}`
    ids.set(name, id)
    return id
  }

  all(prefix: string): Iterable<readonly [name: string, id: string]> {
    return this.#ids.get(prefix) ?? []
  }
}

function quoted(text: string): string {
  return text.replaceAll('"', '#quot;')
}
