/** The table that several grouped streams make together, without windows or in any with a key. */
import { data } from '../serde/data.ts'
import { sessionWindowed, windowedKeys } from '../serde/windowed.ts'
import { endsOf } from '../windows/grids.ts'
import type { RecordWindowSpec } from '../windows/record-windows.ts'
import type { WindowSpec } from '../windows/windows.ts'
import type { GroupedFlow } from './flow.ts'
import type { AnySerde, CogroupNode } from './graph.ts'
import type { Planned } from './plans.ts'

/** @param flows at least one; values say by their place here which one they came by */
export function cogroupTable(
  flows: readonly GroupedFlow[],
  name: string,
  planned: Planned,
  windows?: WindowSpec | RecordWindowSpec
): unknown {
  const [{ graph, make, key: inner }] = flows as readonly [GroupedFlow]
  const node = addCogroup(flows, name, planned, windows)
  const flow = { graph, make, node, durable: node.durable, value: planned.rows }
  if (windows === undefined) return make.table({ ...flow, key: inner })
  if (windows.shape === 'session') {
    const key = sessionWindowed(inner) as unknown as AnySerde
    return make.sessionTable({ ...flow, key }, windows)
  }
  const sizeMs = windows.shape === 'sliding' ? windows.spanMs : windows.sizeMs
  const key = windowedKeys(inner, endsOf(windows)) as AnySerde
  return make.windowedTable({ ...flow, key }, { emission: 'updates', sizeMs })
}

function addCogroup(
  flows: readonly GroupedFlow[],
  durable: string,
  { plan, logged, retentionMs }: Planned,
  windows: WindowSpec | RecordWindowSpec | undefined
): CogroupNode {
  const [{ graph, key }] = flows as readonly [GroupedFlow]
  const repartitions = flows.map((flow, index) => {
    if (!flow.keyChanged) return undefined
    const value = flow.value ?? (data<unknown>() as AnySerde)
    return Object.freeze({ topic: `${durable}-${index}`, partitions: undefined, key, value })
  })
  const ends = flows.map(() => graph.nameOf('COGROUPKSTREAM-AGGREGATE'))
  return graph.add({
    kind: 'cogroup',
    name: graph.nameOf('COGROUPKSTREAM-MERGE'),
    durable,
    ends: Object.freeze(ends),
    key,
    plan,
    windows,
    retentionMs,
    logged,
    repartitions: Object.freeze(repartitions),
    inputs: flows.map(({ node }) => node),
  })
}
