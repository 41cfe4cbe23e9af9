/** The types of aggregators and windows: what is inferred, and what is refused. */
import { expect, expectTypeOf, test } from 'vitest'
import type {
  Ability,
  Aggregator,
  Aggregators,
  AllCan,
  Results,
} from '../../src/aggregators/aggregator.ts'
import {
  aggregator,
  count,
  distinct,
  max,
  mean,
  min,
  sum,
  where,
} from '../../src/aggregators/aggregators.ts'
import type { Windows } from '../../src/windows/windows.ts'
import { hopping, tumbling } from '../../src/windows/windows.ts'

type Order = { readonly kind: 'order'; readonly cents: bigint; readonly session: string }
type Click = { readonly kind: 'click'; readonly session: string; readonly at: number }
type Event = Order | Click

/** Stands for `aggregate(name, { … })` of a stream without a key. */
function global<A extends Aggregators<Event>>(
  aggregators: A & AllCan<A, 'merge', 'it must merge'>
): Results<A> {
  return Object.keys(aggregators) as unknown as Results<A>
}

function keyed(_windows: Windows<'tumbling' | 'hopping', false, 'updates' | 'final'>): void {}

const isOrder = (event: Event): event is Order => event.kind === 'order'

test('the values flow in, the results come out typed', () => {
  const row = global({
    visitors: distinct((event) => event.session),
    orders: count(where(isOrder)),
    all: count(),
    revenue: sum((order) => order.cents, where(isOrder), 0n),
    exact: sum((event) => (event.kind === 'order' ? event.cents : null), 0n),
    clicked: sum((event) => (event.kind === 'click' ? event.at : null)),
    mean: mean((order) => order.cents, where(isOrder)),
    first: min((event) => (event.kind === 'click' ? event.at : null)),
    last: max((order) => order.cents, where(isOrder)),
  })
  expectTypeOf(row).toEqualTypeOf<{
    readonly visitors: number
    readonly orders: number
    readonly all: number
    readonly revenue: bigint
    readonly exact: bigint
    readonly clicked: number
    readonly mean: number | null
    readonly first: number | null
    readonly last: bigint | null
  }>()
})

test('one of your own has the abilities that it defines', () => {
  const longest = { init: () => '', add: (kept: string, o: Event) => kept + o.session }
  expectTypeOf(aggregator(longest)).toEqualTypeOf<Aggregator<Event, string, never>>()
  const merge = (left: string, right: string) => left + right
  expectTypeOf(aggregator({ ...longest, merge })).toEqualTypeOf<
    Aggregator<Event, string, 'merge'>
  >()
  // @ts-expect-error it cannot merge
  global({ longest: aggregator(longest) })
  expectTypeOf<Ability>().toEqualTypeOf<'merge' | 'remove'>()
})

test('misuse does not compile', () => {
  // @ts-expect-error a promise
  global({ n: sum(async (event) => event.session.length) })
  // @ts-expect-error not a number
  global({ n: sum((event) => event.session) })
  // @ts-expect-error bigints name their zero, so that an empty window can show it
  global({ n: sum((order) => order.cents, where(isOrder)) })
  // @ts-expect-error numbers have no exact sum
  global({ n: sum((event) => event.session.length, 0n) })
  // @ts-expect-error nothing that distinct could tell apart
  global({ n: distinct((event) => ({ session: event.session })) })
  // @ts-expect-error not a condition
  global({ n: count(where((event) => event.session)) })
})

test('empty windows are refused where a window has a key', () => {
  keyed(tumbling('5m', { grace: '1s', idle: '1m' }))
  const timing = { grace: '1s', emptyWindows: true } as const
  // @ts-expect-error a window with a key has no rows without records
  keyed(tumbling('5m', timing))
  // @ts-expect-error not a duration
  expect(() => tumbling('5 minutes')).toThrow(/Expected a duration/)
  expectTypeOf(tumbling('5m', timing).emit('final')).toEqualTypeOf<
    Windows<'tumbling', true, 'final'>
  >()
})

test('windows that cannot be are refused when they are made', () => {
  expect(() => tumbling('0ms')).toThrow(/holds nothing/)
  expect(() => hopping('1h', { advance: '2h' })).toThrow(/cannot advance by 2h/)
  expect(() => hopping('1h', { advance: '0s' })).toThrow(/cannot advance by 0s/)
  expect(() => tumbling('5m', { idle: '0s' })).toThrow(/idle time of 0s/)
  expect(hopping('1h', { advance: '5m', grace: '30s', idle: 'off' }).emit('final')).toEqual({
    shape: 'hopping',
    emission: 'final',
    sizeMs: 3_600_000,
    advanceMs: 300_000,
    graceMs: 30_000,
    idleMs: null,
    emptyWindows: false,
    emitIntervalMs: 0,
  })
})
