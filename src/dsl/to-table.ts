/** From a stream to a table: what `toTable` leaves in the graph. */
import { data } from '../serde/data.ts'
import { defaultKey } from '../serde/default-key.ts'
import type { StreamFlow } from './flow.ts'
import type { AnySerde } from './graph.ts'
import type { StoredKTable } from './k-table.ts'

interface Serdes {
  readonly key?: AnySerde
  readonly value?: AnySerde
}

export function toTable(
  { graph, make, node, keyChanged, ...known }: StreamFlow,
  durable: string,
  serdes: Serdes
): StoredKTable<never, never> {
  const key = serdes.key ?? known.key ?? (defaultKey as AnySerde)
  const value = serdes.value ?? known.value ?? (data<unknown>() as AnySerde)
  const name = graph.nameOf('KSTREAM-TOTABLE')
  if (keyChanged) graph.skipNames(3)
  const repartition = keyChanged
    ? Object.freeze({ topic: durable, partitions: undefined, key, value })
    : undefined
  const table = graph.add({
    kind: 'table',
    name,
    durable,
    isStored: true,
    key,
    value,
    logged: true,
    historyMs: undefined,
    repartition,
    inputs: [node],
  })
  return make.table({ graph, make, node: table, durable, key, value })
}
