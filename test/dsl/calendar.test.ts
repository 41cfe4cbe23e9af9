/** Windows of the calendar in running tasks, over the nights in which clocks are changed. */
import { describe, expect, it } from 'vitest'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { untilWindowCloses } from '../../src/dsl/suppress.ts'
import { topic } from '../../src/dsl/topic.ts'
import { int32, string } from '../../src/serde/primitives.ts'
import { timeWindowed } from '../../src/serde/windowed.ts'
import { calendar, tumbling } from '../../src/windows/windows.ts'
import { openDriver } from '../runtime/open-driver.ts'
import { expectSameAfterCrashes } from './crashes.ts'
import { out, texts } from './tools.ts'

const timeZone = 'Europe/Berlin'
const days = calendar('day', { timeZone, grace: '1h' })
const rows = topic('rows', { key: timeWindowed(string(), days), value: int32(), create: true })

const hourMs = 3_600_000
/** Local midnights: before the day of 23 hours, its own, and the two after. */
const [friday, saturday, sunday, monday, tuesday] = [
  '2026-03-26T23:00:00Z',
  '2026-03-27T23:00:00Z',
  '2026-03-28T23:00:00Z',
  '2026-03-29T22:00:00Z',
  '2026-03-30T22:00:00Z',
].map((text) => Date.parse(text)) as [number, number, number, number, number]

/** With some that are late, by the hour of grace or by more. */
const times = [
  saturday,
  saturday + 23 * hourMs,
  sunday + 1,
  sunday - 1,
  sunday + 22.5 * hourMs,
  monday,
  sunday + 2 * hourMs,
  monday + hourMs,
  sunday + 22 * hourMs,
  tuesday + hourMs,
]

type Kind = 'updates' | 'final' | 'suppressed' | 'by watermark' | 'regrouped'

function keyed(kind: Kind): StreamsBuilder {
  const builder = new StreamsBuilder()
  const stream = builder.stream(texts)
  const grouped = kind === 'regrouped' ? stream.groupBy(() => 'k') : stream.groupByKey()
  if (kind === 'updates') {
    grouped.windowedBy(days).count('counts').toStream().to(rows)
  } else if (kind === 'suppressed') {
    const counts = grouped.windowedBy(days).count('counts')
    counts.suppress('final', untilWindowCloses()).toStream().to(rows)
  } else {
    const idle = kind === 'final' ? 'off' : '1m'
    const windows = calendar('day', { timeZone, grace: '1h', idle }).emit('final')
    grouped.windowedBy(windows).count('counts').toStream().to(rows)
  }
  return builder
}

describe('days by key', () => {
  it('take what their clock says, and say where they end', async () => {
    const driver = await openDriver(keyed('updates').build())
    for (const at of times) await driver.input(texts).pipe('k', 'x', at)
    const found = driver.output(rows).readAll()
    expect(found.map(({ key, value }) => [key?.window.start, key?.window.end, value])).toEqual([
      [saturday, sunday, 1],
      [saturday, sunday, 2],
      [sunday, monday, 1],
      [saturday, sunday, 3],
      [sunday, monday, 2],
      [monday, tuesday, 1],
      [sunday, monday, 3],
      [monday, tuesday, 2],
      [tuesday, tuesday + 24 * hourMs, 1],
    ])
    expect(driver.dropped()).toEqual({ late: 1 })
    expect((await driver.rows('counts')).at(-1)?.window?.end).toBe(tuesday + 24 * hourMs)
  })

  it.each(['final', 'suppressed', 'by watermark', 'regrouped'] as const)(
    'come out when their own end and grace have passed: %s',
    async (kind) => {
      const found = await expectSameAfterCrashes({
        topology: () => keyed(kind).build(),
        output: rows,
        steps: [...times, tuesday + 2 * hourMs, tuesday + 2 * hourMs].map(
          (at) => async (driver) => {
            await driver.input(texts).pipe('k', 'x', at)
          }
        ),
      })
      expect(found.map(([key, n]) => [(key as { window: object }).window, n])).toEqual([
        [{ start: saturday, end: sunday }, 3],
        [{ start: sunday, end: monday }, 3],
        [{ start: monday, end: tuesday }, 2],
      ])
    }
  )
})

