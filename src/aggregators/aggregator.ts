/**
 * The type of an aggregator, and what follows from it. The type of the values is never written by
 * hand: it flows in from the stream, through the type that the call is expected to return.
 */
import type { Misuse } from '../misuse.ts'

/**
 * What an aggregator can do beside adding: 'merge' two partial results (windows without a key),
 * 'remove' what was added before (tables grouped anew).
 */
export type Ability = 'merge' | 'remove'

declare const types: unique symbol

/** Made by `count`, `sum` and their kin. A value: to be shared and named freely. */
export interface Aggregator<in V, out R, out Can extends Ability> {
  readonly kind: AggregatorKind
  readonly args: readonly unknown[]
  /** Carries the types; not there at run time. */
  readonly [types]: { readonly value: (value: V) => void; readonly result: R; readonly can: Can }
}

export type AggregatorKind =
  | 'count'
  | 'sum'
  | 'min'
  | 'max'
  | 'mean'
  | 'distinct'
  | 'approxDistinct'
  | 'first'
  | 'last'
  | 'collect'
  | 'quantiles'
  | 'custom'

/** Several aggregators by the names of the row's fields. */
export type Aggregators<V> = Readonly<Record<string, Aggregator<V, unknown, Ability>>>

/** `{ visitors: distinct(…), revenue: sum(…) }` → `{ visitors: number; revenue: bigint }`. */
export type Results<A> = A extends unknown
  ? { readonly [N in keyof A]: A[N] extends Aggregator<never, infer R, Ability> ? R : never }
  : never

/** Intersected with the type of the object: each member has the ability, or gets the sentence. */
export type AllCan<A, Wanted extends Ability, Sentence extends string> = {
  readonly [N in keyof A]: A[N] extends Aggregator<never, unknown, infer Can>
    ? [Wanted] extends [Can]
      ? unknown
      : Misuse<Sentence>
    : unknown
}

/** A condition; made by `where`. A type guard narrows what the selector beside it sees. */
export interface Where<in V, out W> {
  readonly kind: 'where'
  readonly predicate: (value: never) => boolean
  readonly [types]: { readonly value: (value: V) => void; readonly narrowed: W }
}

/** What `distinct` can tell apart; null and undefined are skipped. */
export type Member = string | number | bigint | boolean | Uint8Array | null | undefined

/** For the functions that make aggregators: they alone know that the types are right. */
export function makeAggregator<V, R, Can extends Ability>(
  kind: AggregatorKind,
  ...args: readonly unknown[]
): Aggregator<V, R, Can> {
  return Object.freeze({ kind, args: Object.freeze(args) }) as unknown as Aggregator<V, R, Can>
}

export function makeWhere<V, W>(predicate: unknown): Where<V, W> {
  return Object.freeze({ kind: 'where', predicate }) as unknown as Where<V, W>
}

export function isWhere(arg: unknown): arg is Where<unknown, unknown> {
  return typeof arg === 'object' && arg !== null && 'kind' in arg && arg.kind === 'where'
}
