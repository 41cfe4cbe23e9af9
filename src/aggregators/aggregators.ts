/**
 * The aggregators, as `aggregate('traffic', { visitors: distinct(sessionId), orders: count() })`
 * takes them. A selector that answers null skips the record.
 */
import { TopologyError } from '../errors.ts'
import type { Demand, Sync } from '../misuse.ts'
import type { Storable } from '../serde/checks.ts'
import type { Serde } from '../serde/serde.ts'
import type { Aggregator, Member, Where } from './aggregator.ts'
import { makeAggregator, makeWhere } from './aggregator.ts'

type Both = 'merge' | 'remove'
type Numeric = number | bigint | null | undefined
type NumberOf<S> = [NonNullable<S>] extends [bigint] ? bigint : number

/** What is left of S once promises, which get a sentence of their own, are set aside. */
type Settled<S> = Exclude<S, PromiseLike<unknown>>
type Selected<S> = S & Sync<S, 'Aggregators run synchronously: use mapAsync before aggregate'>
type Truth<B> = Selected<B> &
  Demand<Settled<B>, boolean, 'where needs a function that answers true or false'>
type Measured<S> = Selected<S> &
  Demand<Settled<S>, Numeric, 'min, max, mean and quantiles need a number, a bigint or null'>
type Summed<S> = Selected<S> &
  Demand<
    Settled<S>,
    number | null | undefined,
    'sum adds numbers; bigints name their zero: sum(select, 0n) or sum(select, where(test), 0n)'
  >
type Exact<S> = Selected<S> &
  Demand<Settled<S>, bigint | null | undefined, 'a sum with 0n adds bigints: answer bigint or null'>
type Counted<S> = Selected<S> &
  Demand<Settled<S>, Member, 'distinct tells strings, numbers, bigints, booleans and bytes apart'>

type Kept<S> = Selected<S> & Storable<Settled<S>>

/** A condition for an aggregator: `count(where(isOrder))`; a type guard narrows its selector. */
export function where<V, W extends V>(guard: (value: V) => value is W): Where<V, W>
export function where<V, B>(predicate: (value: V) => Truth<B>): Where<V, V>
export function where(predicate: unknown): unknown {
  return makeWhere(predicate)
}

/** How many records: `count()`, or `count(where(isOrder))` of them. */
export function count<V>(condition?: Where<V, unknown>): Aggregator<V, number, Both> {
  return makeAggregator('count', undefined, condition)
}

/**
 * The sum; 0 of nothing. Numbers are added as doubles. Bigints are exact, and name their zero:
 * a window without data must know which one to show. `sum((order) => order.cents)`,
 * `sum((order) => BigInt(order.cents), 0n)`.
 */
export function sum<V, S>(select: (value: V) => Summed<S>): Aggregator<V, number, Both>
export function sum<V, S>(select: (value: V) => Exact<S>, zero: 0n): Aggregator<V, bigint, Both>
export function sum<V, W, S>(
  select: (value: W) => Summed<S>,
  condition: Where<V, W>
): Aggregator<V, number, Both>
export function sum<V, W, S>(
  select: (value: W) => Exact<S>,
  condition: Where<V, W>,
  zero: 0n
): Aggregator<V, bigint, Both>
export function sum(...args: readonly unknown[]): unknown {
  return makeAggregator('sum', ...args)
}

/** The least, `min((order) => order.cents)`; null of nothing. */
export function min<V, S>(
  select: (value: V) => Measured<S>
): Aggregator<V, NumberOf<S> | null, 'merge'>
export function min<V, W, S>(
  select: (value: W) => Measured<S>,
  condition: Where<V, W>
): Aggregator<V, NumberOf<S> | null, 'merge'>
export function min(...args: readonly unknown[]): unknown {
  return makeAggregator('min', ...args)
}

/** The greatest, `max((order) => order.cents)`; null of nothing. */
export function max<V, S>(
  select: (value: V) => Measured<S>
): Aggregator<V, NumberOf<S> | null, 'merge'>
export function max<V, W, S>(
  select: (value: W) => Measured<S>,
  condition: Where<V, W>
): Aggregator<V, NumberOf<S> | null, 'merge'>
export function max(...args: readonly unknown[]): unknown {
  return makeAggregator('max', ...args)
}

/**
 * The mean as a double, `mean((order) => order.cents)`, of an exact sum if the selector answers
 * bigint; null of nothing.
 */
export function mean<V, S>(select: (value: V) => Measured<S>): Aggregator<V, number | null, Both>
export function mean<V, W, S>(
  select: (value: W) => Measured<S>,
  condition: Where<V, W>
): Aggregator<V, number | null, Both>
export function mean(...args: readonly unknown[]): unknown {
  return makeAggregator('mean', ...args)
}

/** How many different members, exactly: `distinct((event) => event.sessionId)`. */
export function distinct<V, S>(select: (value: V) => Counted<S>): Aggregator<V, number, 'merge'>
export function distinct<V, W, S>(
  select: (value: W) => Counted<S>,
  condition: Where<V, W>
): Aggregator<V, number, 'merge'>
export function distinct(...args: readonly unknown[]): unknown {
  return makeAggregator('distinct', ...args)
}

/**
 * About how many different members, in at most 3 KiB of state, however many there are: two thirds
 * of the answers are within 1.6 %, 19 of 20 within 3.3 %. Which members they are is forgotten.
 *
 *     visitors: approxDistinct((event) => event.sessionId)
 */
