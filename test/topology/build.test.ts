/** Sub-topologies, internal topics and marks: what the runtime is told. */
import { describe, expect, it } from 'vitest'
import { count } from '../../src/aggregators/aggregators.ts'
import { merge } from '../../src/dsl/merge.ts'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { keyValueStore, windowStore } from '../../src/processor/stores.ts'
import { string } from '../../src/serde/primitives.ts'
import type { Topology, TopologyTopic } from '../../src/topology/topology.ts'
import { hopping, tumbling } from '../../src/windows/windows.ts'
import { events, nodeOf, out, sourceOf, texts } from '../dsl/tools.ts'

const anyTime = {
  'message.timestamp.before.max.ms': '9223372036854775807',
  'message.timestamp.after.max.ms': '9223372036854775807',
}
const tombstones = { 'delete.retention.ms': '86400000' }
const ownTime = { 'message.timestamp.type': 'CreateTime', ...anyTime }

function topicOf(
  { topics }: Topology,
  name: string,
  role: TopologyTopic['role']
): TopologyTopic | undefined {
  return topics.find((one) => one.name === name && one.role === role)
}

describe('a grouping', () => {
  it('by the key as it is needs no repartition', () => {
    const builder = new StreamsBuilder()
    builder
      .stream(texts)
      .filter((text) => text !== '')
      .groupByKey()
      .count('n')
    const topology = builder.build()
    expect(topology.subtopologies).toHaveLength(1)
    expect(topology.topics).toEqual([
      { name: 'texts', role: 'source', partitions: undefined, config: {}, create: false },
      {
        name: 'n',
        role: 'changelog',
        partitions: { sameAs: ['texts'] },
        config: { 'cleanup.policy': 'compact', ...tombstones, ...ownTime },
        create: true,
      },
    ])
  })

  it('by a key that has changed repartitions under the name of the aggregate', () => {
    const builder = new StreamsBuilder()
    builder
      .stream(texts)
      .groupBy((text) => text)
      .count('by-text')
    const topology = builder.build()
    expect(topology.subtopologies.map(({ nodes }) => nodes.map(({ name }) => name))).toEqual([
      [
        'KSTREAM-SOURCE-0000000000',
        'KSTREAM-KEY-SELECT-0000000001',
        'by-text-repartition-filter',
        'by-text-repartition-sink',
      ],
      ['by-text-repartition-source', 'KSTREAM-AGGREGATE-0000000002'],
    ])
    expect(topicOf(topology, 'by-text', 'repartition')).toEqual({
      name: 'by-text',
      role: 'repartition',
      partitions: { sameAs: ['texts'] },
      config: {
        'cleanup.policy': 'delete',
        'retention.ms': '-1',
        'retention.bytes': '-1',
        ...ownTime,
      },
      create: true,
    })
    expect(topicOf(topology, 'by-text', 'changelog')?.partitions).toEqual({ sameAs: ['by-text'] })
    expect(nodeOf(topology, 'by-text-repartition-sink')).toMatchObject({
      kind: 'sink',
      topic: 'by-text',
    })
  })

  it.each([
    ['map', (s: Texts) => s.map((value, key) => ({ key, value })), true],
    ['flatMap', (s: Texts) => s.flatMap((value, key) => [{ key, value }]), true],
    ['selectKey', (s: Texts) => s.selectKey((value) => value), true],
    [
      'a merge with a changed key',
      (s: Texts) =>
        merge(
          s,
          s.selectKey((v) => v)
        ),
      true,
    ],
    ['selectKey and a filter', (s: Texts) => s.selectKey((v) => v).filter(() => true), true],
    ['mapValues', (s: Texts) => s.mapValues((value) => value), false],
    ['flatMapValues', (s: Texts) => s.flatMapValues((value) => [value]), false],
    ['processValues', (s: Texts) => s.processValues('p', {}, () => (value) => value), false],
    ['repartition', (s: Texts) => s.selectKey((value) => value).repartition('r'), false],
    ['a branch', (s: Texts) => s.split().defaultBranch('all').all, false],
  ])('after %s: %#', (_what, change, isNeeded) => {
    const builder = new StreamsBuilder()
    change(builder.stream(texts)).groupByKey().count('n')
    expect(topicOf(builder.build(), 'n', 'repartition') !== undefined).toBe(isNeeded)
  })

  it('may be told how many partitions a repartition has', () => {
    const builder = new StreamsBuilder()
    builder.stream(texts).repartition('r', { partitions: 12 }).groupByKey().count('n')
    const topology = builder.build()
    expect(topicOf(topology, 'r', 'repartition')?.partitions).toBe(12)
    expect(topicOf(topology, 'n', 'changelog')?.partitions).toEqual({ sameAs: ['r'] })
  })
})

