/** What the DSL tells the aggregating operators; plain data and user functions, frozen. */
import type { Aggregators } from '../aggregators/aggregator.ts'
import type { Serde } from '../serde/serde.ts'
import type { RecordWindowSpec } from '../windows/record-windows.ts'
import type { WindowSpec } from '../windows/windows.ts'

/** How values become one: every form of `count`, `reduce` and `aggregate`. */
export type AggregationPlan =
  | { readonly kind: 'count' }
  | {
      readonly kind: 'reduce'
      readonly reducer: (kept: unknown, value: unknown, key: unknown) => unknown
      /** Of grouped tables: takes out what `reducer` put in. */
      readonly remover?: (kept: unknown, value: unknown, key: unknown) => unknown
      readonly serde: Serde<unknown>
    }
  | {
      readonly kind: 'steps'
      readonly init: () => unknown
      readonly add: (state: unknown, value: unknown, key: unknown) => unknown
      /** Of grouped tables. */
      readonly remove?: (state: unknown, value: unknown, key: unknown) => unknown
      /** Of sessions. */
      readonly merge?: (state: unknown, other: unknown, key: unknown) => unknown
      readonly serde: Serde<unknown>
    }
  | {
      readonly kind: 'named'
      readonly aggregators: Aggregators<never>
    }

/** `stream.groupBy(…).count('n')`: one value per key, in store `name`. */
export interface KeyedAggregateSpec {
  readonly name: string
  readonly key: Serde<unknown>
  readonly plan: AggregationPlan
  readonly logged: boolean
  /** How many streams it aggregates together; each has a stream time of its own. Default 1. */
  readonly inputs?: number
  /** Whether what comes is `Combined`, made of many values. Default: it is the values. */
  readonly isCombined?: boolean
}

/**
 * Null: the compatible layer; windows close at the task's greatest timestamp. Otherwise windows
 * close by watermark: the task's own mark, or, behind the internal repartition topic named here,
 * the minimum over the marks that its producers announce in it.
 */
export type Watermarks = null | 'own' | { readonly topic: string }

/** The same in tumbling or hopping windows; emits `Change` under `Windowed` keys. */
export interface WindowedAggregateSpec extends KeyedAggregateSpec {
  readonly windows: WindowSpec
  readonly watermarks: Watermarks
  /** How far behind the newest window others stay readable. Default and least: size + grace. */
  readonly retentionMs?: number
}

/** The same in sessions and sliding windows. */
export interface RecordWindowAggregateSpec extends KeyedAggregateSpec {
  readonly windows: RecordWindowSpec
  /** As of tumbling and hopping windows. */
  readonly watermarks: Watermarks
  /** How long what is closed stays readable. Default and least: as in Kafka Streams' stores. */
  readonly retentionMs?: number
}

/** A window without a key, first phase: partials per pane, first end and source partition. */
export interface GlobalAggregateSpec {
  readonly name: string
  readonly windows: WindowSpec
  readonly aggregators: Aggregators<never>
  /** Internal name of the one-partition repartition topic that carries partials and marks. */
  readonly topic: string
}

/**
 * The stores by which the topology connects these operators: `name` for keyed and windowed
 * aggregates and for the final phase of a global one, this for its first phase.
 */
export function partialsStore(name: string): string {
  return `${name}-partials`
}
