/** Type errors that speak: where types can tell a misuse, the compiler prints a sentence. */

declare const explanation: unique symbol

/** A type without values; its argument is the sentence that the compiler shows. */
export interface Misuse<Sentence extends string> {
  readonly [explanation]: Sentence
}

type IsAny<T> = 0 extends 1 & T ? true : false

/**
 * Intersected with a return type: changes nothing, unless T may be a promise; then the sentence.
 */
export type Sync<T, Sentence extends string> =
  IsAny<T> extends true
    ? unknown
    : [Extract<T, PromiseLike<unknown>>] extends [never]
      ? unknown
      : Misuse<Sentence>

/** Changes nothing if T is a Wanted, else the sentence. */
export type Demand<T, Wanted, Sentence extends string> = [T] extends [Wanted]
  ? unknown
  : Misuse<Sentence>

/** How a sentence calls a type of keys. */
export type NameOf<T> = [T] extends [string]
  ? 'string'
  : [T] extends [number]
    ? 'number'
    : [T] extends [bigint]
      ? 'bigint'
      : [T] extends [Uint8Array]
        ? 'bytes'
        : 'another type'

/** Both sides of a join have the same key, or a sentence that names the two types. */
export type SameKey<Left, Right> = [Left, Right] extends [Right, Left]
  ? unknown
  : Misuse<`${Keys<Left, Right>}: use selectKey before the join`>

type Keys<Left, Right> = `The keys are ${NameOf<Left>} on the left, ${NameOf<Right>} on the right`
