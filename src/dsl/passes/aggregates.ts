/**
 * Aggregates as nodes that run: those by key behind their repartition topic if they need one,
 *
 *     key-select ─▶ filter ─▶ sink ┊ n-repartition ┊ source ─▶ aggregate
 *
 * those without a key in two phases around a topic of one partition:
 *
 *     source ─▶ n-partial ┊ n-repartition ┊ source ─▶ n-final
 */
import { makeAggregation } from '../../operators/aggregation.ts'
import { combinedSerde } from '../../operators/combined.ts'
import { CombiningSinkOperator } from '../../operators/combining-sink.ts'
import { GlobalFinalOperator } from '../../operators/global-final.ts'
import { GlobalPartialOperator } from '../../operators/global-partial.ts'
import { KeyedAggregateOperator } from '../../operators/keyed-aggregate.ts'
import {
  type GlobalAggregateSpec,
  type KeyedAggregateSpec,
  partialsStore,
  type WindowedAggregateSpec,
} from '../../operators/specs.ts'
import { WindowedAggregateOperator } from '../../operators/windowed-aggregate.ts'
import { both, type NodeBlueprint, type OperatorBlueprint } from '../../topology/blueprint.ts'
import { changelogConfig, windowedChangelogConfig } from '../../topology/internal-topics.ts'
import type { StoreSpec, TimedAggregateSpec } from '../../topology/topology.ts'
import type { WindowSpec } from '../../windows/windows.ts'
import type { AggregateNode, AnySerde, GlobalAggregateNode } from '../graph.ts'
import { aggregateLayout, combinedLayout, globalLayout } from './layouts.ts'
import { readByPlan, readsValue } from './operators.ts'
import {
  type Combining,
  drawThrough,
  internalSource,
  orNull,
  plainBytes,
  sourceName,
} from './repartitions.ts'

export function drawAggregate(
  node: AggregateNode,
  parents: readonly string[]
): readonly NodeBlueprint[] {
  const { name, durable, plan, repartition, windows } = node
  const byMarks = windows !== undefined && windows.idleMs !== null
  const timed = byMarks ? timedBy(durable, windows) : undefined
  const combined = combiningOf(node)
  const through =
    repartition === undefined ? [] : drawThrough(repartition, parents, { timed, combined })
  const create = creatorOf(node)
  return [
    ...through,
    {
      kind: 'processor',
      name,
      operator: plan.kind === 'reduce' || plan.kind === 'count' ? plan.kind : 'aggregate',
      parents: repartition === undefined ? parents : [sourceName(repartition)],
      topic: undefined,
      stores: [storeOf(node)],
      aggregates: repartition === undefined && timed !== undefined ? [timed] : [],
      reads: node.isCombined === true ? both : readByPlan(plan),
      replaces: both,
      create,
    },
  ]
}

/** The half of a combined aggregate that is before its repartition topic. */
function combiningOf(node: AggregateNode): Combining | undefined {
  const { durable: name, plan, windows, isCombined = false } = node
  if (!isCombined) return undefined
  const aggregation = makeAggregation(name, plan)
  const value = combinedSerde(combinedLayout(node), aggregation, windows !== undefined)
  const create: Combining['create'] = (spec) =>
    new CombiningSinkOperator({ ...spec, name, plan, windows })
  return { value: value as AnySerde, create }
}

function creatorOf(node: AggregateNode): OperatorBlueprint['create'] {
  const { durable: name, key, plan, logged, windows, retentionMs, repartition } = node
  const { isCombined = false } = node
  const keyed: KeyedAggregateSpec = Object.freeze({ name, key, plan, logged, isCombined })
  if (windows === undefined) return () => new KeyedAggregateOperator(keyed)
  const behind = repartition === undefined ? 'own' : { topic: repartition.topic }
  const watermarks = windows.idleMs === null ? null : behind
  const kept = retentionMs === undefined ? {} : { retentionMs }
  const spec: WindowedAggregateSpec = Object.freeze({ ...keyed, windows, watermarks, ...kept })
  return () => new WindowedAggregateOperator(spec)
}

function storeOf(node: AggregateNode): StoreSpec {
  const { durable: name, logged, windows, retentionMs = 0 } = node
  // By watermark a silent partition may hold windows open for any time: age must not take them.
  const keptMs =
    windows === undefined || windows.idleMs !== null
      ? Number.POSITIVE_INFINITY
      : Math.max(windows.sizeMs + windows.graceMs, retentionMs)
  const config = Number.isFinite(keptMs) ? windowedChangelogConfig(keptMs) : changelogConfig
  return { name, logged, layout: aggregateLayout(node), config }
}

export function drawGlobalAggregate(
  node: GlobalAggregateNode,
  parents: readonly string[]
): readonly NodeBlueprint[] {
  const { durable: name, windows, aggregators } = node
  const layout = globalLayout(node)
  const spec: GlobalAggregateSpec = Object.freeze({ name, windows, aggregators, topic: name })
  const partial: OperatorBlueprint = {
    kind: 'sink',
    name: partialNode(node),
    operator: 'partial',
    parents,
    topic: name,
    stores: [{ name: partialsStore(name), logged: true, layout, config: changelogConfig }],
    aggregates: [timedBy(name, windows)],
    reads: { key: false, value: readsValue(aggregators) },
    replaces: both,
    create: () => new GlobalPartialOperator(spec),
  }
  const sourceOf = `${name}-repartition-source`
  const source = internalSource(name, sourceOf, orNull(plainBytes), plainBytes as AnySerde)
  const final: OperatorBlueprint = {
    kind: 'processor',
    name,
    operator: 'final',
    parents: [sourceOf],
    topic: undefined,
    stores: [{ name, logged: true, layout, config: changelogConfig }],
    aggregates: [],
    reads: { key: false, value: true },
    replaces: both,
    create: () => new GlobalFinalOperator(spec),
  }
  return [partial, source, final]
}

/** The node of the first phase. */
export function partialNode({ durable }: GlobalAggregateNode): string {
  return `${durable}-partial`
}

function timedBy(name: string, windows: WindowSpec): TimedAggregateSpec {
  const { sizeMs, advanceMs, graceMs, idleMs, calendar } = windows
  const kept = calendar === undefined ? {} : { calendar }
  return { name, sizeMs, advanceMs, ...kept, graceMs, idleMs }
}