type Texts = ReturnType<typeof textsOf>
const textsOf = (builder: StreamsBuilder) => builder.stream(texts)

describe('changelogs', () => {
  const day = 86_400_000

  it('of windows go by age of the append, a day after the window', () => {
    const builder = new StreamsBuilder()
    const windows = tumbling('5m', { grace: '1m' })
    builder.stream(texts).groupByKey().windowedBy(windows).count('n')
    expect(topicOf(builder.build(), 'n', 'changelog')?.config).toEqual({
      'cleanup.policy': 'compact,delete',
      'retention.bytes': '-1',
      'retention.ms': String(360_000 + day),
      'message.timestamp.type': 'LogAppendTime',
      ...tombstones,
      ...anyTime,
    })
  })

  it('of windows that close by watermark never go by age', () => {
    const builder = new StreamsBuilder()
    const windows = tumbling('5m', { grace: '1m', idle: '1m' })
    builder.stream(texts).groupByKey().windowedBy(windows).count('n')
    const config = topicOf(builder.build(), 'n', 'changelog')?.config
    expect(config).toEqual({ 'cleanup.policy': 'compact', ...tombstones, ...ownTime })
  })

  it('of the stores of processors follow their kind, and are absent if unlogged', () => {
    const builder = new StreamsBuilder()
    const key = string()
    const value = string()
    const stores = {
      plain: keyValueStore('plain', { key, value }),
      windowed: windowStore('windowed', { key, value, size: '5m', retention: '1h' }),
      unlogged: keyValueStore('unlogged', { key, value, logged: false }),
    }
    builder.stream(texts).process('p', stores, () => ({ process() {} }))
    const topology = builder.build()
    expect(topicOf(topology, 'plain', 'changelog')?.config['cleanup.policy']).toBe('compact')
    expect(topicOf(topology, 'windowed', 'changelog')?.config['retention.ms']).toBe(
      String(3_600_000 + day)
    )
    expect(topicOf(topology, 'unlogged', 'changelog')).toBeUndefined()
    expect(topology.subtopologies[0]?.stores.map(({ name, logged }) => [name, logged])).toEqual([
      ['plain', true],
      ['windowed', true],
      ['unlogged', false],
    ])
  })
})

describe('a window without a key', () => {
  function build() {
    const builder = new StreamsBuilder()
    const stream = builder.stream(events)
    const five = stream.windowedBy(tumbling('5m', { idle: '1m' }).emit('final')).count('five')
    const hour = stream
      .windowedBy(hopping('1h', { advance: '5m', grace: '30s' }))
      .aggregate('hour', { n: count() })
    const alone = stream.windowedBy(tumbling('1d')).aggregate('alone', { n: count() })
    merge(
      five.toStream(),
      hour.toStream().mapValues(({ n }) => n)
    )
      .map((n, { window }) => ({ key: String(window.end), value: String(n) }))
      .to(out)
    alone.toGauge({ name: 'g', help: 'h', value: ({ n }) => n })
    return builder.build()
  }

  it('has its first phase with the source, its second behind a topic of one partition', () => {
    const topology = build()
    expect(topicOf(topology, 'five', 'repartition')).toMatchObject({
      partitions: 1,
      config: { 'cleanup.policy': 'delete' },
    })
    expect(nodeOf(topology, 'five-partial')).toMatchObject({
      topic: 'five',
      stores: ['five-partials'],
    })
    expect(nodeOf(topology, 'five')).toMatchObject({ operator: 'final', stores: ['five'] })
    const [source] = sourceOf(topology, 'five').topics
    const bytes = Uint8Array.of(1)
    const message = source?.value.deserialize(bytes)
    expect(message).toEqual(bytes)
    expect(message, 'a copy').not.toBe(bytes)
    expect(source?.key.deserializeNull?.()).toBeNull()
  })

  it('shares a sub-topology with those it is merged with, and no other', () => {
    const { subtopologies } = build()
    const sources = subtopologies.map(({ nodes }) =>
      nodes.flatMap((node) => (node.kind === 'source' ? node.topics.map(({ name }) => name) : []))
    )
    expect(sources).toEqual([['events'], ['five', 'hour'], ['alone']])
  })

  it('announces its marks from the sub-topology of the source', () => {
    const [first, ...others] = build().subtopologies
    const hour = { sizeMs: 3_600_000, advanceMs: 300_000, graceMs: 30_000, idleMs: null }
    const sources = ['KSTREAM-SOURCE-0000000000']
    expect(first?.aggregates).toEqual([
      { name: 'five', sizeMs: 300_000, advanceMs: 300_000, graceMs: 0, idleMs: 60_000, sources },
      { name: 'hour', ...hour, sources },
      {
        name: 'alone',
        sizeMs: 86_400_000,
        advanceMs: 86_400_000,
        graceMs: 0,
        idleMs: null,
        sources,
      },
    ])
    expect(others.flatMap(({ aggregates }) => aggregates)).toEqual([])
  })

  it('keeps its changelogs by tombstones alone', () => {
    const topology = build()
    for (const name of ['five-partials', 'five', 'alone-gauges']) {
      expect(topicOf(topology, name, 'changelog')?.config).toEqual({
        'cleanup.policy': 'compact',
        ...tombstones,
        ...ownTime,
      })
    }
  })
})

