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
import type { ExactSteps, Field } from './field.ts'
import type { Row, RowAggregation } from './row.ts'

/** Takes the members of one field. */
export interface MemberTaker {
  add(member: string): boolean
}

type Exact = Field & { readonly exact: ExactSteps }

/** Whether sharing changes nothing: doubles, for one, do not add up to the same in any groups. */
export function canShare({ fields }: RowAggregation): boolean {
  return fields.every(({ exact }) => exact !== undefined)
}

export class SharedRow {
  /** Those that have states, each once. */
  readonly #scalars: readonly Exact[]
  /** Those that have members, each once. */
  readonly #sets: readonly Exact[]
  readonly #aggregations: readonly RowAggregation[]
  /** All of one shape, as steps of a row are. */
  readonly #chooses: readonly ((value: unknown) => unknown)[]
  readonly #puts: readonly ((state: unknown, chosen: unknown) => unknown)[]
  /** By field, the scalars first. */
  readonly #chosen: unknown[]
  #states: unknown[]
  #takers: readonly (readonly MemberTaker[])[] = []

  /** @param aggregations all of which can share */
  constructor(aggregations: readonly RowAggregation[]) {
    const all = aggregations.flatMap(({ fields }) => fields).filter(isExact)
    const once = all.filter((field) => all.find((other) => isSame(field, other)) === field)
    this.#aggregations = aggregations
    this.#scalars = once.filter(({ member }) => member === undefined)
    this.#sets = once.filter(({ member }) => member !== undefined)
    const fields = [...this.#scalars, ...this.#sets]
    this.#chooses = fields.map(({ exact }) => exact.choose)
    this.#puts = this.#scalars.map(({ exact }) => exact.put)
    this.#chosen = fields.map(() => undefined)
    this.#states = this.#scalars.map((field) => field.init())
  }

  /** Who takes members from now on: of the aggregation with this number, by slot. */
  tellMembersTo(takers: (aggregation: number, slot: number) => MemberTaker): void {
    this.#takers = this.#sets.map((set) =>
      this.#aggregations.flatMap(({ fields }, number) =>
        [...fields.entries()]
          .filter(([, field]) => isSame(field, set))
          .map(([slot]) => takers(number, slot))
      )
    )
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
    const { fields } = this.#aggregations[aggregation] as RowAggregation
    for (const [slot, field] of fields.entries()) {
      if (field.member !== undefined) continue
      const at = this.#scalars.findIndex((scalar) => isSame(field, scalar))
      assert(at >= 0 && field.merge !== undefined, 'an exact field is shared, and can merge')
      row[slot] = field.merge(row[slot], this.#states[at])
    }
  }

  reset(): void {
    this.#states = this.#scalars.map((field) => field.init())
  }
}

function isExact(field: Field): field is Exact {
  return field.exact !== undefined
}

function isSame({ exact: one }: Field, { exact: other }: Field): boolean {
  if (one === undefined || other === undefined) return false
  if (one.same.length !== other.same.length) return false
  return one.same.every((part, at) => part === other.same[at])
}
