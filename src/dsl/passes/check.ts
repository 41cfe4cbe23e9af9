/** What types cannot say, or plain JavaScript got past them: refused before anything runs. */
import { isDeepStrictEqual } from 'node:util'
import type { Aggregators } from '../../aggregators/aggregator.ts'
import type { WindowSpec } from '../../windows/windows.ts'
import type {
  AggregateNode,
  CogroupNode,
  GlobalAggregateNode,
  LogicalNode,
  RecordWindowAggregateNode,
} from '../graph.ts'
import { fault } from './faults.ts'
import { checkStreamJoin, checkStreamTableJoin } from './joins.ts'
import { checkNames } from './names.ts'

/** Throws a TopologyError at the first fault. */
export function checkGraph(nodes: readonly LogicalNode[]): void {
  if (nodes.every(({ kind }) => kind === 'source')) {
    throw fault(
      'empty',
      'The topology does nothing: call stream(topic) on the builder, and an operator on the stream.'
    )
  }
  checkNames(nodes)
  for (const node of nodes) {
    if (node.kind === 'aggregate') checkAggregate(node)
    if (node.kind === 'global-aggregate') checkGlobal(node)
    if (node.kind === 'stream-join') checkStreamJoin(node)
    if (node.kind === 'cogroup') checkCogroup(node)
    if (node.kind === 'record-window-aggregate') checkRecordWindows(node)
    if (node.kind === 'stream-table-join') checkStreamTableJoin(node)
  }
}

function checkAggregate({ durable, plan, windows }: AggregateNode): void {
  if (windows !== undefined) {
    checkWindows(durable, windows)
    if (windows.emptyWindows) {
      throw fault(
        'emptyWindows',
        `The windows of '${durable}' have keys, and an empty one has no key to appear under: ` +
          'drop emptyWindows, or drop the grouping.'
      )
    }
  }
  if (plan.kind === 'steps') checkState(durable, plan.init, plan.serde)
}

function checkGlobal({ durable, windows, aggregators }: GlobalAggregateNode): void {
  if (windows.shape === 'unlimited') {
    throw fault('windowInvalid', `The window of '${durable}' never ends: group it by a key.`)
  }
  checkWindows(durable, windows)
  checkMerges(`The windows of '${durable}' have no key: their partial results`, aggregators)
}

function checkCogroup({ durable, plan, windows, inputs }: CogroupNode): void {
  if (plan.kind === 'steps') checkState(durable, plan.init, plan.serde)
  if (windows !== undefined && 'sizeMs' in windows) checkWindows(durable, windows)
  if (windows !== undefined && windows.idleMs !== null) {
    throw fault(
      'windowInvalid',
      `The windows of '${durable}' wait for the slowest of several streams, and do not close in ` +
        'silence: drop idle.'
    )
  }
  if (windows?.shape === 'session' && plan.kind === 'named') {
    checkMerges(`A record may make one of two sessions of '${durable}', which`, plan.aggregators)
  }
  if (new Set(inputs).size === inputs.length) return
  throw fault(
    'cogroupTwice',
    `'${durable}' takes the same stream twice: let one step do what both do.`
  )
}

function checkRecordWindows({ durable, plan, windows }: RecordWindowAggregateNode): void {
  if (plan.kind === 'steps') checkState(durable, plan.init, plan.serde)
  if (windows.shape === 'sliding') return
  const what = `A record may make one of two sessions of '${durable}', which`
  if (plan.kind === 'named') checkMerges(what, plan.aggregators)
  if (plan.kind !== 'steps' || plan.merge !== undefined) return
  throw fault('cannotMerge', `${what} are merged: give aggregate a merge function, after the step.`)
}

function checkMerges(what: string, aggregators: Aggregators<never>): void {
  for (const [field, { kind, args }] of Object.entries(aggregators)) {
    if (kind !== 'custom' || 'merge' in (args[0] as object)) continue
    throw fault(
      'cannotMerge',
      `${what} are merged, but '${field}' cannot merge. Give its aggregator a merge function.`
    )
  }
}

function checkWindows(durable: string, windows: WindowSpec): void {
  const { shape, sizeMs, advanceMs, emission } = windows
  if (shape === 'unlimited' && emission === 'final') {
    throw fault('windowInvalid', `The window of '${durable}' never ends: it has no final rows.`)
  }
  if (sizeMs > 0 && advanceMs > 0 && advanceMs <= sizeMs) return
  throw fault(
    'windowInvalid',
    `The windows of '${durable}' are ${sizeMs} ms long and advance by ${advanceMs} ms: ` +
      'both must be above 0, and the advance at most the size.'
  )
}

/** A state that does not survive its own serde would be another one after a restart. */
function checkState(
  durable: string,
  init: () => unknown,
  serde: { serialize(value: unknown): Uint8Array | null; deserialize(bytes: Uint8Array): unknown }
): void {
  const state = init()
  // Null is the absence of a state: it is never stored.
  if (state === null || state === undefined) return
  const wayOut = 'Start from plain data, or give { value: serde }.'
  let back: unknown
  try {
    const bytes = serde.serialize(state)
    back = bytes === null ? null : serde.deserialize(bytes)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw fault(
      'stateDamaged',
      `The state of '${durable}' cannot be stored: ${why} ${wayOut}`,
      cause
    )
  }
  if (isDeepStrictEqual(state, back)) return
  throw fault('stateDamaged', `The state of '${durable}' is another one once stored. ${wayOut}`)
}
