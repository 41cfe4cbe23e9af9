/** Records that count for no window of an aggregate, as a stream of their own. */
import { describe, expect, it } from 'vitest'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { int32, string } from '../../src/serde/primitives.ts'
import { timeWindowed } from '../../src/serde/windowed.ts'
import { hopping, tumbling } from '../../src/windows/windows.ts'
import { openDriver } from '../runtime/open-driver.ts'
import { expectSameAfterCrashes } from './crashes.ts'
import { texts } from './tools.ts'

const lateTopic = topic('too-late', { key: string(), value: string(), create: true })
const rows = topic('rows', { key: timeWindowed(string(), '10ms'), value: int32(), create: true })
const windows = tumbling('10ms', { grace: '5ms' })

/** By key, where the key has changed or not, by stream time or by watermark. */
function keyed(kind: 'updates' | 'final', idle: 'off' | '1s', rekeyed: boolean): StreamsBuilder {
  const builder = new StreamsBuilder()
  const stream = builder.stream(texts)
  const grouped = rekeyed ? stream.groupBy((text) => text) : stream.groupByKey()
  grouped
    .windowedBy(tumbling('10ms', { grace: '5ms', idle }).emit(kind), {
      late: (records) => records.to(lateTopic),
    })
    .count('counts')
    .toStream()
    .to(rows)
  return builder
}

function global(kind: 'updates' | 'final'): StreamsBuilder {
  const builder = new StreamsBuilder()
  builder
    .stream(texts)
    .windowedBy(windows.emit(kind), { late: (records) => records.to(lateTopic) })
    .count('counts')
    .toStream()
    .map((value, { window }) => ({ key: { key: '', window }, value }))
    .to(rows)
  return builder
}

const kinds: readonly (readonly [string, () => StreamsBuilder, string])[] = [
  ['by key, with updates', () => keyed('updates', 'off', false), 'k'],
  ['by key, final', () => keyed('final', 'off', false), 'k'],
  ['by a new key', () => keyed('final', 'off', true), 'late'],
  ['by key and watermark', () => keyed('final', '1s', false), 'k'],
  ['by a new key and watermark', () => keyed('updates', '1s', true), 'late'],
  ['without a key, with updates', () => global('updates'), 'k'],
  ['without a key, final', () => global('final'), 'k'],
]

describe.each(kinds)('late records of windows %s', (_, build, key) => {
  it('come out as they came, once each, and are counted', async () => {
    const driver = await openDriver(build().build())
    const input = driver.input(texts)
    await input.pipe('k', 'a', 5)
    await input.pipe('k', 'b', 14)
    await input.pipe('k', 'in time', 9)
    await input.pipe('k', 'c', 15)
    await input.pipe('k', 'late', 8, [['h', Buffer.from('1')]])
    const found = driver.output(lateTopic).readAll()
    expect(found.map((record) => [record.key, record.value, record.timestamp])).toEqual([
      [key, 'late', 8],
    ])
    expect(found[0]?.headers.map(([name]) => name)).toEqual(['h'])
    expect(driver.dropped()).toEqual({ late: 1 })
  })

  it('come to the same whatever crashes in between', async () => {
    const times = [5, 14, 9, 15, 8, 30, 2, 31, 26]
    const late = await expectSameAfterCrashes({
      topology: () => build().build(),
      output: lateTopic,
      steps: times.map((at) => async (driver) => {
        await driver.input(texts).pipe('k', `at ${at}`, at)
      }),
    })
    expect(late.map(([, value]) => value)).toEqual(['at 8', 'at 2'])
  })
})

describe('the stream of late records', () => {
  it('leaves out what counts for one of several windows', async () => {
    const builder = new StreamsBuilder()
    builder
      .stream(texts)
      .groupByKey()
      .windowedBy(hopping('20ms', { advance: '10ms' }), { late: (late) => late.to(lateTopic) })
      .count('counts')
    const driver = await openDriver(builder.build())
    await driver.input(texts).pipe('k', 'new', 25)
    await driver.input(texts).pipe('k', 'half', 15)
    await driver.input(texts).pipe('k', 'none', 5)
    expect(driver.output(lateTopic).readPairs()).toEqual([['k', 'none']])
  })

  it('is there for each aggregate, and decodes what nobody else reads', async () => {
    const builder = new StreamsBuilder()
    const grouped = builder.stream(texts).groupByKey()
    const windowed = grouped.windowedBy(windows, {
      late: (records) => records.mapValues((text) => text.toUpperCase()).to(lateTopic),
    })
    windowed.count('one')
    windowed.count('two')
    const driver = await openDriver(builder.build())
    await driver.input(texts).pipe('k', 'a', 100)
    await driver.input(texts).pipe('k', 'b', 1)
    expect(driver.output(lateTopic).readPairs()).toEqual([
      ['k', 'B'],
      ['k', 'B'],
    ])
  })
})
