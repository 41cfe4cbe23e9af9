/**
 * Stream–stream joins as nodes that run, named as Kafka Streams names them:
 *
 *     left ──▶ n-this-windowed ──▶ n-this-join ───┐
 *                                                 ├─▶ n-merge: buffers, look-up, unmatched rows
 *     right ─▶ n-other-windowed ─▶ n-other-join ──┘
 *
 * A stream that is joined with itself and optimized goes straight to n-merge, over one buffer.
 */
import { PassThroughOperator } from '../../operators/pass-through.ts'
import { SelfJoinOperator } from '../../operators/self-join.ts'
import type { Joiner, StreamJoinSpec } from '../../operators/stream-join.ts'
import { JoinSideOperator, StreamJoinOperator } from '../../operators/stream-join.ts'
import type { Side } from '../../operators/unmatched-rows.ts'
import type { Operator } from '../../processor/operator.ts'
import {
  both,
  type NodeBlueprint,
  neither,
  type OperatorBlueprint,
} from '../../topology/blueprint.ts'
import { changelogConfig } from '../../topology/internal-topics.ts'
import type { StoreSpec } from '../../topology/topology.ts'
import type { StreamJoinNode, StreamTableJoinNode } from '../graph.ts'
import { fault } from './faults.ts'

/** Names of the stores a join keeps, by Kafka Streams' pattern. */
export function joinStores({ durable, how }: StreamJoinNode): StreamJoinSpec['buffers'] & {
  readonly unmatched: string | undefined
} {
  const outer = { left: how === 'outer' ? 'outer-' : '', right: how === 'inner' ? '' : 'outer-' }
  return {
    left: `${durable}-${outer.left}this-join-store`,
    right: `${durable}-${outer.right}other-join-store`,
    unmatched: how === 'inner' ? undefined : `${durable}-${how}-shared-join-store`,
  }
}

export function checkStreamJoin({ durable, strays }: StreamJoinNode): void {
  const [side] = strays
  if (side === undefined) return
  throw fault(
    'keyChanged',
    `The key of the ${side} stream has changed before join '${durable}': its records are not ` +
      `where those of the other side are. Call repartition('${durable}-${side}') before the join.`
  )
}

export function checkStreamTableJoin(node: StreamTableJoinNode): void {
  if (!node.isStray) return
  const name = node.buffer?.durable ?? 'by-key'
  throw fault(
    'keyChanged',
    `The key of the stream has changed before it is joined with a table in ${node.name}: its ` +
      `records are not where the rows are. Call repartition('${name}') before the join.`
  )
}

export function drawStreamJoin(
  node: StreamJoinNode,
  parents: readonly string[]
): readonly NodeBlueprint[] {
  const { name, durable, isMerged, how, window, key, left, right } = node
  const { unmatched, ...buffers } = joinStores(node)
  const spec: StreamJoinSpec = Object.freeze({
    how,
    window,
    key,
    values: { left, right },
    joiner: node.joiner as Joiner,
    buffers,
    unmatched,
  })
  const [first, second = first] = parents as readonly [string, string?]
  if (isMerged) {
    const create = (): Operator => new PassThroughOperator()
    const windowed = { ...drawn(`${durable}-this-windowed`, [first], create), told: [buffers.left] }
    const stores = storesOf(node, [buffers.left])
    const join = drawn(name, [windowed.name], () => new SelfJoinOperator(spec))
    return [windowed, { ...join, operator: 'self-join', stores, reads: both, replaces: both }]
  }
  const stores = storesOf(node, Object.values(joinStores(node)))
  const sides = [drawSide(node, 'left', first), drawSide(node, 'right', second)]
  const ends = sides.flatMap(([, { name: end }]) => end)
  const join = drawn(name, ends, () => new StreamJoinOperator(spec))
  const rest = { operator: `${how}-join`, stores, told: [], reads: both, replaces: both }
  return [...sides.flat(), { ...join, ...rest }]
}

/** The last node has the stores: those before it are told of as in Kafka Streams. */
function drawSide(
  node: StreamJoinNode,
  side: Side,
  parent: string
): readonly [OperatorBlueprint, OperatorBlueprint] {
  const { left, right, unmatched } = joinStores(node)
  const [own, other] = side === 'left' ? [left, right] : [right, left]
  const pass = (): Operator => new PassThroughOperator()
  const prefix = `${node.durable}-${side === 'left' ? 'this' : 'other'}`
  const windowed = drawn(`${prefix}-windowed`, [parent], pass)
  const name = own.replace(/-store$/, '')
  const join = drawn(name, [windowed.name], () => new JoinSideOperator(side))
  const read = unmatched === undefined ? [other] : [unmatched, other]
  return [
    { ...windowed, told: [own] },
    { ...join, told: read },
  ]
}

function drawn(
  name: string,
  parents: readonly string[],
  create: () => Operator
): OperatorBlueprint {
  const rest = { topic: undefined, stores: [], aggregates: [], reads: neither, replaces: neither }
  return { kind: 'processor', name, operator: 'join-side', parents, ...rest, create }
}

function storesOf(
  { key, left, right }: StreamJoinNode,
  names: readonly (string | undefined)[]
): readonly StoreSpec[] {
  const layout = `records of a join, ${left.name} and ${right.name} by ${key.name}`
  return names.flatMap((name) =>
    name === undefined ? [] : [{ name, logged: true, layout, config: changelogConfig }]
  )
}
