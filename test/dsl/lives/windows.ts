/** Windows with rules of their own: of calendars, without an end, those closed by watermark. */
import { isDeepStrictEqual } from 'node:util'
import { count, distinct } from '../../../src/aggregators/aggregators.ts'
import type { KGroupedStream } from '../../../src/dsl/k-grouped-stream.ts'
import type { KStream } from '../../../src/dsl/k-stream.ts'
import type { KTable } from '../../../src/dsl/k-table.ts'
import type { StreamsBuilder } from '../../../src/dsl/streams-builder.ts'
import { untilWindowCloses } from '../../../src/dsl/suppress.ts'
import { session, sliding } from '../../../src/windows/record-windows.ts'
import { unlimited } from '../../../src/windows/unlimited.ts'
import { calendar, type Emission, tumbling, type Windowed } from '../../../src/windows/windows.ts'
import { type Entry, entry, type Found, type Input, type Item, left, out, stream } from './life.ts'

type Grouped = KGroupedStream<string, Item>
type Grouping = 'by key' | 'by another key'

const plus = (one: Item, { n }: Item): Item => ({ ...one, n: one.n + n })
const late = {
  late: (records: KStream<string, Item>): void => {
    records.mapValues((item) => ['late', item]).to(out)
  },
}

/** By the key as it is, or by another one behind a repartition topic. */
function grouped<K, V>(
  name: string,
  grouping: Grouping,
  table: (grouped: Grouped) => KTable<K, V>,
  input: readonly Input[] = stream
): Entry {
  const draw = (builder: StreamsBuilder): void => {
    const records = builder.stream(left)
    const groups = grouping === 'by key' ? records.groupByKey() : records.groupBy(({ id }) => id)
    const made = table(groups) as KTable<unknown, unknown>
    made.toStream().to(out)
  }
  return entry(`${name}, ${grouping}`, draw, input)
}

const groupings = ['by key', 'by another key'] as const

const silent: readonly Entry[] = groupings.flatMap((grouping) => [
  ...(['updates', 'final'] as const).flatMap((emission) => [
    grouped(`sessions that close by watermark, ${emission}`, grouping, (groups) =>
      groups
        .windowedBy(session('5s', { grace: '5s', idle: '1m' }).emit(emission), late)
        .aggregate('n', { n: count(), ids: distinct(({ id }) => id) })
    ),
    grouped(`sliding windows that close by watermark, ${emission}`, grouping, (groups) =>
      groups
        .windowedBy(sliding('5s', { grace: '2s', idle: '1m' }).emit(emission), late)
        .reduce('n', plus)
    ),
  ]),
  grouped('suppress until sessions close by watermark', grouping, (groups) =>
    groups
      .windowedBy(session('5s', { idle: '1m' }))
      .count('n')
      .suppress('held', untilWindowCloses())
  ),
  grouped('suppress until windows close by watermark', grouping, (groups) =>
    groups
      .windowedBy(tumbling('10s', { idle: '1m' }))
      .count('n')
      .filter((n) => n !== 2)
      .suppress('held', untilWindowCloses())
  ),
])

const hourMs = 3_600_000

/** Zones, and the moments at which their clocks are changed: forward, back, over a whole date. */
const changes: readonly (readonly [zone: string, at: string])[] = [
  ['Europe/Berlin', '2026-03-29T01:00:00Z'],
  ['Europe/Berlin', '2026-10-25T01:00:00Z'],
  ['America/New_York', '2026-03-08T07:00:00Z'],
  ['America/New_York', '2026-11-01T06:00:00Z'],
  ['Australia/Lord_Howe', '2026-10-03T15:30:00Z'],
  ['Australia/Lord_Howe', '2026-04-04T15:00:00Z'],
  ['America/Sao_Paulo', '2018-11-04T03:00:00Z'],
  ['America/Sao_Paulo', '2018-02-18T02:00:00Z'],
  ['Pacific/Apia', '2011-12-30T10:00:00Z'],
]

/** Around the change, a little out of order, and far behind it. */
function inputAround(change: number): readonly Input[] {
  const hours = [-26, -25, -3, -2, -3.5, -0.001, 0, 1, 0.5, 21.9, 24, 23, 46, 300, 301]
  return hours.map((hour, index): Input => {
    const at = Math.round(change + hour * hourMs)
    return ['left', 'ab'.charAt(index % 2), { id: 'xy'.charAt(index % 2), n: index }, at]
  })
}

/** Each date has the records that its clock showed it for, from its first moment to its last. */
function holdsDates(zone: string, change: number): (found: Found) => void {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' })
  const dateOf = (time: number): string => format.format(time)
  const near = inputAround(change).filter(([, , , at]) => at < change + 200 * hourMs)
  return (found) => {
    const counts = new Map<string, number>()
    for (const [, key, , at] of near) {
      const name = `${key === 'a' ? 'a' : 'b'} ${dateOf(at)}`
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    const rows = new Map<string, unknown>()
    for (const [windowed, n] of found) {
      const { key, window } = windowed as Windowed<string>
      const { start, end } = window
      const days = [start - 1, start, end - 1, end].map(dateOf)
      if (days[0] === days[1] || days[1] !== days[2] || days[2] === days[3]) {
        throw new Error(`${zone}: ${start} to ${end} is no date but ${days.join(', ')}`)
      }
      if (start > change + 200 * hourMs) continue
      rows.set(`${key === 'a' || key === 'x' ? 'a' : 'b'} ${days[1]}`, n)
    }
    const sorted = (map: Map<string, unknown>): unknown =>
      [...map].sort(([a], [b]) => (a < b ? -1 : 1))
    if (!isDeepStrictEqual(sorted(rows), sorted(counts))) {
      throw new Error(`${zone}: ${JSON.stringify([sorted(rows), sorted(counts)])}`)
    }
  }
}

const calendars: readonly Entry[] = changes.map(([zone, text], index) => {
  const change = Date.parse(text)
  const emission: Emission = index % 2 === 0 ? 'final' : 'updates'
  const idle = index % 3 === 0 ? 'off' : '1m'
  const windows = calendar('day', { timeZone: zone, grace: '2h', idle }).emit(emission)
  const made = grouped(
    `days in ${zone} around ${text.slice(0, 10)}, ${emission}, idle: ${idle}`,
    groupings[Math.floor(index / 2) % 2] as Grouping,
    (groups) => groups.windowedBy(windows, late).count('n'),
    inputAround(change)
  )
  return { ...made, holds: holdsDates(zone, change) }
})

const endless: readonly Entry[] = groupings.map((grouping) =>
  grouped('a window without an end', grouping, (groups) =>
    groups
      .windowedBy(unlimited({ start: 11_500 }))
      .aggregate('n', { n: count(), ids: distinct(({ id }) => id) })
  )
)

export const windows: readonly Entry[] = [...silent, ...calendars, ...endless]
