/**
 * What the DSL builds and the runtime runs: sub-topologies of nodes, the topics between them, and
 * the stores they own. Immutable, and free of state: every task makes its own operators from it.
 */
import type { RestoredRecord } from '../../state/contract.ts'
import type { ErrorPolicy } from '../error-policy.ts'
import type { Operator } from '../processor/operator.ts'
import type { ReadableStore } from '../processor/readable.ts'
import type { RecordCursor } from '../record.ts'
import type { Serde } from '../serde/serde.ts'
import type { ClosingSpec } from '../windows/closings.ts'
import type { Optimize } from './optimizations.ts'

/** A topic that the topology reads or writes, by the name users know, before any prefix. */
export interface TopologyTopic {
  readonly name: string
  /** 'source' and 'sink' are the user's; the others get `<application>-<name>-<role>`. */
  readonly role: 'source' | 'sink' | 'repartition' | 'changelog'
  /**
   * Fixed number, or: as many as the greatest of these topics has; a changelog follows its
   * sub-topology.
   */
  readonly partitions: number | { readonly sameAs: readonly string[] } | undefined
  readonly config: Readonly<Record<string, string>>
  readonly create: boolean
}

export interface SourceNodeSpec {
  readonly kind: 'source'
  readonly name: string
  /** User topics by name; a repartition topic by its internal name. */
  readonly topics: readonly SourceTopicSpec[]
  readonly children: readonly string[]
  /** Static: whether any node behind it reads the key or value before replacing it. */
  readonly readsKey: boolean
  readonly readsValue: boolean
}

export interface SourceTopicSpec {
  readonly name: string
  readonly internal: boolean
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /**
   * Event time; without it the record's own timestamp. Anything but an integer ≥ 0 is rejected as
   * `no_timestamp`.
   */
  readonly timestamp: ((value: unknown, key: unknown) => number) | undefined
  /** Records without a value keep their own timestamp: rows of a table that are taken away. */
  readonly keepsTimeOfNull: boolean
  /** Records further ahead of the wall clock are rejected as `future`; undefined: no guard. */
  readonly maxFutureMs: number | undefined
  /** A counter, with label `reason`, of what this source rejects, beside the engine's own. */
  readonly rejections: string | undefined
  /** What happens to records that fail; without a word, see `ErrorOptions`. */
  readonly errors?: ErrorPolicy
}

export interface ProcessorNodeSpec {
  readonly kind: 'processor' | 'sink'
  readonly name: string
  /** 'filter', 'aggregate', …: for describe(), JSON and messages. */
  readonly operator: string
  /** For sinks: the topic, or undefined if a function chooses. */
  readonly topic: string | undefined
  readonly children: readonly string[]
  /** Those of the children that take what is late, and nothing else. */
  readonly lateChildren: readonly string[]
  readonly stores: readonly string[]
  /** Those that `describe()` tells of. */
  readonly told: readonly string[]
  create(): Operator
}

export type NodeSpec = SourceNodeSpec | ProcessorNodeSpec

export interface StoreSpec {
  readonly name: string
  readonly logged: boolean
  /** What its bytes mean, in one line: state of another layout is refused, not read. */
  readonly layout: string
  /** Changelog settings, Kafka's names. */
  readonly config: Readonly<Record<string, string>>
  /** Where it is restored from, if not from a changelog. */
  readonly origin?: StoreOrigin
}

/** A topic of the user that says all that a store holds. */
export interface StoreOrigin {
  readonly topic: string
  /** What a record of it makes of the store; undefined: nothing. */
  entryOf(record: RecordCursor): RestoredRecord | undefined
}

export interface StoreJson extends Omit<StoreSpec, 'origin'> {
  /** The topic. */
  readonly origin?: string
}

/** An aggregate whose mark is announced by the source tasks of a sub-topology. */
export type TimedAggregateSpec = ClosingSpec & {
  readonly name: string
  /** Null: off. */
  readonly idleMs: number | null
}

