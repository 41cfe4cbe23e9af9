/** Which stores of a graph can be read from outside, and what by. */
import type { ReadableKind, ReadableStore } from '../../processor/readable.ts'
import type { RecordWindowSpec } from '../../windows/record-windows.ts'
import type { WindowSpec } from '../../windows/windows.ts'
import type { LogicalNode } from '../graph.ts'

/** By name, each once: processors may share theirs. */
export function readableStores(nodes: readonly LogicalNode[]): readonly ReadableStore[] {
  const stores = nodes.flatMap(storesOf).map((store) => [store.name, Object.freeze(store)] as const)
  return [...new Map(stores).values()]
}

function storesOf(node: LogicalNode): readonly ReadableStore[] {
  switch (node.kind) {
    case 'aggregate':
    case 'record-window-aggregate':
    case 'cogroup':
      return [{ name: node.durable, kind: kindOf(node.windows), key: node.key }]
    case 'table-aggregate':
    case 'stored':
      return [{ name: node.durable, kind: 'key-value', key: node.key }]
    case 'table': {
      const kind = node.historyMs === undefined ? 'key-value' : 'versioned'
      return node.isStored ? [{ name: node.durable, kind, key: node.key }] : []
    }
    case 'global-table':
      return [{ name: node.durable, kind: 'key-value', key: node.topic.key }]
    case 'process':
      return Object.values(node.stores).map(({ name, kind, key }) => ({ name, kind, key }))
    default:
      return []
  }
}

function kindOf(windows: WindowSpec | RecordWindowSpec | undefined): ReadableKind {
  if (windows === undefined) return 'key-value'
  return windows.shape === 'session' ? 'session' : 'window'
}