describe('windows by key', () => {
  const grouped = (idle: '1m' | 'off', isRekeyed: boolean) => {
    const builder = new StreamsBuilder()
    const stream = builder.stream(texts)
    const group = isRekeyed ? stream.groupBy((text) => text) : stream.groupByKey()
    group.windowedBy(tumbling('5m', { idle })).count('n')
    return builder.build()
  }

  it('without idle keep the time of Kafka Streams: no marks', () => {
    for (const isRekeyed of [true, false]) {
      expect(grouped('off', isRekeyed).subtopologies.flatMap((s) => s.aggregates)).toEqual([])
    }
  })

  it('with idle announce marks where the source is', () => {
    for (const isRekeyed of [true, false]) {
      const { subtopologies } = grouped('1m', isRekeyed)
      expect(subtopologies.map((s) => s.aggregates.map(({ name }) => name))).toEqual(
        isRekeyed ? [['n'], []] : [['n']]
      )
    }
  })

  it('let markers, which have no key, through their repartition topic', () => {
    const source = (idle: '1m' | 'off') => sourceOf(grouped(idle, true), 'n').topics[0]
    expect(source('1m')?.key.deserializeNull?.()).toBeNull()
    expect(source('off')?.key.deserializeNull).toBeUndefined()
  })
})

describe('topics of the user', () => {
  it('are created only if they are sinks that say so', () => {
    const builder = new StreamsBuilder()
    const rows = topic('rows', {
      key: string(),
      value: string(),
      partitions: 1,
      config: { 'cleanup.policy': 'compact' },
    })
    const stream = builder.stream(texts)
    stream.to(out)
    stream.to((text) => (text === '' ? out : rows), { among: [out, rows] })
    expect(builder.build().topics).toEqual([
      { name: 'texts', role: 'source', partitions: undefined, config: {}, create: false },
      { name: 'out', role: 'sink', partitions: undefined, config: {}, create: false },
      {
        name: 'rows',
        role: 'sink',
        partitions: 1,
        config: { 'cleanup.policy': 'compact' },
        create: true,
      },
    ])
  })

  it('that are written and read appear once', () => {
    const builder = new StreamsBuilder()
    builder.stream(texts).to(out)
    builder.stream(out).peek(() => {})
    expect(builder.build().topics.map(({ name, role }) => [name, role])).toEqual([
      ['texts', 'source'],
      ['out', 'source'],
    ])
  })
})

describe('instruments', () => {
  it('are declared once a series; counters may have several feeders', () => {
    const builder = new StreamsBuilder()
    const rejected = { name: 'rejected_total', help: 'Refused' }
    const stream = builder.stream(texts, { rejections: rejected })
    stream.toCounter({ ...rejected, label: { name: 'reason', of: () => 'bad' } })
    const gauge = { name: 'n', help: 'N', value: (n: number) => n }
    stream
      .groupByKey()
      .count('n')
      .toGauge({ ...gauge, labels: { of: 'a' } })
      .toGauge({ ...gauge, labels: { of: 'b' } })
    const topology = builder.build()
    expect(topology.instruments).toEqual([
      { kind: 'counter', ...rejected, labels: {}, label: 'reason' },
      { kind: 'gauge', name: 'n', help: 'N', labels: { of: 'a' }, label: undefined },
      { kind: 'gauge', name: 'n', help: 'N', labels: { of: 'b' }, label: undefined },
    ])
    expect(nodeOf(topology, 'n-gauges').stores).toEqual(['n-gauges'])
  })
})
