/**
 * Aggregates whose records are made one before the repartition topic, beside the same ones that get
 * each record: whatever the input and the commits, the results are the same. `SEED` repeats a run.
 */
import { describe, expect, it } from 'vitest'
import {
  aggregator,
  approxDistinct,
  count,
  distinct,
  max,
  mean,
  min,
  quantiles,
  sum,
  where,
} from '../../src/aggregators/aggregators.ts'
import { makeAggregation } from '../../src/operators/aggregation.ts'
import { combinedSerde } from '../../src/operators/combined.ts'
import type { CombiningLimits } from '../../src/operators/combining-sink.ts'
import { CombiningSinkOperator } from '../../src/operators/combining-sink.ts'
import { KeyedAggregateOperator } from '../../src/operators/keyed-aggregate.ts'
import { RepartitionSinkOperator } from '../../src/operators/repartition-sink.ts'
import type { AggregationPlan } from '../../src/operators/specs.ts'
import { WindowedAggregateOperator } from '../../src/operators/windowed-aggregate.ts'
import type { Change } from '../../src/processor/change.ts'
import type { Operator } from '../../src/processor/operator.ts'
import { data } from '../../src/serde/data.ts'
import type { Serde } from '../../src/serde/serde.ts'
import type { Windowed, WindowSpec } from '../../src/windows/windows.ts'
import { FakeContext } from '../simulation/fake-context.ts'
import { FakeState } from '../simulation/fake-state.ts'
import { Random, seedOfRun } from '../support/random.ts'
import { text, windowedSpec } from './windowed-fixture.ts'

interface Sale {
  readonly user: string
  readonly cents: number
}

const large = where((sale: Sale) => sale.cents > 50)
const longest = aggregator({
  init: () => '',
  add: (kept: string, { user }: Sale) => (user > kept ? user : kept),
  merge: (kept: string, other: string) => (other > kept ? other : kept),
})
const plan: AggregationPlan = {
  kind: 'named',
  aggregators: {
    n: count(),
    large: count(large),
    cents: sum((sale: Sale) => sale.cents),
    exact: sum((sale: Sale) => BigInt(sale.cents), large, 0n),
    mean: mean((sale: Sale) => sale.cents),
    least: min((sale: Sale) => sale.cents),
    most: max((sale: Sale) => sale.cents, large),
    users: distinct((sale: Sale) => sale.user),
    about: approxDistinct((sale: Sale) => sale.user),
    half: quantiles((sale: Sale) => sale.cents, [0.5]),
    longest,
  },
}

interface Row {
  readonly key: string
  readonly start: number
  readonly row: unknown
  readonly timestamp: number
}

interface Options extends CombiningLimits {
  readonly plan?: AggregationPlan
  readonly windows?: WindowSpec
  readonly caching?: boolean
}

type End = readonly [FakeContext, Operator, FakeState]

const partitions = 2
const sales: Serde<unknown> = data<unknown>()

/** A task that sends, and for each partition of the topic one that aggregates. */
class Way {
  readonly rows: Row[] = []
  messages = 0
  readonly #sender: FakeContext
  readonly #sink: Operator
  readonly #ends: readonly End[]
  readonly #value: Serde<unknown>

  constructor(isCombined: boolean, options: Options) {
    const { plan: planned = plan, windows, caching = true, ...limits } = options
    const aggregate = { name: 'n', key: text, plan: planned, logged: true, isCombined }
    const parts = combinedSerde('parts', makeAggregation('n', planned), windows !== undefined)
    this.#value = isCombined ? (parts as Serde<unknown>) : sales
    const through = { topic: 'n', key: text, value: this.#value, marksOf: undefined }
    this.#sink = isCombined
      ? new CombiningSinkOperator({ ...through, name: 'n', plan: planned, windows }, limits)
      : new RepartitionSinkOperator(through)
    this.#sender = new FakeContext({ partitionCount: partitions, caching })
    void this.#sink.init(this.#sender)
    this.#ends = Array.from({ length: partitions }, () => {
      const state = new FakeState()
      const context = new FakeContext({ caching, state })
      const end =
        windows === undefined
          ? new KeyedAggregateOperator(aggregate)
          : new WindowedAggregateOperator({ ...aggregate, windows, watermarks: null })
      end.next = {
        process: (key, change, timestamp) => this.#take(key, change as Change<unknown>, timestamp),
      }
      void end.init(context)
      return [context, end, state] as const
    })
  }

  pipe(key: string, value: Sale | null, timestamp: number): void {
    this.#sink.process(key, value, timestamp)
  }

  async commit(): Promise<void> {
    this.#sink.flush()
    for (const { partition, key, value, timestamp } of this.#sender.takeSent()) {
      this.messages += 1
      const [context, end] = this.#ends[partition] as End
      end.process(key && text.deserialize(key), value && this.#value.deserialize(value), timestamp)
      await context.settle()
    }
    for (const [context, end, state] of this.#ends) {
      end.flush()
      state.seal()
      end.committed()
      await context.settle()
    }
    this.#sink.committed()
  }

  get drops(): Readonly<Record<string, number>> {
    const all = [this.#sender, ...this.#ends.map(([context]) => context)]
    const drops: Record<string, number> = {}
    for (const [reason, n] of all.flatMap((context) => Object.entries(context.drops))) {
      drops[reason] = (drops[reason] ?? 0) + n
    }
    return drops
  }

  /** The last row of each key and window. */
  get last(): readonly Row[] {
    return [...new Map(this.rows.map((row) => [`${row.start} ${row.key}`, row])).values()].sort(
      (a, b) => a.start - b.start || (a.key < b.key ? -1 : 1)
    )
  }

  #take(key: unknown, { newValue: row }: Change<unknown>, timestamp: number): void {
    const isWindowed = typeof key === 'object' && key !== null
    const windowed = isWindowed ? (key as Windowed<string>) : { key, window: { start: -1 } }
    this.rows.push({ key: windowed.key as string, start: windowed.window.start, row, timestamp })
  }
}

