/**
 * Repartition topics as nodes that run: what writes to them, and the source behind them.
 *
 *     key-select ─▶ filter ─▶ sink ┊ n-repartition ┊ source ─▶ …
 */
import { PassThroughOperator } from '../../operators/pass-through.ts'
import {
  KeyedOnlyOperator,
  RepartitionSinkOperator,
  type RepartitionSpec,
} from '../../operators/repartition-sink.ts'
import type { Operator } from '../../processor/operator.ts'
import { readsInPlaceAs } from '../../serde/in-place.ts'
import { nullable } from '../../serde/nullable.ts'
import { bytes } from '../../serde/primitives.ts'
import type { Serde } from '../../serde/serde.ts'
import {
  both,
  type NodeBlueprint,
  neither,
  type OperatorBlueprint,
} from '../../topology/blueprint.ts'
import type { SourceTopicSpec, TimedAggregateSpec } from '../../topology/topology.ts'
import type { AnySerde, LogicalNode, Repartition, RepartitionNode } from '../graph.ts'

/** What an aggregate wants of the way to it. */
export interface Through {
  /** Its windows, if they close by the marks that come through the topic. */
  readonly timed?: TimedAggregateSpec | undefined
  /** What makes one of many records before they go through. */
  readonly combined?: Combining | undefined
}

export interface Combining {
  /** Of what goes through instead of the values. */
  readonly value: AnySerde
  create(spec: RepartitionSpec): Operator
}

/** An explicit repartition: the stream goes on from the source behind the topic. */
export function drawRepartition(
  { repartition }: RepartitionNode,
  parents: readonly string[]
): readonly NodeBlueprint[] {
  return drawThrough(repartition, parents)
}

/** Both ends of a repartition topic, behind what keeps out records without a key. */
export function drawThrough(
  repartition: Repartition,
  parents: readonly string[],
  { timed, combined }: Through = {}
): readonly NodeBlueprint[] {
  const { topic, keepsNullKeys = false } = repartition
  const filter: OperatorBlueprint = {
    kind: 'processor',
    name: `${topic}-repartition-filter`,
    operator: 'keyed-only',
    parents,
    topic: undefined,
    stores: [],
    aggregates: [],
    reads: { key: true, value: false },
    replaces: neither,
    create: () => (keepsNullKeys ? new PassThroughOperator() : new KeyedOnlyOperator()),
  }
  return [filter, ...drawEnds(repartition, [filter.name], { timed, combined })]
}

/** Both ends alone: all that comes has a key. */
export function drawEnds(
  repartition: Repartition,
  parents: readonly string[],
  { timed, combined }: Through = {}
): readonly NodeBlueprint[] {
  const { topic, key, keepsNullKeys = false, ends } = repartition
  const value = combined?.value ?? repartition.value
  const spec = Object.freeze({ topic, key, value, marksOf: timed?.name })
  const sink: OperatorBlueprint = {
    kind: 'sink',
    name: ends?.sink ?? `${topic}-repartition-sink`,
    operator: combined === undefined ? 'repartition' : 'combine',
    parents,
    topic,
    stores: [],
    aggregates: timed === undefined ? [] : [timed],
    reads: both,
    replaces: both,
    create: () => combined?.create(spec) ?? new RepartitionSinkOperator(spec),
  }
  // Markers have no key; and null is a value as any other on the way through.
  const keySerde = timed === undefined && !keepsNullKeys ? key : orNull(key)
  const source = internalSource(topic, sourceName(repartition), keySerde, orNull(value))
  return [sink, source]
}

export function sourceName({ topic, ends }: Repartition): string {
  return ends?.source ?? `${topic}-repartition-source`
}

export function internalSource(
  topic: string,
  name: string,
  key: AnySerde,
  value: AnySerde
): NodeBlueprint {
  const spec: SourceTopicSpec = {
    name: topic,
    internal: true,
    key,
    value,
    timestamp: undefined,
    keepsTimeOfNull: false,
    maxFutureMs: undefined,
    rejections: undefined,
  }
  return { kind: 'source', name, topics: [spec], reads: neither }
}

/**
 * Of our own messages, whose parts are views that may be kept. A copy each: a view of an answer of
 * the log would have its memory left to the garbage collector, a megabyte for a short message.
 */
export const plainBytes: Serde<Uint8Array> = Object.freeze({ ...bytes(), name: 'bytes in place' })
readsInPlaceAs(plainBytes, bytes())

/** Lets null through: a value as any other on the way. */
export function orNull<T>(serde: Serde<T>): AnySerde {
  const known = serde as AnySerde
  return known.deserializeNull === undefined ? (nullable(known) as AnySerde) : known
}

/** What a node's records go through on their way to it. */
export function throughOf(node: LogicalNode): readonly Repartition[] {
  if (node.kind === 'cogroup') return node.repartitions.flatMap((one) => one ?? [])
  const own = 'repartition' in node ? node.repartition : undefined
  return own === undefined ? [] : [own]
}
