/**
 * What a task has made of the records of one key since it last sent: on its way through a
 * repartition topic, to whoever keeps the state of that key.
 *
 *     with windows   first start (8), last start (8), time (8) ┐
 *     always         records, members: n, (slot, member) …     ├ state
 *
 * Invariants: all its records count for the same windows, those that start from `first` to `last`,
 * and for no others; merging it once is adding each of its records, in any order.
 */
import { type ByteReader, ByteWriter, ByteReader as Reader } from '../aggregators/bytes.ts'
import { type MemberSink, type Row, RowAggregation } from '../aggregators/row.ts'
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import type { Serde } from '../serde/serde.ts'
import { type Aggregation, makeAggregation, naming } from './aggregation.ts'
import type { AggregationPlan, KeyedAggregateSpec } from './specs.ts'

/** The windows that records count for. */
export interface CountedWindows {
  /** Starts of the first and of the last one. */
  readonly first: Timestamp
  readonly last: Timestamp
}

export class Combined implements MemberSink {
  /** Undefined: it has no windows. */
  readonly windows: CountedWindows | undefined
  /** The stream time up to its last record, where windows close by that. */
  time: Timestamp = Number.NEGATIVE_INFINITY
  /** How many there are. */
  records = 0
  /** Of an aggregation; null: nothing was added yet. */
  state: unknown = null
  /** One char for the slot, then the member. */
  readonly members: Set<string>
  /** Chars of the members that were added here. */
  memberChars = 0

  constructor(windows: CountedWindows | undefined, members: Iterable<string> = []) {
    this.windows = windows
    this.members = new Set(members)
  }

  addMember(slot: number, member: string): boolean {
    const before = this.members.size
    const isNew = this.members.add(String.fromCharCode(slot) + member).size > before
    if (isNew) this.memberChars += member.length
    return isNew
  }
}

/** @param name says what the state is made of, for whoever compares topologies */
export function combinedSerde(
  name: string,
  aggregation: Aggregation,
  hasWindows: boolean
): Serde<Combined> {
  const writer = new ByteWriter()
  return Object.freeze({
    name,
    serialize({ windows, time, records, state, members }: Combined): Uint8Array {
      if (windows !== undefined) {
        writer.float64(windows.first).float64(windows.last).float64(time)
      }
      writer.count(records).count(members.size)
      for (const member of members) writer.binary(member)
      aggregation.write(writer, state)
      return writer.take()
    },
    deserialize(bytes: Uint8Array): Combined {
      const reader = new Reader(bytes)
      const windows = hasWindows ? { first: reader.float64(), last: reader.float64() } : undefined
      const time = hasWindows ? reader.float64() : Number.NEGATIVE_INFINITY
      const records = reader.count()
      const combined = new Combined(windows, readMembers(reader))
      return Object.assign(combined, { time, records, state: aggregation.read(reader) })
    },
  })
}

function readMembers(reader: ByteReader): readonly string[] {
  return Array.from({ length: reader.count() }, () => reader.binary())
}

/** Whether values of a plan may be made one before they meet the state, in whatever order. */
export function combines(plan: AggregationPlan): boolean {
  if (plan.kind === 'count') return true
  return plan.kind === 'named' && Object.values(plan.aggregators).every(isUnordered)
}

/** Which of several is first, last or among the first few is a matter of their order. */
function isUnordered({ kind, args }: { kind: string; args: readonly unknown[] }): boolean {
  if (kind === 'custom') return 'merge' in (args[0] as object)
  return kind !== 'first' && kind !== 'last' && kind !== 'collect'
}

/** How what comes becomes one: values, or what other tasks have made of them. */
export function aggregationOf({ name, plan, isCombined }: KeyedAggregateSpec): Aggregation {
  return isCombined === true ? merging(name, plan) : makeAggregation(name, plan)
}

function merging(name: string, plan: AggregationPlan): Aggregation {
  assert(combines(plan), `values of '${name}' become one in any order`)
  if (plan.kind !== 'named') {
    return {
      ...makeAggregation(name, plan),
      start: (value) => (value as Combined).state,
      add: (state, value) => (state as number) + ((value as Combined).state as number),
    }
  }
  const rows = new RowAggregation(name, plan.aggregators)
  const add: Aggregation['add'] = (state, value, _key, members) => {
    const row = state as Row
    const combined = value as Combined
    rows.merge(row, combined.state as Row)
    for (const member of combined.members) {
      const slot = member.charCodeAt(0)
      if (members.addMember(slot, member.slice(1))) row[slot] = (row[slot] as number) + 1
    }
    return row
  }
  // Several windows may begin with the same parts: none of them may have them for its own.
  const start: Aggregation['start'] = (value, key, members) => add(rows.init(), value, key, members)
  return { ...naming(rows), start, add }
}
