/**
 * What the DSL builds and the runtime runs: sub-topologies of nodes, the topics between them, and
 * the stores they own. Immutable, and free of state: every task makes its own operators from it.
 */
import type { Operator } from '../processor/operator.ts'
import type { Serde } from '../serde/serde.ts'

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
  /** Records further ahead of the wall clock are rejected as `future`; undefined: no guard. */
  readonly maxFutureMs: number | undefined
  /** A counter, with label `reason`, of what this source rejects, beside the engine's own. */
  readonly rejections: string | undefined
}

export interface ProcessorNodeSpec {
  readonly kind: 'processor' | 'sink'
  readonly name: string
  /** 'filter', 'aggregate', …: for describe(), JSON and messages. */
  readonly operator: string
  /** For sinks: the topic, or undefined if a function chooses. */
  readonly topic: string | undefined
  readonly children: readonly string[]
  readonly stores: readonly string[]
  create(): Operator
}

export type NodeSpec = SourceNodeSpec | ProcessorNodeSpec

export interface StoreSpec {
  readonly name: string
  readonly logged: boolean
  /** Changelog settings, Kafka's names. */
  readonly config: Readonly<Record<string, string>>
}

/** An aggregate whose mark is announced by the source tasks of a sub-topology. */
export interface TimedAggregateSpec {
  readonly name: string
  readonly sizeMs: number
  readonly advanceMs: number
  readonly graceMs: number
  /** Null: off. */
  readonly idleMs: number | null
}

export interface SubtopologySpec {
  readonly id: number
  /** In topological order, sources first. */
  readonly nodes: readonly NodeSpec[]
  readonly stores: readonly StoreSpec[]
  /** Of sub-topologies that read user topics: marks are kept in their offset metadata. */
  readonly aggregates: readonly TimedAggregateSpec[]
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
  readonly instruments: readonly InstrumentSpec[]
  /** The text form of Kafka Streams. */
  describe(): string
  toJson(): unknown
  toMermaid(): string
}
