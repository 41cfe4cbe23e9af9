/** Operators of streams: record by record, processors, joins, duplicates. */
import type { KStream } from '../../../src/dsl/k-stream.ts'
import { merge } from '../../../src/dsl/merge.ts'
import type { ProcessorContext } from '../../../src/processor/processor.ts'
import { keyValueStore, windowStore } from '../../../src/processor/stores.ts'
import { data } from '../../../src/serde/data.ts'
import { string } from '../../../src/serde/primitives.ts'
import { within } from '../../../src/windows/join-window.ts'
import { type Entry, entry, type Item, left, out, pairs, right, stream } from './life.ts'

const near = within('5s', { grace: '3s' })
type Context = ProcessorContext<string, number>

type Items = KStream<string, Item>

const pair = (one: Item | null, other: Item | null): unknown => [one, other]

function pairing(
  name: string,
  join: (one: Items, other: Items) => KStream<string, unknown>
): Entry {
  return entry(name, (builder) => join(builder.stream(left), builder.stream(right)).to(out), pairs)
}

export const streams: readonly Entry[] = [
  entry(
    'record by record',
    (builder) => {
      const { odd, rest } = builder
        .stream(left)
        .filter(({ n }) => n !== 2)
        .filterNot(({ n }) => n === 5)
        .peek(() => {})
        .split()
        .branch('odd', ({ n }) => n % 2 === 1)
        .defaultBranch('rest')
      odd
        .map(({ id, n }, key) => ({ key: id, value: `${key} ${n}` }))
        .flatMap((value, key) => [
          { key, value },
          { key: value, value: key },
        ])
        .toCounter({ name: 'odd_total', help: 'Odd ones.' })
        .to(() => out, { among: [out] })
      rest
        .selectKey(({ id }) => id)
        .mapValues(({ n }) => n)
        .flatMapValues((n) => [n, -n])
        .to(out)
      rest.forEach(() => {})
      rest.print({ write: () => {} })
      merge(odd, rest).to(out)
    },
    stream
  ),
  entry(
    'repartition',
    (builder) => {
      const keyed = builder.stream(left).selectKey(({ id }) => id)
      keyed.repartition('by-id').to(out)
    },
    stream
  ),
  entry(
    'process with stores',
    (builder) => {
      const seen = keyValueStore('seen', { key: string(), value: data<number>() })
      const recent = windowStore('recent', {
        key: string(),
        value: data<number>(),
        size: '10s',
        retention: '30s',
      })
      builder
        .stream(left)
        .process('sums', { seen, recent }, (context: Context, stores) => ({
          async process({ key, value, timestamp }) {
            const sum = (stores.seen.get(key) ?? 0) + value.n
            stores.seen.put(key, sum)
            stores.recent.put(key, sum, timestamp - (timestamp % 10_000))
            for await (const [start, old] of stores.recent.fetch(key, 0, timestamp)) {
              context.forward({ key: `${key} ${start}`, value: old })
            }
          },
        }))
        .to(out)
    },
    stream
  ),
  entry(
    'processValues with a store',
    (builder) => {
      const nth = keyValueStore('nth', { key: string(), value: data<number>() })
      builder
        .stream(left)
        .processValues('numbered', { nth }, (_context, stores) => (value, key) => {
          const n = (stores.nth.get(key) ?? 0) + 1
          stores.nth.put(key, n)
          return `${n}: ${value.id}`
        })
        .to(out)
    },
    stream
  ),
  entry(
    'mapAsync',
    (builder) => {
      const answer = async ({ id, n }: Item): Promise<string> => {
        for (let turns = n % 3; turns > 0; turns--) await new Promise(setImmediate)
        return `${id} ${n}`
      }
      builder.stream(left).mapAsync(answer, { concurrency: 2 }).to(out)
    },
    stream
  ),
  entry(
    'deduplicate',
    (builder) => {
      const options = { by: ({ id }: { readonly id: string }) => id, within: '8s' } as const
      builder.stream(left).deduplicate('once', options).to(out)
    },
    stream
  ),
  pairing('join of two streams', (one, other) => one.join('pairs', other, near, pair)),
  pairing('leftJoin of two streams', (one, other) => one.leftJoin('pairs', other, near, pair)),
  pairing('outerJoin of two streams', (one, other) => one.outerJoin('pairs', other, near, pair)),
  {
    name: 'a stream joined with itself',
    build(builder) {
      const one = builder.stream(left)
      one.join('twins', one, near, (l, r) => `${l.n} ${r.n}`).to(out)
      return builder.build({ optimize: true })
    },
    input: stream,
  },
]
