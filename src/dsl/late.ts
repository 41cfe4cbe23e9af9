/** What becomes of records that come too late for the windows of an aggregate. */
import type { StreamFlow } from './flow.ts'
import type { AggregateNode, GlobalAggregateNode, RecordWindowAggregateNode } from './graph.ts'
import type { KStream } from './k-stream.ts'

/** Is given the stream of late records, once for each aggregate. */
export type LateRecords<K, V> = (records: KStream<K, V>) => void

export interface WindowedByOptions<K, V> {
  /**
   * Takes the records that count for no window of the aggregate: each of them once, as it came,
   * with its own timestamp.
   *
   *     windowedBy(tumbling('5m', { grace: '30s' }), { late: (records) => records.to(lateTopic) })
   */
  readonly late?: LateRecords<K, V>
}

/** Leaves a node for the records that `aggregate` leaves out, and hands their stream on. */
export function takeLate(
  flow: Pick<StreamFlow, 'graph' | 'make' | 'key' | 'value' | 'keyChanged'>,
  aggregate: AggregateNode | RecordWindowAggregateNode | GlobalAggregateNode,
  late: LateRecords<never, never> | undefined
): void {
  if (late === undefined) return
  const { graph, make, key, value, keyChanged } = flow
  const { durable } = aggregate
  const node = graph.add({ kind: 'late', name: `${durable}-late`, durable, inputs: [aggregate] })
  late(make.stream({ graph, make, node, key, value, keyChanged }))
}
