/**
 * Where the records of groupings got their keys, and which groupings may therefore go through one
 * repartition topic.
 *
 *     key-select ─┬▶ filter ─┬▶ a        a, b and c come from key-select
 *                 │          └▶ b
 *                 └▶ c
 *     map-values ─┬▶ d                   d and e share nothing, as in Kafka Streams
 *                 └▶ e
 */
import type { LogicalNode, Repartition, StatelessOperator } from '../graph.ts'
import { inputOf } from './table-plan.ts'

export type Grouped = Extract<
  LogicalNode,
  { kind: 'aggregate' | 'record-window-aggregate' | 'table' }
> & {
  readonly repartition: Repartition
}

/** Groupings behind one node, and what is between: all of it moves behind one topic. */
export interface Sharing {
  readonly origin: LogicalNode
  readonly repartition: Repartition
  readonly members: ReadonlySet<LogicalNode>
}

/** Of each node that moves, what it moves with. */
export function sharingsOf(nodes: readonly LogicalNode[]): ReadonlyMap<LogicalNode, Sharing> {
  const listeners = listenersOf(nodes)
  const found = new Map<LogicalNode, Sharing>()
  const ways = nodes.filter(mayShare).flatMap((grouped) => wayOf(grouped, listeners) ?? [])
  for (const way of ways) {
    if (found.has(way.grouped)) continue
    const together = ways.filter(
      (other) => other.origin === way.origin && areAlike(other.grouped, way.grouped)
    )
    if (together.length === 1) continue
    const before = commonOf(together)
    const origin = before.at(-1) ?? way.origin
    const moving = together.flatMap(({ grouped, path }) => [...path.slice(before.length), grouped])
    const members = new Set(moving)
    const sharing = { origin, repartition: way.grouped.repartition, members }
    for (const member of members) found.set(member, sharing)
  }
  return found
}

/** What all of them come through stays before the topic; a split only with its branch. */
function commonOf(ways: readonly Way[]): readonly LogicalNode[] {
  const [first = [], ...others] = ways.map(({ path }) => path)
  const common = first.filter((node, index) => others.every((path) => path[index] === node))
  return common.slice(0, common.findLastIndex(({ kind }) => kind !== 'split') + 1)
}

/** Whether a grouping has a topic of its own that any other one could read as well. */
export function mayShare(node: LogicalNode): node is Grouped {
  switch (node.kind) {
    case 'aggregate':
      return node.repartition !== undefined && node.windows?.idleMs == null
    case 'record-window-aggregate':
    case 'table':
      return node.repartition !== undefined
    default:
      return false
  }
}

interface Way {
  readonly grouped: Grouped
  readonly origin: LogicalNode
  /** From the origin on, both ends left out. */
  readonly path: readonly LogicalNode[]
}

type Listeners = ReadonlyMap<LogicalNode, readonly LogicalNode[]>

function listenersOf(nodes: readonly LogicalNode[]): Listeners {
  const listeners = new Map<LogicalNode, LogicalNode[]>(nodes.map((node) => [node, []]))
  for (const node of nodes) for (const input of node.inputs) listeners.get(input)?.push(node)
  return listeners
}

/** Undefined: its records are made by a node that no other topic may stand behind. */
function wayOf(grouped: Grouped, listeners: Listeners): Way | undefined {
  const path: LogicalNode[] = []
  let origin = inputOf(grouped)
  while (passesRecords(origin) && areAllAlike(groupingsBehind(origin, listeners), grouped)) {
    path.unshift(origin)
    origin = inputOf(origin)
  }
  // A split hands its records to branches, and to nothing else.
  if (origin.kind === 'split') origin = path.shift() ?? origin
  return mayBeBehind(origin) ? { grouped, origin, path } : undefined
}

/** All that listens to a node, through others that pass its records; undefined: not only that. */
function groupingsBehind(node: LogicalNode, listeners: Listeners): readonly Grouped[] | undefined {
  const found: Grouped[] = []
  for (const listener of listeners.get(node) ?? []) {
    const behind = mayShare(listener)
      ? [listener]
      : passesRecords(listener)
        ? groupingsBehind(listener, listeners)
        : undefined
    if (behind === undefined) return undefined
    found.push(...behind)
  }
  return found
}

function areAllAlike(groupings: readonly Grouped[] | undefined, one: Grouped): boolean {
  return groupings?.every((other) => areAlike(other, one)) ?? false
}

function areAlike({ repartition: one }: Grouped, { repartition: other }: Grouped): boolean {
  return one.key === other.key && one.value === other.value
}

/** Keys and values come out as they came in. */
function passesRecords(node: LogicalNode): boolean {
  if (node.kind === 'split' || node.kind === 'branch') return true
  const operators: readonly string[] = ['filter', 'filter-not', 'peek']
  return node.kind === 'stateless' && operators.includes(node.operator)
}

function mayBeBehind(origin: LogicalNode): boolean {
  let maker = origin
  while (passesRecords(maker)) maker = inputOf(maker)
  return changeOf(maker) !== 'value' && (maker.kind !== 'merge' || changesKeyFirst(maker))
}

/** Of the changes on the way to a merge, as Kafka Streams finds them, the first is of the key. */
function changesKeyFirst(merge: LogicalNode): boolean {
  const change = nearest(merge, (node) => changeOf(node) !== undefined)
  return change !== undefined && change === nearest(merge, (node) => changeOf(node) === 'key')
}

function nearest(
  node: LogicalNode,
  matches: (node: LogicalNode) => boolean
): LogicalNode | undefined {
  let found: LogicalNode | undefined
  for (const input of node.inputs) {
    if (matches(input)) return input
    found = nearest(input, matches)
  }
  return found
}

function changeOf(node: LogicalNode): 'key' | 'value' | undefined {
  if (node.kind === 'process') return node.keepsKey ? 'value' : 'key'
  if (node.kind === 'map-async') return 'value'
  return node.kind === 'stateless' ? changes[node.operator] : undefined
}

const changes: Partial<Record<StatelessOperator, 'key' | 'value'>> = {
  map: 'key',
  'flat-map': 'key',
  'select-key': 'key',
  'map-values': 'value',
  'flat-map-values': 'value',
}