describe('days without a key', () => {
  function global(kind: 'updates' | 'final', idle: '1m' | 'off' = 'off'): StreamsBuilder {
    const windows = calendar('day', { timeZone, grace: '1h', idle, emptyWindows: true })
    const builder = new StreamsBuilder()
    builder
      .stream(texts)
      .windowedBy(windows.emit(kind))
      .count('counts')
      .toStream()
      .map((n, { window: { start, end } }) => ({
        key: new Date(start).toISOString().slice(0, 13),
        value: `${n} in ${(end - start) / hourMs} h`,
      }))
      .to(out)
    return builder
  }

  it('come out one after the other, the empty ones too', async () => {
    const found = await expectSameAfterCrashes({
      topology: () => global('final').build(),
      output: out,
      steps: [friday, monday + 1, monday, tuesday + hourMs].map((at) => async (driver) => {
        await driver.input(texts).pipe('k', 'x', at)
      }),
    })
    expect(found.map(([key, text, at]) => [key, text, at])).toEqual([
      ['2026-03-26T23', '1 in 24 h', saturday],
      ['2026-03-27T23', '0 in 24 h', sunday],
      ['2026-03-28T23', '0 in 23 h', monday],
      ['2026-03-29T22', '2 in 24 h', tuesday],
    ])
  })

  it('tell of every change, and close when all is silent', async () => {
    const driver = await openDriver(global('updates', '1m').build(), { start: monday })
    for (const at of [sunday, sunday + 22 * hourMs]) await driver.input(texts).pipe('k', 'x', at)
    await driver.advanceWallClock('25h')
    expect(driver.output(out).readPairs()).toEqual([
      ['2026-03-28T23', '1 in 23 h'],
      ['2026-03-28T23', '2 in 23 h'],
    ])
    await driver.input(texts).pipe('k', 'late', monday - 1)
    expect(driver.dropped()).toEqual({ late: 1 })
  })
})

it('weeks and months are windows, too', async () => {
  const builder = new StreamsBuilder()
  const stream = builder.stream(texts).groupByKey()
  const lengths = [
    calendar('week', { timeZone }),
    calendar('week', { timeZone, weekStart: 'sunday' }),
    calendar('month', { timeZone }),
  ]
  for (const [index, windows] of lengths.entries()) {
    stream
      .windowedBy(windows)
      .count(`counts-${index}`)
      .toStream()
      .map((_n, { window: { start, end } }) => ({ key: `${index}`, value: `${start} ${end}` }))
      .to(out)
  }
  const driver = await openDriver(builder.build())
  await driver.input(texts).pipe('k', 'x', sunday)
  const found = Object.fromEntries(driver.output(out).readPairs())
  const at = (...dates: readonly string[]): string => dates.map((one) => Date.parse(one)).join(' ')
  expect(found).toEqual({
    0: at('2026-03-22T23:00:00Z', '2026-03-29T22:00:00Z'),
    1: at('2026-03-28T23:00:00Z', '2026-04-04T22:00:00Z'),
    2: at('2026-02-28T23:00:00Z', '2026-03-31T22:00:00Z'),
  })
})

it('another calendar is another layout: its state is not read as if it were the same', () => {
  const layouts = [
    days,
    calendar('day', { timeZone: 'UTC' }),
    calendar('week', { timeZone }),
    calendar('week', { timeZone, weekStart: 'sunday' }),
    tumbling('1d'),
  ].map((windows) => {
    const builder = new StreamsBuilder()
    builder.stream(texts).groupByKey().windowedBy(windows).count('counts')
    return builder.build().subtopologies[0]?.stores[0]?.layout
  })
  expect(new Set(layouts).size).toBe(5)
  expect(layouts[2]).toBe('count by string in weeks from monday on in Europe/Berlin, updates')
})
