/**
 * One aggregator at run time: a state that is made, added to, merged, shown and written.
 * Invariants: `add` and `merge` may change the state they are given first and answer what to keep;
 * they never change the other one.
 */
import type { ByteReader, ByteWriter } from './bytes.ts'

export interface Field {
  readonly kind: string
  init(): unknown
  add(state: unknown, value: unknown): unknown
  /** Undefined: it cannot be split into partial results. */
  readonly merge: ((state: unknown, other: unknown) => unknown) | undefined
  /** Takes out what was added. Undefined: it cannot. */
  readonly remove?: ((state: unknown, value: unknown) => unknown) | undefined
  result(state: unknown): unknown
  write(writer: ByteWriter, state: unknown): void
  read(reader: ByteReader): unknown
  /** Of `distinct`: what to count; its state is only how many there are. */
  readonly member?: (value: unknown) => string | undefined
  /** Where adding values is exactly merging what was made of them, however they are grouped. */
  readonly exact?: ExactSteps | undefined
}

/**
 * `add` in two steps, of which only the first may throw. States are never changed, but replaced.
 * Of `distinct` what is chosen is the member, and `put` is not asked.
 */
export interface ExactSteps {
  /** Fields with equal ones do the same with every value. */
  readonly same: readonly unknown[]
  readonly choose: (value: unknown) => unknown
  readonly put: (state: unknown, chosen: unknown) => unknown
}
