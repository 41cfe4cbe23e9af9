/** How values become one, at run time: every form of `count`, `reduce` and `aggregate` by key. */

import type { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import type { MemberSink, Row } from '../aggregators/row.ts'
import { RowAggregation } from '../aggregators/row.ts'
import { assert, present } from '../assert.ts'
import type { Serde } from '../serde/serde.ts'
import type { AggregationPlan } from './specs.ts'

export interface Aggregation {
  /** Whether members are kept beside the state. */
  readonly hasSets: boolean
  /** The next state; null: the key goes. A state may be changed in place. */
  add(state: unknown, value: unknown, key: unknown, members: MemberSink): unknown
  /** As `add`, for a key without a state. */
  start(value: unknown, key: unknown, members: MemberSink): unknown
  /** What `add` has done is undone: for rows of tables. Null: the key goes. */
  remove(state: unknown, value: unknown, key: unknown): unknown
  /** What users see; never changed later by the engine. */
  result(state: unknown): unknown
  write(writer: ByteWriter, state: unknown): void
  read(reader: ByteReader): unknown
}

/** For aggregates that keep no members. */
export const noMembers: MemberSink = Object.freeze({ addMember: () => false })

export function makeAggregation(name: string, plan: AggregationPlan): Aggregation {
  switch (plan.kind) {
    case 'count':
      return counting
    case 'reduce': {
      const { reducer, remover, serde } = plan
      return {
        ...stored(name, serde),
        add: (state, value, key) => reducer(state, value, key) ?? null,
        start: (value) => value ?? null,
        remove: (state, value, key) => removing(name, remover)(state, value, key) ?? null,
      }
    }
    case 'steps': {
      const { init, add, remove, serde } = plan
      return {
        ...stored(name, serde),
        add: (state, value, key) => add(state, value, key) ?? null,
        start: (value, key) => add(init(), value, key) ?? null,
        remove: (state, value, key) => removing(name, remove)(state, value, key) ?? null,
      }
    }
    case 'named':
      return naming(new RowAggregation(name, plan.aggregators))
  }
}

/** Eight bytes, big endian, as Java's long. */
const counting: Aggregation = {
  hasSets: false,
  add: (state) => (state as number) + 1,
  start: () => 1,
  remove: (state) => (state as number) - 1,
  result: (state) => state,
  write(writer, state) {
    const high = Math.floor((state as number) / 2 ** 32)
    writer.u32(high >>> 0).u32((state as number) - high * 2 ** 32)
  },
  read: (reader) => (reader.u32() | 0) * 2 ** 32 + reader.u32(),
}

type Step = (state: unknown, value: unknown, key: unknown) => unknown

function removing(name: string, step: Step | undefined): Step {
  return present(step, `a way to remove from aggregate '${name}'`)
}

function stored(
  name: string,
  serde: Serde<unknown>
): Omit<Aggregation, 'add' | 'start' | 'remove'> {
  return {
    hasSets: false,
    result: (state) => state,
    write(writer, state) {
      const bytes = serde.serialize(state)
      assert(bytes !== null, `the serde of '${name}' keeps states that are not null`)
      writer.rest(bytes)
    },
    read: (reader) => serde.deserialize(reader.rest()),
  }
}

/** Named aggregators, one state for all. */
export function naming(rows: RowAggregation): Aggregation {
  const add: Aggregation['add'] = (row, value, _key, members) => {
    rows.add(row as Row, value, members)
    return row
  }
  return {
    hasSets: rows.sets.length > 0,
    add,
    start: (value, key, members) => add(rows.init(), value, key, members),
    remove(row, value) {
      rows.remove(row as Row, value)
      return row
    },
    result: (row) => rows.result(row as Row),
    write: (writer, row) => rows.write(writer, row as Row),
    read: (reader) => rows.read(reader),
  }
}
