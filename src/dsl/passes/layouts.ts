/**
 * What the bytes of a store mean, as one line of text: where the line is another, bytes that were
 * written before are not to be read. What only functions know (selectors, conditions) is not in it.
 */
import type { Aggregators } from '../../aggregators/aggregator.ts'
import type { AggregationPlan } from '../../operators/specs.ts'
import type { AnyStoreHandle } from '../../processor/stores.ts'
import type { Serde } from '../../serde/serde.ts'
import { lengthOf, type RecordWindowSpec } from '../../windows/record-windows.ts'
import type { WindowSpec } from '../../windows/windows.ts'
import type {
  AggregateNode,
  CogroupNode,
  GlobalAggregateNode,
  RecordWindowAggregateNode,
  StoredNode,
  TableAggregateNode,
  TableNode,
} from '../graph.ts'

export function aggregateLayout(node: AggregateNode | TableAggregateNode): string {
  const kept = `${planLayout(node.plan)} by ${node.key.name}`
  if (node.kind !== 'aggregate' || node.windows === undefined) return kept
  return `${kept} in ${windowsLayout(node.windows)}${timeLayout(node)}`
}

/** Time is kept beside the rows, in a form of its own. */
function timeLayout({ windows, repartition }: AggregateNode | RecordWindowAggregateNode): string {
  if (windows === undefined || windows.idleMs === null) return ''
  return repartition === undefined ? ', by its own watermark' : ', by watermarks'
}

/** What goes through the repartition topic of an aggregate instead of records. */
export function combinedLayout({ plan, windows }: AggregateNode): string {
  const kept = `parts of ${planLayout(plan)}`
  return windows === undefined ? kept : `${kept} in ${windowsLayout(windows)}`
}

export function recordWindowLayout(node: RecordWindowAggregateNode): string {
  const { key, plan, windows } = node
  const shape = `${recordWindowsLayout(windows)}, ${windows.emission}`
  return `${planLayout(plan)} by ${key.name} in ${shape}${timeLayout(node)}`
}

export function cogroupLayout({ key, plan, windows, inputs }: CogroupNode): string {
  const kept = `${inputs.length} streams, ${planLayout(plan)} by ${key.name}`
  if (windows === undefined) return kept
  if (windows.shape === 'session' || windows.shape === 'sliding') {
    return `${kept} in ${recordWindowsLayout(windows)}`
  }
  return `${kept} in ${windowsLayout(windows)}`
}

/** Beside the windows: a list of the open ones, one of the closed ones, and how far those go. */
function recordWindowsLayout(windows: RecordWindowSpec): string {
  return `${windows.shape} windows of ${lengthOf(windows)} ms in two lists`
}

/** What was sent on follows from the mark, the grace and the emission: they are part of it. */
export function globalLayout({ aggregators, windows }: GlobalAggregateNode): string {
  const { graceMs } = windows
  const hasSets = Object.values(aggregators).some(({ kind }) => kind === 'distinct')
  const kept = `${aggregatorsLayout(aggregators)}${hasSets ? ', members in blocks,' : ''}`
  return `${kept} in ${windowsLayout(windows)}, grace ${graceMs} ms`
}

export function rowsLayout(node: TableNode | StoredNode): string {
  const { key, value } = node
  const isVersioned = node.kind === 'table' && node.historyMs !== undefined
  return `${isVersioned ? 'versions' : 'rows'}, ${value.name} by ${key.name}`
}

export function handleLayout({ kind, key, value, sizeMs }: AnyStoreHandle): string {
  const windows = sizeMs === undefined ? '' : ` in windows of ${sizeMs} ms`
  return `${kind} store, ${value.name} by ${key.name}${windows}`
}

function planLayout(plan: AggregationPlan): string {
  if (plan.kind === 'count') return 'count'
  return plan.kind === 'named' ? aggregatorsLayout(plan.aggregators) : plan.serde.name
}

function windowsLayout(windows: WindowSpec): string {
  const { shape, sizeMs, advanceMs, calendar, startMs, emission } = windows
  if (startMs !== undefined) return `one window from ${startMs} on, ${emission}`
  if (calendar !== undefined) {
    const { unit, timeZone, weekStart } = calendar
    const units = unit === 'week' ? `weeks from ${weekStart} on` : `${unit}s`
    return `${units} in ${timeZone}, ${emission}`
  }
  const advance = advanceMs === sizeMs ? '' : ` every ${advanceMs} ms`
  return `${shape} windows of ${sizeMs} ms${advance}, ${emission}`
}

function aggregatorsLayout(aggregators: Aggregators<never>): string {
  const fields = Object.entries(aggregators).map(([name, { kind, args }]) => {
    const parts = args.map(argumentLayout).filter((part) => part !== '')
    return `${name}: ${kind}${parts.length === 0 ? '' : `(${parts.join(', ')})`}`
  })
  return `{ ${fields.join(', ')} }`
}

/** Functions and ranks do not show in bytes; serdes and options do, and of a zero its type. */
function argumentLayout(argument: unknown): string {
  if (typeof argument === 'bigint') return 'bigint'
  if (Array.isArray(argument)) return ''
  if (typeof argument !== 'object' || argument === null) {
    return typeof argument === 'function' || argument == null ? '' : String(argument)
  }
  if (isSerde(argument)) return argument.name
  return Object.entries(argument)
    .filter(([name, value]) => name !== 'kind' && argumentLayout(value) !== '')
    .map(([name, value]) => `${name}: ${argumentLayout(value)}`)
    .join(', ')
}

function isSerde(value: object): value is Serde<unknown> {
  return 'serialize' in value && 'name' in value && typeof value.name === 'string'
}