/** The same in its sub-topology. */
export type PlacedAggregateSpec = TimedAggregateSpec & {
  /** The source nodes that its records come from: the time of others does not concern it. */
  readonly sources: readonly string[]
}

export interface SubtopologySpec {
  readonly id: number
  /** In topological order, sources first. */
  readonly nodes: readonly NodeSpec[]
  readonly stores: readonly StoreSpec[]
  /** Of sub-topologies that read user topics: marks are kept in their offset metadata. */
  readonly aggregates: readonly PlacedAggregateSpec[]
}

export interface GlobalTableSpec {
  /** Of the store. */
  readonly name: string
  /** Of what would be its nodes. */
  readonly nodes: readonly [source: string, table: string]
  readonly topic: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  readonly timestamp: ((value: unknown, key: unknown) => number) | undefined
}

export interface InstrumentSpec {
  readonly kind: 'gauge' | 'counter'
  readonly name: string
  readonly help: string
  /** Gauges: fixed labels. Counters: the name of the one label. */
  readonly labels: Readonly<Record<string, string>>
  readonly label: string | undefined
}

export interface Topology {
  readonly subtopologies: readonly SubtopologySpec[]
  readonly topics: readonly TopologyTopic[]
  /** Topics, by short name, whose records are joined by key: they need equal partition counts. */
  readonly copartitions: readonly (readonly string[])[]
  /** Tables that every instance has whole. */
  readonly globals: readonly GlobalTableSpec[]
  /** Stores that can be read while the application runs. */
  readonly readable: readonly ReadableStore[]
  readonly instruments: readonly InstrumentSpec[]
  /**
   * The same with these optimizations, and no others: `topology.optimized('all')`. Throws a
   * TopologyError on one that is not known.
   */
  optimized(optimize: Optimize): Topology
  /** The text form of Kafka Streams. */
  describe(): string
  /**
   * What it means to go on with the state that the topology `before` wrote, most serious first.
   * `before` may also be what its `toJson()` gave.
   */
  compare(before: Topology | TopologyJson): readonly TopologyDifference[]
  toJson(): TopologyJson
  toMermaid(): string
}

export interface TopologyDifference {
  /** `incompatible`: what was written cannot be read any more, or would be read wrongly. */
  readonly severity: 'incompatible' | 'compatible'
  /** `store 'n'`, `global table 'n'`, `repartition topic 'n'`, `source topic 'n'`. */
  readonly subject: string
  /** What it was, what it is, and what follows from it. */
  readonly message: string
}

export interface SourceTopicJson {
  readonly name: string
  readonly internal: boolean
  /** Names of its serdes. */
  readonly key: string
  readonly value: string
  readonly maxFutureMs: number | null
}

export type NodeJson =
  | {
      readonly kind: 'source'
      readonly name: string
      readonly topics: readonly SourceTopicJson[]
      readonly readsKey: boolean
      readonly readsValue: boolean
      readonly children: readonly string[]
    }
  | {
      readonly kind: 'processor' | 'sink'
      readonly name: string
      readonly operator: string
      readonly topic: string | null
      readonly stores: readonly string[]
      readonly children: readonly string[]
    }

export interface SubtopologyJson {
  readonly id: number
  readonly nodes: readonly NodeJson[]
  readonly stores: readonly StoreJson[]
  readonly aggregates: readonly PlacedAggregateSpec[]
}

export interface GlobalTableJson {
  readonly name: string
  readonly topic: string
  /** Names of its serdes. */
  readonly key: string
  readonly value: string
}

/** JSON text keeps all of it. */
export interface TopologyJson {
  readonly subtopologies: readonly SubtopologyJson[]
  /** Absent in what earlier versions wrote. */
  readonly globals?: readonly GlobalTableJson[]
  readonly topics: readonly (Omit<TopologyTopic, 'partitions'> & {
    readonly partitions: number | { readonly sameAs: readonly string[] } | null
  })[]
  readonly instruments: readonly (Omit<InstrumentSpec, 'label'> & {
    readonly label: string | null
  })[]
}