export function approxDistinct<V, S>(
  select: (value: V) => Counted<S>
): Aggregator<V, number, 'merge'>
export function approxDistinct<V, W, S>(
  select: (value: W) => Counted<S>,
  condition: Where<V, W>
): Aggregator<V, number, 'merge'>
export function approxDistinct(...args: readonly unknown[]): unknown {
  return makeAggregator('approxDistinct', ...args)
}

/**
 * What a part of all values does not exceed, to within 1 % of the value: 0.5 is the median, 0 and 1
 * are the least and the greatest, exactly. Null of nothing; what is not finite is skipped.
 *
 *     latency: quantiles((call) => call.ms, [0.5, 0.99])     // { 0.5: 12.1, 0.99: 240.4 }
 *
 * A few hundred bytes of state as a rule; 17 powers of ten can be told apart.
 */
export function quantiles<V, S, const Q extends number>(
  select: (value: V) => Measured<S>,
  ranks: readonly Q[]
): Aggregator<V, Readonly<Record<Q, number | null>>, 'merge'>
export function quantiles<V, W, S, const Q extends number>(
  select: (value: W) => Measured<S>,
  condition: Where<V, W>,
  ranks: readonly Q[]
): Aggregator<V, Readonly<Record<Q, number | null>>, 'merge'>
export function quantiles(...args: readonly unknown[]): unknown {
  const ranks = args.at(-1) as readonly number[]
  if (!Array.isArray(ranks) || !ranks.every((rank) => rank >= 0 && rank <= 1)) {
    throw new TopologyError(
      'MILLRACE_QUANTILES_INVALID',
      `There are no quantiles at [${String(ranks)}]: give a list of numbers from 0 to 1, ` +
        'such as [0.5, 0.99].'
    )
  }
  return makeAggregator('quantiles', ...args.slice(0, -1), Object.freeze([...ranks]))
}

/**
 * What the selector answers for the record that came first, in the order of arrival; null of
 * nothing: `first((order) => order.id)`. Parts that are merged follow each other by time, then by
 * source partition.
 */
export function first<V, S>(
  select: (value: V) => Kept<S>
): Aggregator<V, NonNullable<S> | null, 'merge'>
export function first<V, W, S>(
  select: (value: W) => Kept<S>,
  condition: Where<V, W>
): Aggregator<V, NonNullable<S> | null, 'merge'>
export function first(...args: readonly unknown[]): unknown {
  return makeAggregator('first', ...args)
}

/** As `first`, for the record that came last: `last((order) => order.id)`. */
export function last<V, S>(
  select: (value: V) => Kept<S>
): Aggregator<V, NonNullable<S> | null, 'merge'>
export function last<V, W, S>(
  select: (value: W) => Kept<S>,
  condition: Where<V, W>
): Aggregator<V, NonNullable<S> | null, 'merge'>
export function last(...args: readonly unknown[]): unknown {
  return makeAggregator('last', ...args)
}

export interface CollectOptions {
  /** How many are kept at most: those that came first. All are part of one record of the store. */
  readonly max: number
}

/**
 * What the selector answers, in the order of arrival:
 * `collect((order) => order.id, { max: 100 })`.
 */
export function collect<V, S>(
  select: (value: V) => Kept<S>,
  options: CollectOptions
): Aggregator<V, readonly NonNullable<S>[], 'merge'>
export function collect<V, W, S>(
  select: (value: W) => Kept<S>,
  condition: Where<V, W>,
  options: CollectOptions
): Aggregator<V, readonly NonNullable<S>[], 'merge'>
export function collect(...args: readonly unknown[]): unknown {
  return makeAggregator('collect', ...args)
}

interface Steps<V, A, R, S> {
  /** A new state each time; it must survive its serde. */
  readonly init: () => A & Sync<A, 'init runs synchronously: it answers a state, not a promise'>
  readonly add: (state: A, value: V) => S & Sync<S, 'add runs synchronously: use mapAsync before'>
  /** What the row shows. Default: the state. */
  readonly result?: (state: A) => R
  /** How the state becomes bytes. Default: `data()`. */
  readonly state?: Serde<A>
}

interface Merging<A> {
  readonly merge: (left: A, right: A) => A
}

interface Removing<V, A> {
  readonly remove: (state: A, value: V) => A
}

/**
 * One of your own. `merge` makes it fit for windows without a key, `remove` for grouped tables.
 *
 *     longest: aggregator({ init: () => '', add: (kept, o) => (o.id > kept ? o.id : kept) })
 */
export function aggregator<V, A, S extends A | PromiseLike<unknown>, R = A>(
  definition: Steps<V, A, R, S> & Merging<A> & Removing<V, A>
): Aggregator<V, NoInfer<R>, Both>
export function aggregator<V, A, S extends A | PromiseLike<unknown>, R = A>(
  definition: Steps<V, A, R, S> & Merging<A>
): Aggregator<V, NoInfer<R>, 'merge'>
export function aggregator<V, A, S extends A | PromiseLike<unknown>, R = A>(
  definition: Steps<V, A, R, S> & Removing<V, A>
): Aggregator<V, NoInfer<R>, 'remove'>
export function aggregator<V, A, S extends A | PromiseLike<unknown>, R = A>(
  definition: Steps<V, A, R, S>
): Aggregator<V, NoInfer<R>, never>
export function aggregator(definition: object): unknown {
  return makeAggregator('custom', definition)
}
