/** What the DSL hands over to be built: nodes that know their parents, topics, instruments. */
import type { Operator } from '../processor/operator.ts'
import type { ReadableStore } from '../processor/readable.ts'
import type {
  GlobalTableSpec,
  InstrumentSpec,
  SourceTopicSpec,
  StoreSpec,
  TimedAggregateSpec,
} from './topology.ts'

/** Which half of a record is meant. */
export interface Halves {
  readonly key: boolean
  readonly value: boolean
}

export const neither: Halves = Object.freeze({ key: false, value: false })
export const both: Halves = Object.freeze({ key: true, value: true })

export interface SourceBlueprint {
  readonly kind: 'source'
  readonly name: string
  readonly topics: readonly SourceTopicSpec[]
  /** What its own timestamp functions read. */
  readonly reads: Halves
}

export interface OperatorBlueprint {
  readonly kind: 'processor' | 'sink'
  readonly name: string
  readonly operator: string
  /** Earlier nodes, in the order in which they were connected. */
  readonly parents: readonly string[]
  /** Whether it takes of its parents what is late, and nothing else. */
  readonly takesLate?: boolean
  /** The topic it writes to, if it is one: internal ones by their short name. */
  readonly topic: string | undefined
  /** Nodes that share a store come to run in one sub-topology. */
  readonly stores: readonly StoreSpec[]
  /** Those that `describe()` tells of, where others than Kafka Streams' nodes open them. */
  readonly told?: readonly string[]
  /** Aggregates whose marks this node announces. */
  readonly aggregates: readonly TimedAggregateSpec[]
  /** What it reads of a record before it puts another in its place. */
  readonly reads: Halves
  readonly replaces: Halves
  create(): Operator
}

export type NodeBlueprint = SourceBlueprint | OperatorBlueprint

/** A topic of the user, read or written. */
export interface UserTopic {
  readonly name: string
  readonly partitions: number | undefined
  readonly config: Readonly<Record<string, string>>
  readonly create: boolean
}

/** A repartition topic; without a number it has as many partitions as its writers have tasks. */
export interface RepartitionTopic {
  readonly name: string
  /** Also: as many as the greatest of these topics has. */
  readonly partitions: number | { readonly sameAs: readonly string[] } | undefined
}

export interface Blueprint {
  /** Parents before children. */
  readonly nodes: readonly NodeBlueprint[]
  readonly sources: readonly UserTopic[]
  readonly sinks: readonly UserTopic[]
  readonly repartitions: readonly RepartitionTopic[]
  /** Topics, by short name, that must have as many partitions as each other. */
  readonly copartitions?: readonly (readonly string[])[]
  readonly globals?: readonly GlobalTableSpec[]
  readonly readable?: readonly ReadableStore[]
  readonly instruments: readonly InstrumentSpec[]
}
