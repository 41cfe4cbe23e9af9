/** Topologies of the DSL that run: what only shows once all parts work together. */
import { afterEach, describe, expect, it } from 'vitest'
import { count, distinct } from '../../src/aggregators/aggregators.ts'
import { merge } from '../../src/dsl/merge.ts'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { keyValueStore } from '../../src/processor/stores.ts'
import { data } from '../../src/serde/data.ts'
import { nullable } from '../../src/serde/nullable.ts'
import { int32, string } from '../../src/serde/primitives.ts'
import { timeWindowed } from '../../src/serde/windowed.ts'
import { TopologyTestDriver } from '../../src/testing/index.ts'
import type { TestDriverOptions } from '../../src/testing/topology-test-driver.ts'
import { tumbling } from '../../src/windows/windows.ts'
import { out, texts } from './tools.ts'

let driver: TopologyTestDriver | undefined

async function open(builder: StreamsBuilder, options?: TestDriverOptions) {
  driver = await TopologyTestDriver.open(builder.build(), options)
  return driver
}

afterEach(async () => {
  await driver?.close()
  driver = undefined
})

describe('windows by key behind a repartition', () => {
  const windows = tumbling('10ms', { idle: '1s' }).emit('final')
  const rows = topic('rows', { key: timeWindowed(string(), '10ms'), value: int32(), create: true })

  function counting(): StreamsBuilder {
    const builder = new StreamsBuilder()
    builder
      .stream(texts)
      .groupBy((text) => text)
      .windowedBy(windows)
      .count('counts')
      .toStream()
      .to(rows)
    return builder
  }

  const shown = (running: TopologyTestDriver) =>
    running
      .output(rows)
      .readAll()
      .map(({ key, value }) => `${key?.key} ${key?.window.start} ${value}`)
      .sort()

  it('close when the slowest partition of the source has passed them', async () => {
    const running = await open(counting(), { partitions: 2 })
    const input = running.input(texts)
    // A partition that was confirmed empty holds nothing back until it speaks.
    await input.pipeAll([{ key: 'k', value: 'c', timestamp: 0, partition: 1 }])
    await input.pipeAll([
      { key: 'k', value: 'a', timestamp: 1, partition: 0 },
      { key: 'k', value: 'b', timestamp: 2, partition: 0 },
      { key: 'k', value: 'a', timestamp: 50, partition: 0 },
    ])
    expect(shown(running)).toEqual([])
    await input.pipeAll([
      { key: 'k', value: 'a', timestamp: 3, partition: 1 },
      { key: 'k', value: 'b', timestamp: 15, partition: 1 },
    ])
    expect(shown(running)).toEqual(['a 0 2', 'b 0 1', 'c 0 1'])
  })

  it('close once the source has been silent', async () => {
    const running = await open(counting(), { partitions: 2, start: 0 })
    await running.input(texts).pipe('k', 'a', 1)
    expect(shown(running)).toEqual([])
    await running.advanceWallClock('10s')
    await running.advanceWallClock('10s')
    expect(shown(running)).toEqual(['a 0 1'])
  })

  it('survive a crash with their marks', async () => {
    const running = await open(counting(), { partitions: 2 })
    const input = running.input(texts)
    await input.pipe('k', 'a', 1)
    await running.crash()
    await running.restart()
    await input.pipeAll([
      { key: 'k', value: 'a', timestamp: 2, partition: 0 },
      { key: 'k', value: 'a', timestamp: 40, partition: 0 },
      { key: 'k', value: 'a', timestamp: 40, partition: 1 },
    ])
    expect(shown(running)).toEqual(['a 0 2'])
  })
})

describe('values that nobody reads', () => {
  const numbers = topic('numbers', { key: string(), value: nullable(int32()) })

  it('are counted without being decoded, null ones are not', async () => {
    const builder = new StreamsBuilder()
    builder
      .stream(numbers)
      .groupByKey()
      .count('n')
      .toStream()
      .mapValues(String)
      .to(topic('out', { key: string(), value: string(), create: true }))
    const running = await open(builder)
    const input = running.input(numbers)
    await input.pipe('a', 1, 1)
    await input.pipeBytes(Buffer.from('a'), Buffer.from('not four bytes'), 2)
    await input.pipe('a', null, 3)
    expect(running.output(out).readPairs()).toEqual([
      ['a', '1'],
      ['a', '2'],
    ])
    expect(running.dropped()).toEqual({ null_value: 1 })
  })

  it('are decoded where the source validates', async () => {
    const builder = new StreamsBuilder()
    const counts = builder.stream(numbers, { validate: true }).groupByKey().count('n')
    counts.toStream().mapValues(String).to(out)
    const running = await open(builder)
    const input = running.input(numbers)
    await input.pipe('a', 1, 1)
    await input.pipeBytes(Buffer.from('a'), Buffer.from('not four bytes'), 2)
    expect(running.output(out).readPairs()).toEqual([['a', '1']])
    expect(running.dropped()).toEqual({ decode: 1 })
  })
})

