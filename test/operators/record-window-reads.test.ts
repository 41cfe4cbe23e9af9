/** How sessions and sliding windows are read: by point where a key is known. */
import { describe, expect, test } from 'vitest'
import { SessionAggregateOperator } from '../../src/operators/session-aggregate.ts'
import { SlidingAggregateOperator } from '../../src/operators/sliding-aggregate.ts'
import type { Operator } from '../../src/processor/operator.ts'
import type { FindRows, RowQuery, StoreRow } from '../../src/processor/store-rows.ts'
import type { KeyValueState, StoreDefinition, StoreEntries } from '../../state/contract.ts'
import { FakeContext } from '../simulation/fake-context.ts'
import { Random, seedOfRun } from '../support/random.ts'
import { text } from './windowed-fixture.ts'

const seed = seedOfRun()
const kinds = ['session', 'sliding'] as const

const common = {
  name: 'n',
  key: text,
  plan: { kind: 'count' },
  logged: true,
  watermarks: null,
} as const
const rest = { emission: 'updates', graceMs: 20, idleMs: null, emitIntervalMs: 0 } as const

function operatorOf(kind: (typeof kinds)[number], retentionMs: number): Operator {
  const spec = { ...common, retentionMs }
  return kind === 'session'
    ? new SessionAggregateOperator({ ...spec, windows: { shape: kind, gapMs: 10, ...rest } })
    : new SlidingAggregateOperator({ ...spec, windows: { shape: kind, spanMs: 10, ...rest } })
}

/** Counts how its store is read, by the operator and by others. */
class CountingContext extends FakeContext {
  gets = 0
  scans = 0
  #entries: StoreEntries<unknown> | undefined
  #find: FindRows<unknown> | undefined

  override store<V>(definition: StoreDefinition<V>, find?: FindRows<V>): KeyValueState<V> {
    const store = super.store(definition)
    const counting = Object.assign(Object.create(store) as KeyValueState<V>, {
      get: (key: string) => {
        this.gets += 1
        return store.get(key)
      },
      range: (from?: string, to?: string) => {
        this.scans += 1
        return store.range(from, to)
      },
      put: (key: string, value: V) => store.put(key, value),
      delete: (key: string) => store.delete(key),
    })
    this.#entries = counting
    this.#find = find as FindRows<unknown>
    return counting
  }

  async read(query: RowQuery): Promise<readonly StoreRow[]> {
    const rows: StoreRow[] = []
    const { gets, scans } = this
    for await (const row of this.#find?.(this.#entries as StoreEntries<unknown>, query) ?? []) {
      rows.push(row)
    }
    this.gets -= gets
    this.scans -= scans
    return rows
  }
}

async function opened(kind: (typeof kinds)[number], retentionMs: number) {
  const context = new CountingContext()
  const operator = operatorOf(kind, retentionMs)
  await operator.init(context)
  const pipe = async (key: string, at: number): Promise<void> => {
    operator.process(key, 'x', at)
    await context.settle()
  }
  return { context, operator, pipe }
}

describe.each(kinds)('%s windows', (kind) => {
  test('of a key are read by point, however many keys there are', async () => {
    const { context, operator, pipe } = await opened(kind, 10_000)
    for (let at = 100; at < 2_100; at++) await pipe(`k${at % 100}`, at)
    operator.flush()
    context.gets = 0
    context.scans = 0
    const rows = await context.read({ key: 'k7' })
    expect(rows.length).toBeGreaterThanOrEqual(20)
    expect(rows.every(({ key }) => key === 'k7')).toBe(true)
    expect(context.scans).toBe(0)
    expect(context.gets).toBeLessThan(rows.length + 256)
  })

  test('are updated without a scan', async () => {
    const { context, pipe } = await opened(kind, 1_000_000)
    context.scans = 0
    for (let at = 100; at < 1_100; at++) await pipe(`k${at % 10}`, at)
    // Now and then what is old is looked for.
    expect(context.scans).toBeLessThan(5)
  })

  test('are the same by point as those that a scan finds', async () => {
    for (let life = 0; life < 40; life++) {
      const random = new Random((seed + life) * 7_919)
      const retentionMs = random.pick([40, 400, 4_000])
      const { context, operator, pipe } = await opened(kind, retentionMs)
      let now = 100
      for (let index = 0; index < 150; index++) {
        now += random.below(random.chance(0.1) ? 200 : 9)
        await pipe(random.pick(['a', 'b', 'c']), Math.max(0, now - random.below(50)))
      }
      operator.flush()
      const all = await context.read({})
      for (let query = 0; query < 10; query++) {
        const key = random.pick(['a', 'b', 'c', 'd'])
        const from = random.chance(0.3) ? Number.NEGATIVE_INFINITY : random.below(now)
        const to = random.chance(0.3) ? Number.POSITIVE_INFINITY : from + random.below(now)
        const found = await context.read({ key, times: { from, to } })
        const wanted = all.filter(({ key: one, window }) => {
          const time = kind === 'session' ? window?.end : window?.start
          return one === key && Number(time) >= from && Number(window?.start) <= to
        })
        expect(found, `SEED=${seed + life} ${key} ${from}..${to}`).toEqual(wanted)
      }
    }
  })
})
