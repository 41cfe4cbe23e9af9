/** Aggregates in sessions and sliding windows, behind their repartition topic if they need one. */
import { SessionAggregateOperator } from '../../operators/session-aggregate.ts'
import { SlidingAggregateOperator } from '../../operators/sliding-aggregate.ts'
import type { RecordWindowAggregateSpec } from '../../operators/specs.ts'
import type { Operator } from '../../processor/operator.ts'
import { both, type NodeBlueprint } from '../../topology/blueprint.ts'
import { changelogConfig } from '../../topology/internal-topics.ts'
import type { TimedAggregateSpec } from '../../topology/topology.ts'
import { lengthOf } from '../../windows/record-windows.ts'
import type { RecordWindowAggregateNode } from '../graph.ts'
import { recordWindowLayout } from './layouts.ts'
import { readByPlan } from './operators.ts'
import { drawThrough, sourceName } from './repartitions.ts'

export function drawRecordWindowAggregate(
  node: RecordWindowAggregateNode,
  parents: readonly string[]
): readonly NodeBlueprint[] {
  const { name, durable, plan, repartition, logged } = node
  const timed = timedBy(node)
  const through = repartition === undefined ? [] : drawThrough(repartition, parents, { timed })
  const layout = recordWindowLayout(node)
  return [
    ...through,
    {
      kind: 'processor',
      name,
      operator: plan.kind === 'reduce' || plan.kind === 'count' ? plan.kind : 'aggregate',
      parents: repartition === undefined ? parents : [sourceName(repartition)],
      topic: undefined,
      // By tombstones alone: a quiet stream may keep windows open for any time.
      stores: [{ name: durable, logged, layout, config: changelogConfig }],
      aggregates: repartition === undefined && timed !== undefined ? [timed] : [],
      reads: readByPlan(plan),
      replaces: both,
      create: () => createOf(node),
    },
  ]
}

/** Undefined: they close by the greatest timestamp, and nobody need tell of it. */
function timedBy({ durable, windows }: RecordWindowAggregateNode): TimedAggregateSpec | undefined {
  const { idleMs, graceMs } = windows
  if (idleMs === null) return undefined
  return { name: durable, reachMs: 2 * lengthOf(windows) + graceMs, idleMs }
}

function createOf(node: RecordWindowAggregateNode): Operator {
  const { durable: name, key, plan, logged, windows, retentionMs, repartition } = node
  const kept = retentionMs === undefined ? {} : { retentionMs }
  const behind = repartition === undefined ? 'own' : { topic: repartition.topic }
  const watermarks: RecordWindowAggregateSpec['watermarks'] =
    windows.idleMs === null ? null : behind
  const spec = Object.freeze({ name, key, plan, logged, watermarks, ...kept })
  return windows.shape === 'session'
    ? new SessionAggregateOperator({ ...spec, windows })
    : new SlidingAggregateOperator({ ...spec, windows })
}