describe('windows without a key', () => {
  it('come together downstream, and show gauges that survive a crash', async () => {
    const builder = new StreamsBuilder()
    const stream = builder.stream(texts)
    const windows = tumbling('10ms').emit('final')
    const counts = stream.windowedBy(windows).count('counts')
    const kinds = stream.windowedBy(windows).aggregate('kinds', { n: distinct((text) => text) })
    counts.toGauge({ name: 'records', help: 'h', value: (n) => n })
    merge(
      counts.toStream().map((n, { window }) => ({ key: `counts ${window.end}`, value: n })),
      kinds.toStream().map(({ n }, { window }) => ({ key: `kinds ${window.end}`, value: n }))
    ).to(topic('rows', { key: string(), value: int32(), create: true, partitions: 1 }))
    const running = await open(builder)
    await running
      .input(texts)
      .pipeAll(['a', 'b', 'a'].map((value, at) => ({ key: 'k', value, timestamp: at * 2 })))
    await running.input(texts).pipe('k', 'z', 10)
    const rows = running.output({ name: 'rows', key: string(), value: int32() }).readPairs()
    expect([...rows].sort()).toEqual([
      ['counts 10', 3],
      ['kinds 10', 2],
    ])
    expect(running.gauge('records')).toBe(3)
    await running.crash()
    await running.restart()
    expect(running.gauge('records')).toBe(3)
  })
})

describe('a processor behind a repartition', () => {
  it('keeps what its stores hold, and shares them by handle', async () => {
    const seen = keyValueStore('seen', { key: string(), value: data<{ n: number }>() })
    const builder = new StreamsBuilder()
    builder
      .stream(texts)
      .selectKey((text) => text)
      .repartition('by-text')
      .processValues('nth', { seen }, (_context, { seen }) => (text) => {
        const n = (seen.get(text)?.n ?? 0) + 1
        seen.put(text, { n })
        return `${text}${n}`
      })
      .to(topic('out', { key: string(), value: string(), create: true }))
    const running = await open(builder)
    const input = running.input(texts)
    await input.pipe('k', 'a', 1)
    await running.crash()
    await running.restart({ wipe: true })
    await input.pipe('k', 'a', 2)
    expect(running.output(out).readPairs()).toEqual([
      ['a', 'a1'],
      ['a', 'a2'],
    ])
  })
})

describe('branches', () => {
  it('go to the topics that a function chooses', async () => {
    const builder = new StreamsBuilder()
    const short = topic('short', { key: string(), value: string(), create: true })
    const long = topic('long', { key: string(), value: string(), create: true })
    const { some } = builder
      .stream(texts)
      .split()
      .branch('some', (text) => text !== 'none')
      .noDefaultBranch()
    some.to((text) => (text.length > 1 ? long : short), { among: [short, long] })
    some.toCounter({ name: 'some_total', help: 'h', label: { name: 'text', of: (text) => text } })
    const running = await open(builder)
    for (const text of ['a', 'none', 'bc', 'a']) await running.input(texts).pipe('k', text, 1)
    expect(running.output(short).readPairs()).toHaveLength(2)
    expect(running.output(long).readPairs()).toEqual([['k', 'bc']])
    const counted = running.counters().map(({ labels, value }) => [labels['text'], value])
    expect(counted).toEqual([
      ['a', 2],
      ['bc', 1],
    ])
  })

  it('count what a source rejects', async () => {
    const builder = new StreamsBuilder()
    const numbers = topic('numbers', { key: string(), value: int32() })
    builder
      .stream(numbers, { maxFuture: '1s', rejections: { name: 'refused', help: 'h' } })
      .windowedBy(tumbling('1d'))
      .aggregate('n', { n: count(), kinds: distinct((value) => value) })
    const running = await open(builder, { start: 0 })
    await running.input(numbers).pipe('k', 1, 2_000)
    await running.input(numbers).pipe('k', null, 1)
    await running.input(numbers).pipeBytes(Buffer.from('k'), Buffer.from('x'), 1)
    const reasons = running.counters().map(({ labels }) => labels['reason'])
    expect(reasons.sort()).toEqual(['decode', 'future', 'null_value'])
  })
})
