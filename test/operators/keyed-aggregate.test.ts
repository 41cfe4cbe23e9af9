/** Aggregates by key, without windows. */
import { expect, test } from 'vitest'
import { count, distinct, sum } from '../../src/aggregators/aggregators.ts'
import { KeyedAggregateOperator } from '../../src/operators/keyed-aggregate.ts'
import type { AggregationPlan } from '../../src/operators/specs.ts'
import type { Change } from '../../src/processor/change.ts'
import { float64, string } from '../../src/serde/primitives.ts'
import type { Serde } from '../../src/serde/serde.ts'
import { FakeContext } from '../simulation/fake-context.ts'
import { FakeState } from '../simulation/fake-state.ts'

const anySerde = <T>(serde: Serde<T>): Serde<unknown> => serde as Serde<unknown>

class Fixture {
  readonly context: FakeContext
  readonly rows: unknown[] = []
  readonly #operator: KeyedAggregateOperator
  readonly #state: FakeState

  constructor(plan: AggregationPlan, caching = false, state = new FakeState()) {
    this.#state = state
    this.context = new FakeContext({ caching, state })
    const key = anySerde(string())
    this.#operator = new KeyedAggregateOperator({ name: 'n', key, plan, logged: true })
    this.#operator.next = {
      process: (key, value, timestamp) => {
        const { newValue, oldValue } = value as Change<unknown>
        this.rows.push([key, newValue, oldValue, timestamp])
      },
    }
    this.#operator.init(this.context)
  }

  pipe(key: unknown, value: unknown, timestamp: number): unknown[] {
    this.#operator.process(key, value, timestamp)
    return this.rows.splice(0)
  }

  commit(): unknown[] {
    this.#operator.flush()
    this.#state.seal()
    return this.rows.splice(0)
  }
}

const reduce: AggregationPlan = {
  kind: 'reduce',
  reducer: (kept, value) => (value === 'gone' ? null : `${kept}+${value}`),
  serde: anySerde(string()),
}

test('a count sends the new and the old number, dated by the greatest record so far', () => {
  const f = new Fixture({ kind: 'count' })
  expect(f.pipe('a', 'x', 10)).toEqual([['a', 1, null, 10]])
  expect(f.pipe('a', 'x', 5)).toEqual([['a', 2, 1, 10]])
  expect(f.pipe('b', 'x', 7)).toEqual([['b', 1, null, 7]])
  f.commit()
  expect(f.pipe('a', 'x', 20)).toEqual([['a', 3, 2, 20]])
})

test('records without a key or a value are dropped and counted', () => {
  const f = new Fixture({ kind: 'count' })
  expect(f.pipe(null, 'x', 1)).toEqual([])
  expect(f.pipe('a', null, 1)).toEqual([])
  expect(f.context.drops).toEqual({ null_key: 1, null_value: 1 })
})

test('a reduce starts with the value as it is, and null takes the key away', () => {
  const f = new Fixture(reduce)
  expect(f.pipe('a', '1', 1)).toEqual([['a', '1', null, 1]])
  expect(f.pipe('a', '2', 2)).toEqual([['a', '1+2', '1', 2]])
  expect(f.pipe('a', 'gone', 3)).toEqual([['a', null, '1+2', 3]])
  expect(f.pipe('a', '4', 1)).toEqual([['a', '4', null, 1]])
})

test('steps start from a new state each time; null is forwarded even without a row', () => {
  const add = (state: unknown, value: unknown): unknown =>
    value === 0 ? null : (state as number) + (value as number)
  const f = new Fixture({ kind: 'steps', init: () => 100, add, serde: anySerde(float64()) })
  expect(f.pipe('a', 0, 1)).toEqual([['a', null, null, 1]])
  expect(f.pipe('a', 5, 2)).toEqual([['a', 105, null, 2]])
})

test('named aggregates are one row, and members are counted once, restarts included', () => {
  const aggregators = { n: count(), users: distinct((v: string) => v), length: sum(lengthOf) }
  const state = new FakeState()
  const f = new Fixture({ kind: 'named', aggregators }, false, state)
  f.pipe('a', 'u1', 1)
  f.pipe('a', 'u2', 1)
  expect(f.pipe('a', 'u1', 2)).toEqual([
    ['a', { n: 3, users: 2, length: 6 }, { n: 2, users: 2, length: 4 }, 2],
  ])
  f.commit()
  const g = new Fixture({ kind: 'named', aggregators }, false, new FakeState(state.entries))
  expect(g.pipe('a', 'u2', 1)).toEqual([
    ['a', { n: 4, users: 2, length: 8 }, { n: 3, users: 2, length: 6 }, 2],
  ])
  expect(g.pipe('b', 'u2', 1)).toEqual([['b', { n: 1, users: 1, length: 2 }, null, 1]])
})

test('with caching each key sends one change per commit, first touched first', () => {
  const f = new Fixture({ kind: 'count' }, true)
  for (const key of ['b', 'a', 'b', 'c']) expect(f.pipe(key, 'x', 1)).toEqual([])
  expect(f.commit()).toEqual([
    ['b', 2, null, 1],
    ['a', 1, null, 1],
    ['c', 1, null, 1],
  ])
  expect(f.commit()).toEqual([])
  f.pipe('a', 'x', 9)
  expect(f.commit()).toEqual([['a', 2, 1, 9]])
})

test('with caching nobody hears of a key that came and went', () => {
  const f = new Fixture(reduce, true)
  f.pipe('a', '1', 1)
  f.pipe('a', 'gone', 1)
  expect(f.commit()).toEqual([])
  f.pipe('b', '1', 1)
  f.commit()
  f.pipe('b', 'gone', 2)
  f.pipe('b', '2', 3)
  expect(f.commit()).toEqual([
    ['b', null, '1', 2],
    ['b', '2', null, 3],
  ])
})

test('what was sent does not change with what comes later', () => {
  const f = new Fixture({ kind: 'named', aggregators: { n: count() } })
  const [[, row]] = f.pipe('a', 'x', 1) as [[unknown, object]]
  f.pipe('a', 'x', 1)
  expect(row).toEqual({ n: 1 })
})

function lengthOf(text: string): number {
  return text.length
}
