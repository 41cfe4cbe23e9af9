/** Several grouped streams in one row, each with named aggregators of its own. */
import { describe, expect, it } from 'vitest'
import {
  aggregator,
  collect,
  count,
  distinct,
  last,
  quantiles,
  sum,
  where,
} from '../../src/aggregators/aggregators.ts'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { data } from '../../src/serde/data.ts'
import { string } from '../../src/serde/primitives.ts'
import { session, sliding } from '../../src/windows/record-windows.ts'
import { hopping } from '../../src/windows/windows.ts'
import { expectSameAfterCrashes } from './crashes.ts'
import { faultOf, texts } from './tools.ts'

interface Row {
  readonly words: number
  readonly long: number
  readonly spent: bigint
  readonly last: string | null
  readonly prices: readonly bigint[]
  readonly median: Readonly<Record<0.5, number | null>>
  readonly users: number
  readonly text: string
}

const payments = topic('payments', { key: string(), value: data<{ readonly cents: bigint }>() })
const rows = topic('rows', { key: string(), value: data<Row | null>(), create: true })

function together(builder: StreamsBuilder) {
  const isLong = where((text: string) => text.length > 3)
  return builder
    .stream(texts)
    .groupByKey()
    .cogroup({
      words: count(),
      long: count(isLong),
      last: last((text) => text, isLong),
      users: distinct((text) => text),
      text: aggregator({
        init: () => '',
        add: (all, text: string) => `${all}${text},`,
        merge: (left, right) => left + right,
      }),
    })
    .and(
      builder.stream(payments).groupBy(() => 'k'),
      {
        spent: sum(
          (payment) => payment.cents,
          where(({ cents }) => cents > 0n),
          0n
        ),
        prices: collect(({ cents }) => cents, { max: 2 }),
        median: quantiles(({ cents }) => cents, [0.5]),
      }
    )
}

const kinds: readonly (readonly [string, (builder: StreamsBuilder) => void])[] = [
  ['by key', (builder) => together(builder).aggregate('all').toStream().to(rows)],
  [
    'in hopping windows',
    (builder) =>
      together(builder)
        .windowedBy(hopping('100ms', { advance: '50ms' }))
        .aggregate('all')
        .toStream()
        .map((value) => ({ key: 'k', value }))
        .to(rows),
  ],
  [
    'in sliding windows',
    (builder) =>
      together(builder)
        .windowedBy(sliding('100ms'))
        .aggregate('all')
        .toStream()
        .map((value) => ({ key: 'k', value }))
        .to(rows),
  ],
  [
    'in sessions',
    (builder) =>
      together(builder)
        .windowedBy(session('100ms'))
        .aggregate('all')
        .toStream()
        .map((value) => ({ key: 'k', value }))
        .to(rows),
  ],
]

function topologyOf(draw: (builder: StreamsBuilder) => void) {
  const builder = new StreamsBuilder()
  draw(builder)
  return builder.build()
}

describe.each(kinds)('named aggregators of several streams %s', (_, draw) => {
  it('fill one row, each from its own stream', async () => {
    const found = await expectSameAfterCrashes({
      topology: () => topologyOf(draw),
      output: rows,
      steps: [
        (driver) => driver.input(texts).pipe('k', 'one', 10),
        (driver) => driver.input(payments).pipe('any', { cents: 250n }, 20),
        (driver) => driver.input(texts).pipe('k', 'three', 30),
        (driver) => driver.input(payments).pipe('other', { cents: -50n }, 40),
        (driver) => driver.input(payments).pipe('any', { cents: 7n }, 41),
        (driver) => driver.input(texts).pipe('k', 'one', 42),
      ],
    })
    const whole = found.findLast(([, row]) => (row as Row | null)?.words === 3)
    expect(whole?.[1]).toEqual({
      words: 3,
      long: 1,
      last: 'three',
      users: 2,
      text: 'one,three,one,',
      spent: 257n,
      prices: [250n, -50n],
      median: { 0.5: expect.closeTo(7, 0) },
    })
  })
})

it('is refused in sessions where a field cannot merge', () => {
  const lone = aggregator({ init: () => 0, add: (n: number) => n + 1 }) as ReturnType<
    typeof count<string>
  >
  const build = () =>
    topologyOf((builder) =>
      builder
        .stream(texts)
        .groupByKey()
        .cogroup({ lone })
        .windowedBy(session('1s'))
        .aggregate('all')
        .toStream()
    )
  expect(faultOf(build).code).toBe('MILLRACE_AGGREGATOR_CANNOT_MERGE')
})
