/** Aggregates: by key and without one, in windows of each kind; what holds their rows back. */
import { collect, count, distinct, sum } from '../../../src/aggregators/aggregators.ts'
import type { KGroupedStream } from '../../../src/dsl/k-grouped-stream.ts'
import type { KStream } from '../../../src/dsl/k-stream.ts'
import type { KTable } from '../../../src/dsl/k-table.ts'
import type { StreamsBuilder } from '../../../src/dsl/streams-builder.ts'
import { untilTimeLimit, untilWindowCloses } from '../../../src/dsl/suppress.ts'
import type { Topology } from '../../../src/topology/topology.ts'
import { session, sliding } from '../../../src/windows/record-windows.ts'
import { hopping, tumbling } from '../../../src/windows/windows.ts'
import { both, type Entry, entry, type Item, left, out, pairs, right, stream } from './life.ts'

type Grouped = KGroupedStream<string, Item>

const fields = {
  n: count(),
  sum: sum((item: Item) => item.n),
  ids: distinct((item: Item) => item.id),
  all: collect((item: Item) => item.n, { max: 3 }),
}
const merged = { n: count(), ids: distinct((item: Item) => item.id) }
const grace = { grace: '5s' } as const

const add = (total: number, { n }: Item): number => total + n
const plus = (one: Item, { n }: Item): Item => ({ ...one, n: one.n + n })

/** Grouped by the key as it is. */
function keyed<K, V>(name: string, table: (grouped: Grouped) => KTable<K, V>): Entry {
  const draw = (builder: StreamsBuilder): void => {
    const made = table(builder.stream(left).groupByKey()) as KTable<unknown, unknown>
    made.toStream().to(out)
  }
  return entry(name, draw, stream)
}

/** Grouped by another key, behind a repartition topic. */
function regrouped<K, V>(name: string, table: (grouped: Grouped) => KTable<K, V>): Entry {
  const draw = (builder: StreamsBuilder): void => {
    const made = table(builder.stream(left).groupBy(({ id }) => id)) as KTable<unknown, unknown>
    made.toStream().to(out)
  }
  return entry(name, draw, stream)
}

/** The same, with one record of many in front of it. */
function combined<K, V>(name: string, table: (grouped: Grouped) => KTable<K, V>): Entry {
  const build = (builder: StreamsBuilder): Topology => {
    const made = table(builder.stream(left).groupBy(({ id }) => id)) as KTable<unknown, unknown>
    made.toStream().to(out)
    return builder.build({ optimize: ['combine-before-repartition'] })
  }
  return { name, build, input: stream }
}

const late = {
  late: (records: KStream<string, Item>): void => {
    records.mapValues((item) => ['late', item]).to(out)
  },
}

export const aggregates: readonly Entry[] = [
  keyed('count', (grouped) => grouped.count('n')),
  keyed('reduce', (grouped) => grouped.reduce('sum', plus)),
  keyed('aggregate in steps', (grouped) => grouped.aggregate('total', () => 0, add)),
  regrouped('named aggregators behind a repartition topic', (grouped) =>
    grouped.aggregate('fields', fields)
  ),
  combined('named aggregators of combined records', (grouped) =>
    grouped.aggregate('fields', merged)
  ),
  ...(['updates', 'final'] as const).flatMap((emission) => [
    combined(`hopping windows of combined records, ${emission}`, (grouped) =>
      grouped.windowedBy(hopping('10s', { advance: '4s' }).emit(emission)).count('n')
    ),
    combined(`windows of combined records that close by received marks, ${emission}`, (grouped) =>
      grouped.windowedBy(tumbling('10s', { idle: '1m' }).emit(emission)).aggregate('n', merged)
    ),
    keyed(`tumbling windows, ${emission}, with late records`, (grouped) =>
      grouped.windowedBy(tumbling('10s', grace).emit(emission), late).aggregate('n', fields)
    ),
    keyed(`hopping windows, ${emission}`, (grouped) =>
      grouped.windowedBy(hopping('10s', { advance: '4s' }).emit(emission)).count('n')
    ),
    keyed(`windows that close by the task's marks, ${emission}`, (grouped) =>
      grouped.windowedBy(tumbling('10s', { idle: '1m' }).emit(emission), late).count('n')
    ),
    regrouped(`windows that close by received marks, ${emission}`, (grouped) =>
      grouped.windowedBy(tumbling('10s', { idle: '1m' }).emit(emission)).count('n')
    ),
    keyed(`sessions, ${emission}, with late records`, (grouped) =>
      grouped.windowedBy(session('5s', grace).emit(emission), late).aggregate('n', merged)
    ),
    keyed(`sliding windows, ${emission}, with late records`, (grouped) =>
      grouped.windowedBy(sliding('5s', grace).emit(emission), late).reduce('n', plus)
    ),
    entry(
      `windows without a key, ${emission}, with late records`,
      (builder) => {
        const windows = hopping('20s', { advance: '10s', emptyWindows: true }).emit(emission)
        const table = builder.stream(left).windowedBy(windows, late).aggregate('n', merged)
        table.toGauge({ name: 'n', help: 'Records.', value: ({ n }) => n })
        table.toStream().to(out)
      },
      stream
    ),
  ]),
  keyed('suppress until a time limit', (grouped) =>
    grouped.count('n').suppress('held', untilTimeLimit('15s'))
  ),
  keyed('suppress until windows close', (grouped) =>
    grouped.windowedBy(tumbling('10s', grace)).count('n').suppress('held', untilWindowCloses())
  ),
  keyed('suppress until sessions close', (grouped) =>
    grouped.windowedBy(session('5s')).count('n').suppress('held', untilWindowCloses())
  ),
  entry(
    'cogroup',
    (builder) =>
      cogroup(builder)
        .aggregate('n', () => 0)
        .toStream()
        .to(out),
    pairs
  ),
  entry(
    'cogroup in windows',
    (builder) => {
      const windowed = cogroup(builder).windowedBy(tumbling('10s', grace))
      windowed
        .aggregate('n', () => 0)
        .toStream()
        .to(out)
    },
    pairs
  ),
  entry(
    'cogroup in sessions',
    (builder) => {
      const windowed = cogroup(builder).windowedBy(session('5s', grace))
      windowed
        .aggregate(
          'n',
          () => 0,
          (a, b) => a + b
        )
        .toStream()
        .to(out)
    },
    pairs
  ),
  entry(
    'cogroup in sliding windows behind repartition topics',
    (builder) => {
      const one = builder.stream(left).groupBy(({ id }) => id)
      const other = builder.stream(right).groupByKey()
      one
        .cogroup(add)
        .and(other, (total: number, { n }) => total - n)
        .windowedBy(sliding('5s', grace))
        .aggregate('n', () => 0)
        .toStream()
        .to(out)
    },
    both.filter(([, , value]) => value !== null)
  ),
]

function cogroup(builder: StreamsBuilder) {
  const other = builder.stream(right).groupByKey()
  const one = builder.stream(left).groupByKey()
  return one.cogroup(add).and(other, (total: number, { n }) => total - n)
}
