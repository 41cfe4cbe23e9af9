/** Operators of tables, and of streams with tables. */
import type { KStream } from '../../../src/dsl/k-stream.ts'
import type { KTable } from '../../../src/dsl/k-table.ts'
import type { StreamsBuilder } from '../../../src/dsl/streams-builder.ts'
import { both, type Entry, entry, type Input, type Item, left, out, right, rows } from './life.ts'

/** All of the right topic first: a global table is ahead of everything after a restart. */
const globalFirst: readonly Input[] = [
  ...both.filter(([from, , value]) => from === 'right' && value !== null),
  ...both.filter(([from]) => from === 'left'),
]

/** Rows of the right table that come late, each behind what it should have met. */
const lateRows: readonly Input[] = [
  ['right', 'a', { id: 'p', n: 1 }, 1_000],
  ['left', 'a', { id: 'x', n: 2 }, 2_000],
  ['right', 'a', { id: 'p', n: 3 }, 4_000],
  ['left', 'a', { id: 'x', n: 4 }, 5_000],
  ['right', 'b', { id: 'q', n: 5 }, 6_000],
  ['left', 'b', { id: 'x', n: 6 }, 7_000],
  ['right', 'b', { id: 'q', n: 7 }, 16_000],
  ['left', 'b', { id: 'y', n: 8 }, 18_000],
  ['left', 'a', { id: 'y', n: 9 }, 40_000],
]

const sum = (total: number, { n }: Item): number => total + n
const less = (total: number, { n }: Item): number => total - n

const pair = (one: Item | null, other: Item | null): unknown => [one, other]
const idOf = ({ id }: Item): string => id

type Items = KTable<string, Item>
type Values = KStream<string, Item>

/** Two tables. */
function joining(name: string, join: (one: Items, other: Items) => KTable<string, unknown>): Entry {
  const draw = (builder: StreamsBuilder): void => {
    join(builder.table(left, 'one'), builder.table(right, 'other')).toStream().to(out)
  }
  return entry(name, draw, both)
}

/** A stream and a table. */
function looking(
  name: string,
  join: (values: Values, table: Items) => KStream<string, unknown>
): Entry {
  const draw = (builder: StreamsBuilder): void => {
    join(builder.stream(left), builder.table(right, 'rows')).to(out)
  }
  return entry(name, draw, both)
}

export const tables: readonly Entry[] = [
  entry(
    'rows filtered, mapped and kept',
    (builder) => {
      const table = builder.table(left, 'rows')
      table
        .filter(({ n }) => n > 1)
        .mapValues(({ id, n }) => `${id}${n}`)
        .stored('kept')
        .toStream()
        .to(out)
      table
        .filterNot(({ n }) => n > 1)
        .toStream()
        .to(out)
    },
    rows
  ),
  entry(
    'toTable behind a new key',
    (builder) => {
      const keyed = builder.stream(left).selectKey(({ id }) => id)
      keyed.toTable('by-id').toStream().to(out)
    },
    rows.filter(([, , value]) => value !== null)
  ),
  entry(
    'groupBy of a table: count, reduce, aggregate',
    (builder) => {
      const grouped = builder.table(left, 'rows').groupBy((value) => ({ key: value.id, value }))
      grouped.count('counts').toStream().to(out)
      const plus = (one: Item, { n }: Item): Item => ({ ...one, n: one.n + n })
      const minus = (one: Item, { n }: Item): Item => ({ ...one, n: one.n - n })
      grouped.reduce('sums', plus, minus).toStream().to(out)
      grouped
        .aggregate('totals', () => 0, sum, less)
        .toStream()
        .to(out)
    },
    rows
  ),
  joining('join of two tables', (one, other) => one.join(other, pair)),
  joining('leftJoin of two tables', (one, other) => one.leftJoin(other, pair)),
  joining('outerJoin of two tables', (one, other) => one.outerJoin(other, pair)),
  joining('join by a foreign key', (one, other) => one.join('named', other, idOf, pair)),
  joining('leftJoin by a foreign key', (one, other) => one.leftJoin('named', other, idOf, pair)),
  looking('join of a stream with a table', (values, table) => values.join(table, pair)),
  looking('leftJoin of a stream with a table', (values, table) => values.leftJoin(table, pair)),
  entry(
    'join of a stream with a versioned table, waiting for late rows',
    (builder) => {
      const table = builder.table(right, 'rows', { versioned: { history: '1m' } })
      const joiner = (value: Item, row: Item): unknown => [value, row]
      builder.stream(left).join('waiting', table, joiner, { grace: '10s' }).to(out)
    },
    lateRows
  ),
  entry(
    'a versioned table with rows out of order',
    (builder) => {
      const table = builder.table(left, 'rows', { versioned: { history: '20s' } })
      table.toStream().to(out)
      table
        .groupBy(({ id }) => ({ key: id, value: 1 }))
        .count('by-id')
        .toStream()
        .to(out)
    },
    rows
  ),
  entry(
    'joins of a stream with a global table',
    (builder) => {
      const table = builder.globalTable(right, 'everywhere')
      const values = builder.stream(left).filter((value) => value !== null)
      values.join(table, idOf, pair).to(out)
      values.leftJoin(table, idOf, pair).to(out)
    },
    globalFirst
  ),
]
