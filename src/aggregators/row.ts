/**
 * Several named aggregators as one: a row of states, which share one record.
 *
 *     row   [ state of 'orders', state of 'revenue', how many 'visitors' ]   by name, in byte order
 *     sets  members of 'visitors', kept elsewhere, one entry each
 *
 * Invariant: the slot of a set holds how many members are kept for it.
 */
import { FatalError } from '../errors.ts'
import { steadyMap } from '../steady-list.ts'
import { fnv1a } from '../text-hash.ts'
import type { Aggregators } from './aggregator.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'
import type { Field } from './field.ts'
import { makeField, withMembersInside } from './fields.ts'

/** Changed in place; one slot per field. */
export type Row = unknown[]

/** Where members are kept; answers whether this one is new. */
export interface MemberSink {
  addMember(field: number, member: string): boolean
}

/** What is done with one slot. */
type Step = Pick<Field, 'init' | 'add' | 'result' | 'write' | 'read'> & {
  readonly member: Field['member'] | undefined
  readonly merge: Field['merge'] | undefined
}

export class RowAggregation {
  /** By slot. */
  readonly fields: readonly Field[]
  /** Slots that count members. */
  readonly sets: readonly number[]
  /** Short for the names and kinds of the slots: what was written under another is not read. */
  readonly layout: number
  readonly #owner: string
  /**
   * The fields, all of one shape: what a call site finds under a name is looked up each time where
   * objects have many, and that was a third of what adding a record to a row took.
   */
  readonly #steps: readonly Step[]
  /** In the order of the declaration, which is the order in rows. */
  readonly #shown: readonly (readonly [name: string, slot: number])[]

  /** @param members beside the row, as entries of their own, or inline in it */
  constructor(
    owner: string,
    aggregators: Aggregators<never>,
    members: 'beside' | 'inline' = 'beside'
  ) {
    const names = Object.keys(aggregators)
    const slots = [...names].sort()
    this.#owner = owner
    this.fields = slots.map((name) => {
      const field = makeField(name, aggregators[name] as (typeof aggregators)[string])
      return members === 'inline' ? withMembersInside(field) : field
    })
    this.#steps = this.fields.map(({ init, add, member, merge, result, write, read }) => {
      return { init, add, member, merge, result, write, read }
    })
    this.sets = [...this.fields.keys()].filter((slot) => this.fields[slot]?.member !== undefined)
    this.layout = fnv1a(slots.map((name, slot) => `${name}:${this.fields[slot]?.kind};`).join(''))
    this.#shown = names.map((name) => [name, slots.indexOf(name)])
  }

  get canMerge(): boolean {
    return this.fields.every(({ merge }) => merge !== undefined)
  }

  init(): Row {
    return steadyMap(this.#steps, ({ init }) => init())
  }

  add(row: Row, value: unknown, members: MemberSink): void {
    const steps = this.#steps
    for (let slot = 0; slot < steps.length; slot++) {
      const { add, member: memberOf } = steps[slot] as Step
      if (memberOf === undefined) {
        row[slot] = add(row[slot], value)
        continue
      }
      const member = memberOf(value)
      if (member !== undefined && members.addMember(slot, member)) {
        row[slot] = (row[slot] as number) + 1
      }
    }
  }

  /** Takes a value out again; of fields that can all remove. */
  remove(row: Row, value: unknown): void {
    for (const [slot, { remove }] of this.fields.entries()) {
      if (remove !== undefined) row[slot] = remove(row[slot], value)
    }
  }

  get canRemove(): boolean {
    return this.fields.every(({ remove }) => remove !== undefined)
  }

  /** Sets are united by whoever keeps them; their slots are left alone. */
  merge(row: Row, other: Row): void {
    const steps = this.#steps
    for (let slot = 0; slot < steps.length; slot++) {
      const { merge, member } = steps[slot] as Step
      if (member === undefined && merge !== undefined) row[slot] = merge(row[slot], other[slot])
    }
  }

  /** What users see: an object of its own, never changed later. */
  result(row: Row): Readonly<Record<string, unknown>> {
    const result: Record<string, unknown> = {}
    for (const [name, slot] of this.#shown) result[name] = this.#steps[slot]?.result(row[slot])
    return result
  }

  write(writer: ByteWriter, row: Row): void {
    writer.u32(this.layout)
    const steps = this.#steps
    for (let slot = 0; slot < steps.length; slot++) (steps[slot] as Step).write(writer, row[slot])
  }

  /** Throws a FatalError on what other fields have written. */
  read(reader: ByteReader): Row {
    const layout = reader.u32()
    if (layout === this.layout) return steadyMap(this.#steps, ({ read }) => read(reader))
    throw new FatalError(
      'MILLRACE_AGGREGATE_CHANGED',
      `Aggregate '${this.#owner}' finds results of other fields than it has now. ` +
        'Give it another name, or reset the application.'
    )
  }
}
