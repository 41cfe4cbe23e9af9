/**
 * Joins with tables as nodes that run.
 *
 *     left  ─▶ this  ─┐
 *                     ├─▶ n              each side reads the rows of the other
 *     right ─▶ other ─┘
 *     stream ─▶ join                     reads the rows of the table; the table sends it nothing
 */
import {
  BufferedTableJoinOperator,
  type BufferedTableJoinSpec,
} from '../../operators/buffered-table-join.ts'
import type { Callback } from '../../operators/filter.ts'
import { PassThroughOperator } from '../../operators/pass-through.ts'
import {
  StreamGlobalJoinOperator,
  type StreamGlobalJoinSpec,
} from '../../operators/stream-global-join.ts'
import { StreamTableJoinOperator } from '../../operators/stream-table-join.ts'
import { TableJoinOperator } from '../../operators/table-join.ts'
import type { Joiner, TableView } from '../../operators/table-view.ts'
import type { Operator } from '../../processor/operator.ts'
import {
  both,
  type NodeBlueprint,
  neither,
  type OperatorBlueprint,
} from '../../topology/blueprint.ts'
import { changelogConfig } from '../../topology/internal-topics.ts'
import type { GlobalTableSpec, StoreSpec } from '../../topology/topology.ts'
import type {
  GlobalTableNode,
  StreamGlobalJoinNode,
  StreamTableJoinNode,
  TableJoinNode,
} from '../graph.ts'
import { fault } from './faults.ts'
import { inputOf, type TablePlan } from './table-plan.ts'

export function drawTableJoin(
  node: TableJoinNode,
  parents: readonly string[],
  tables: TablePlan
): readonly NodeBlueprint[] {
  const { name, how } = node
  const joiner = node.joiner as Joiner
  const side = (index: 0 | 1): OperatorBlueprint => {
    const other = tables.viewOf(inputOf(node, 1 - index))
    const isLeft = index === 0
    const spec = Object.freeze({
      side: isLeft ? ('left' as const) : ('right' as const),
      isEnough: how === 'outer' || (how === 'left' && isLeft),
      isOtherEnough: how === 'outer' || (how === 'left' && !isLeft),
      other,
      joiner,
      tellsOld: tables.tellsOld(node),
      isVersioned: tables.isVersioned(inputOf(node, index)),
    })
    const create = (): Operator => new TableJoinOperator(spec)
    return joining(node.sides[index], [parents[index] as string], tables.storesOf(other), create)
  }
  const sides = [side(0), side(1)]
  const merge: OperatorBlueprint = {
    ...joining(
      name,
      sides.map((one) => one.name),
      [],
      () => new PassThroughOperator()
    ),
    operator: 'merge',
    reads: neither,
    replaces: neither,
  }
  return [...sides, merge]
}

export function drawStreamTableJoin(
  node: StreamTableJoinNode,
  [stream]: readonly string[],
  tables: TablePlan
): NodeBlueprint {
  const { name, buffer } = node
  const table: TableView = tables.viewOf(inputOf(node, 1))
  const spec = Object.freeze({
    isLeft: node.how === 'left',
    table,
    joiner: node.joiner as Joiner,
  })
  const stores = tables.storesOf(table)
  if (buffer === undefined) {
    return joining(name, [stream as string], stores, () => new StreamTableJoinOperator(spec))
  }
  const { durable, graceMs, key, value } = buffer
  const historyMs = tables.historyMsOf(inputOf(node, 1))
  if (historyMs === undefined) {
    throw fault(
      'graceUnversioned',
      `Join '${durable}' waits for rows that come late, but its table knows no past: declare it ` +
        "as table(topic, 'name', { versioned: { history: '1h' } }), or leave out the grace."
    )
  }
  if (historyMs < graceMs) {
    throw fault(
      'graceUnversioned',
      `Join '${durable}' has records wait for ${graceMs} ms, but its table knows its rows for ` +
        `${historyMs} ms: they would meet rows that are forgotten. Keep a longer history.`
    )
  }
  const buffered: BufferedTableJoinSpec = { ...spec, store: durable, graceMs, key, value }
  const layout = `records by time, ${value.name} by ${key.name}`
  const store: StoreSpec = { name: durable, logged: true, layout, config: changelogConfig }
  const create = (): Operator => new BufferedTableJoinOperator(buffered)
  return joining(name, [stream as string], [...stores, store], create)
}

function joining(
  name: string,
  parents: readonly string[],
  stores: readonly StoreSpec[],
  create: () => Operator
): OperatorBlueprint {
  const rest = { topic: undefined, stores, aggregates: [], reads: both, replaces: both, create }
  return { kind: 'processor', name, operator: 'join', parents, ...rest }
}

export function drawGlobalJoin(
  node: StreamGlobalJoinNode,
  parents: readonly string[]
): NodeBlueprint {
  const spec: StreamGlobalJoinSpec = Object.freeze({
    isLeft: node.how === 'left',
    table: node.durable,
    select: node.fn as Callback<unknown>,
    joiner: node.joiner as Joiner,
  })
  const join = joining(node.name, parents, [], () => new StreamGlobalJoinOperator(spec))
  return { ...join, replaces: { key: false, value: true } }
}

export function globalTable(node: GlobalTableNode): GlobalTableSpec {
  const { durable: name, topic, source } = node
  const { key, value, timestamp } = topic
  const nodes = Object.freeze([source, node.name] as const)
  return Object.freeze({ name, nodes, topic: topic.name, key, value, timestamp })
}
