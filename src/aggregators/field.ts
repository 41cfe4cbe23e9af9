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
}
