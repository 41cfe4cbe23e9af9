/**
 * What several rows of aggregators make of the same values, each of it once. Fields are the same
 * where they choose by the same functions, whatever rows they are in and whatever their names are.
 *
 *     value ──choose──▶ what every field wants of it ──put──▶ states, and members of sets
 *
 * Invariants: all is chosen before anything is put, so that a value that makes a function throw
 * leaves no trace; what a row takes in is what it would have if each value had been added to it.
 */
import { assert } from '../assert.ts'
import { steadyList, steadyMap } from '../steady-list.ts'
import type { ExactSteps, Field } from './field.ts'
import type { Row, RowAggregation } from './row.ts'

/** Takes the members of one field. */
export interface MemberTaker {
  add(member: string): boolean
}

type Exact = Field & { readonly exact: ExactSteps }

interface Place {
  readonly aggregation: number
  readonly slot: number
}

interface Merge {
  readonly slot: number
  /** Which state. */
  readonly at: number
  readonly merge: NonNullable<Field['merge']>
}

/** Whether sharing changes nothing: doubles, for one, do not add up to the same in any groups. */
export function canShare({ fields }: RowAggregation): boolean {
  return fields.every(({ exact }) => exact !== undefined)
}

export class SharedRow {
  /** Those that have states, each once. */
  readonly #scalars: readonly Exact[]
  /** Those that have members, each once. */
  readonly #sets: readonly Exact[]
  /** All of one shape, as steps of a row are. */
  readonly #chooses: readonly ((value: unknown) => unknown)[]
  readonly #puts: readonly ((state: unknown, chosen: unknown) => unknown)[]
  /** By field, the scalars first. */
  readonly #chosen: unknown[]
  readonly #states: unknown[]
  /** By set. */
  readonly #takers: readonly MemberTaker[][]
  readonly #places: readonly (readonly Place[])[]
  /** By aggregation: what its slots take from which state. */
  readonly #merges: readonly (readonly Merge[])[]

  /** @param aggregations all of which can share */
  constructor(aggregations: readonly RowAggregation[]) {
    const all = aggregations.flatMap(({ fields }) => fields).filter(isExact)
    const once = all.filter((field) => all.find((other) => isSame(field, other)) === field)
    this.#scalars = once.filter(({ member }) => member === undefined)
    this.#sets = once.filter(({ member }) => member !== undefined)
    const fields = [...this.#scalars, ...this.#sets]
    this.#chooses = fields.map(({ exact }) => exact.choose)
    this.#puts = this.#scalars.map(({ exact }) => exact.put)
    this.#chosen = steadyMap(fields, () => undefined)
    this.#states = steadyMap(this.#scalars, (field) => field.init())
    this.#takers = this.#sets.map(() => steadyList())
    this.#places = this.#sets.map((set) => placesOf(set, aggregations))
    this.#merges = aggregations.map((one) => this.#mergesOf(one))
  }

  /** Who takes members from now on: of the aggregation with this number, by slot. */
  tellMembersTo(takers: (aggregation: number, slot: number) => MemberTaker): void {
    for (let at = 0; at < this.#places.length; at++) {
      const [places, own] = [this.#places[at] as Place[], this.#takers[at] as MemberTaker[]]
      for (let i = 0; i < places.length; i++) {
        const { aggregation, slot } = places[i] as Place
        own[i] = takers(aggregation, slot)
      }
    }
  }

  /** Throws what a function of a field throws, or a TypeError; then nothing was added. */
  add(value: unknown): void {
    const chosen = this.#chosen
    const chooses = this.#chooses
    for (let at = 0; at < chooses.length; at++) {
      chosen[at] = (chooses[at] as ExactSteps['choose'])(value)
    }
    const states = this.#states
    const puts = this.#puts
    for (let at = 0; at < puts.length; at++) {
      states[at] = (puts[at] as ExactSteps['put'])(states[at], chosen[at])
    }
    const takers = this.#takers
    for (let at = 0; at < takers.length; at++) {
      const member = chosen[puts.length + at] as string | undefined
      if (member === undefined) continue
      for (const taker of takers[at] as readonly MemberTaker[]) taker.add(member)
    }
  }

  /** Adds to the row of an aggregation what was added since the last reset; sets are left alone. */
  addTo(aggregation: number, row: Row): void {
    for (const { slot, at, merge } of this.#merges[aggregation] as readonly Merge[]) {
      row[slot] = merge(row[slot], this.#states[at])
    }
  }

  reset(): void {
    const scalars = this.#scalars
    for (let at = 0; at < scalars.length; at++) this.#states[at] = (scalars[at] as Exact).init()
  }

  #mergesOf({ fields }: RowAggregation): readonly Merge[] {
    return [...fields.entries()].flatMap(([slot, field]) => {
      const { member, merge } = field
      if (member !== undefined) return []
      const at = this.#scalars.findIndex((scalar) => isSame(field, scalar))
      assert(at >= 0 && merge !== undefined, 'an exact field is shared, and can merge')
      return [{ slot, at, merge }]
    })
  }
}

/** Where the members of a set go. */
function placesOf(set: Field, aggregations: readonly RowAggregation[]): readonly Place[] {
  return aggregations.flatMap(({ fields }, aggregation) =>
    [...fields.entries()]
      .filter(([, field]) => isSame(field, set))
      .map(([slot]) => ({ aggregation, slot }))
  )
}

function isExact(field: Field): field is Exact {
  return field.exact !== undefined
}

function isSame({ exact: one }: Field, { exact: other }: Field): boolean {
  if (one === undefined || other === undefined) return false
  if (one.same.length !== other.same.length) return false
  return one.same.every((part, at) => part === other.same[at])
}