/** The same records, and the same commits, both ways. */
async function both(
  random: Random,
  options: Options
): Promise<readonly [plain: Way, combined: Way]> {
  const ways = [new Way(false, options), new Way(true, options)] as const
  let now = 20
  for (let at = 0; at < 60; at++) {
    now += random.below(random.chance(0.1) ? 40 : 4)
    const value = { user: `u${random.below(6)}`, cents: random.below(100) }
    const record = [`k${random.below(5)}`, random.chance(0.05) ? null : value] as const
    const timestamp = Math.max(0, now - random.below(25))
    const sale = options.windows === undefined ? record[1] : value
    for (const way of ways) way.pipe(record[0], sale, timestamp)
    if (random.chance(0.15)) for (const way of ways) await way.commit()
  }
  for (const way of ways) for (let turn = 0; turn < 2; turn++) await way.commit()
  return ways
}

const seed = seedOfRun()
const shapes: readonly (readonly [number, number, number])[] = [
  [10, 10, 0],
  [10, 10, 8],
  [12, 4, 3],
  [10, 4, 0],
]

describe('combined before a repartition', () => {
  it('counts, sums and sets are what they are without', async () => {
    for (let life = 0; life < 12; life++) {
      const random = new Random((seed + life) * 7_919)
      const partsMax = random.pick([1, 3, 1_000])
      const [plain, combined] = await both(random, { partsMax })
      expect(combined.last, `SEED=${seed + life}`).toEqual(plain.last)
      expect(combined.drops, `SEED=${seed + life}`).toEqual(plain.drops)
      expect(combined.messages).toBeLessThanOrEqual(plain.messages)
    }
  })

  it.each(['updates', 'final'] as const)(
    'windows hold, and lose, the same: %s',
    async (emission) => {
      for (let life = 0; life < 25; life++) {
        const random = new Random((seed + life) * 7_919)
        const { windows } = windowedSpec(random.pick(shapes as [(typeof shapes)[number]]), emission)
        const options = { windows, partsMax: random.pick([1, 3, 1_000]) }
        const [plain, combined] = await both(random, options)
        const rows = (way: Way) => (emission === 'final' ? sorted(way.rows) : way.last)
        expect(rows(combined), `SEED=${seed + life}`).toEqual(rows(plain))
        expect(combined.drops, `SEED=${seed + life}`).toEqual(plain.drops)
        expect(combined.messages).toBeLessThanOrEqual(plain.messages)
      }
    }
  )

  it('each record goes at once where every update is wanted', async () => {
    const way = new Way(true, { caching: false, plan: { kind: 'count' } })
    for (let at = 0; at < 3; at++) way.pipe('a', { user: 'u', cents: 1 }, at)
    await way.commit()
    expect(way.rows.map(({ row, timestamp }) => [row, timestamp])).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
    ])
  })

  it('a commit sends one record for each key, and none where there is nothing', async () => {
    const way = new Way(true, { plan: { kind: 'count' } })
    for (let at = 0; at < 100; at++) way.pipe(`k${at % 4}`, { user: 'u', cents: 1 }, at)
    await way.commit()
    await way.commit()
    expect(way.messages).toBe(4)
    expect(way.last.map(({ row, timestamp }) => [row, timestamp])).toEqual([
      [25, 96],
      [25, 97],
      [25, 98],
      [25, 99],
    ])
  })

  it('many members go as several messages, well below what a broker takes', async () => {
    const users = { kind: 'named', aggregators: { users: distinct((s: Sale) => s.user) } } as const
    const way = new Way(true, { plan: users })
    for (let at = 0; at < 600; at++) way.pipe('k', { user: `${at}`.repeat(400), cents: 1 }, at)
    await way.commit()
    expect(way.messages).toBeGreaterThan(1)
    expect(way.last).toMatchObject([{ row: { users: 600 } }])
  })

  it('an aggregator that throws leaves nothing of its record to send', async () => {
    const fails = (sale: Sale): number => {
      if (sale.cents < 0) throw new RangeError('below 0')
      return sale.cents
    }
    const way = new Way(true, { plan: { kind: 'named', aggregators: { cents: sum(fails) } } })
    expect(() => way.pipe('a', { user: 'u', cents: -1 }, 0)).toThrow('below 0')
    way.pipe('b', { user: 'u', cents: 3 }, 0)
    await way.commit()
    expect(way.last).toMatchObject([{ key: 'b', row: { cents: 3 } }])
  })
})

function sorted(rows: readonly Row[]): readonly string[] {
  return rows
    .map((row) => JSON.stringify(row, (_, v) => (typeof v === 'bigint' ? `${v}n` : v)))
    .sort()
}
