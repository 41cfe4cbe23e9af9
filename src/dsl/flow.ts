/** What streams and tables are made of: a graph, the node they end at, and what travels along. */

import type { SessionSpec, SlidingSpec } from '../windows/record-windows.ts'
import type { Emission, WindowSpec } from '../windows/windows.ts'
import type { BranchedKStream } from './branch.ts'
import type { CogroupedAggregators, CogroupFields } from './cogrouped-aggregators.ts'
import type { CogroupedStream, CogroupInput } from './cogrouped-stream.ts'
import type { AnySerde, Graph, LogicalNode } from './graph.ts'
import type { KGroupedStream } from './k-grouped-stream.ts'
import type { KGroupedTable } from './k-grouped-table.ts'
import type { KStream } from './k-stream.ts'
import type { StoredKTable, WindowedKTable } from './k-table.ts'
import type { LateRecords } from './late.ts'
import type { SessionKTable, SessionWindowedStream } from './session-windowed-stream.ts'
import type { GlobalWindowedStream, WindowedStream } from './windowed-stream.ts'

export interface StreamFlow {
  readonly graph: Graph
  readonly make: Makers
  readonly node: LogicalNode
  /** Serdes travel while what they are for is untouched; undefined: a default takes their place. */
  readonly key: AnySerde | undefined
  readonly value: AnySerde | undefined
  /** Whether records may be in another partition than their key's. */
  readonly keyChanged: boolean
}

export interface GroupedFlow {
  readonly graph: Graph
  readonly make: Makers
  readonly node: LogicalNode
  readonly key: AnySerde
  readonly value: AnySerde | undefined
  readonly keyChanged: boolean
}

/** Rows of a table under the keys of their groups. */
export interface TableGroupFlow {
  readonly graph: Graph
  readonly make: Makers
  readonly node: LogicalNode
  readonly key: AnySerde
  readonly value: AnySerde | undefined
}

export interface TableFlow {
  readonly graph: Graph
  readonly make: Makers
  readonly node: LogicalNode
  /** Name of the aggregate or store that it has, or that of the tables it was made from. */
  readonly durable: string
  readonly key: AnySerde
  readonly value: AnySerde | undefined
  /** Whether it was made from the table of that name, and has none of its own. */
  readonly isDerived?: boolean
}

/**
 * Streams make tables and tables make streams: each knows the others' types, and gets their
 * constructors from the builder, so that no file has to import what imports it.
 */
export interface Makers {
  stream(flow: StreamFlow): KStream<never, never>
  branched(flow: StreamFlow): BranchedKStream<never, never, never, unknown>
  grouped(flow: GroupedFlow): KGroupedStream<never, never>
  windowed(
    flow: GroupedFlow,
    windows: WindowSpec | SlidingSpec,
    late?: LateRecords<never, never>
  ): WindowedStream<never, never, never>
  cogrouped(input: CogroupInput): CogroupedStream<never, never>
  cogroupedFields(input: CogroupFields): CogroupedAggregators<never, never>
  sessions(
    flow: GroupedFlow,
    windows: SessionSpec,
    late?: LateRecords<never, never>
  ): SessionWindowedStream<never, never, never>
  globalWindowed(
    flow: StreamFlow,
    windows: WindowSpec,
    late?: LateRecords<never, never>
  ): GlobalWindowedStream<never, never>
  table(flow: TableFlow): StoredKTable<never, never>
  groupedTable(flow: TableGroupFlow): KGroupedTable<never, never>
  windowedTable(
    flow: TableFlow,
    windows: Pick<WindowSpec, 'emission' | 'sizeMs'>
  ): WindowedKTable<never, never, Emission>
  sessionTable(flow: TableFlow, windows: SessionSpec): SessionKTable<never, never, Emission>
}
