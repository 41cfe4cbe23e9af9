/** What the compiler checks of serdes: values JSON would damage, values that no format keeps. */
import type { Misuse } from '../misuse.ts'

type Fn = (...args: never[]) => unknown
type Lossy = bigint | symbol | Date | Uint8Array | ReadonlyMap<never, unknown> | ReadonlySet<never>
type JsonSentence = 'JSON would lose a bigint, Date, Map, Set, bytes or function: use data()'
type DataSentence = 'No default serde keeps a function, symbol or promise: give { value: serde }'

/** `unknown` if JSON keeps T whole; else the sentence. */
export type JsonCheck<T> = true extends Has<T, Lossy | Fn> ? Misuse<JsonSentence> : unknown

/** `unknown` if `data()` keeps T whole; else the sentence. It catches classes with methods. */
export type Storable<T> =
  true extends Has<T, symbol | Fn | PromiseLike<unknown>> ? Misuse<DataSentence> : unknown

type Scalar = string | number | boolean | bigint | null | undefined | Date | Uint8Array

/** Whether Bad occurs in T; four levels deep, where recursive types end. */
type Has<T, Bad, Depth extends 0[] = []> = 0 extends 1 & T
  ? false
  : Depth['length'] extends 4
    ? false
    : T extends Bad
      ? true
      : T extends Scalar
        ? false
        : T extends ReadonlyMap<infer A, infer B>
          ? Has<A | B, Bad, [...Depth, 0]>
          : T extends ReadonlySet<infer A>
            ? Has<A, Bad, [...Depth, 0]>
            : T extends readonly (infer A)[]
              ? Has<A, Bad, [...Depth, 0]>
              : T extends object
                ? { [P in keyof T]-?: Has<T[P], Bad, [...Depth, 0]> }[keyof T]
                : false
