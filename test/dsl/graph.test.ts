/** From calls to a topology: nodes, what is read, and what can be done with it again. */
import { describe, expect, it } from 'vitest'
import { count, distinct, where } from '../../src/aggregators/aggregators.ts'
import { merge } from '../../src/dsl/merge.ts'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import type { KeyValueStore } from '../../src/processor/stores.ts'
import { keyValueStore } from '../../src/processor/stores.ts'
import { data } from '../../src/serde/data.ts'
import { nullable } from '../../src/serde/nullable.ts'
import { int32, string } from '../../src/serde/primitives.ts'
import { tumbling } from '../../src/windows/windows.ts'
import type { Event } from './tools.ts'
import { events, nodeOf, nodesOf, out, sourceOf, texts } from './tools.ts'

describe('a builder', () => {
  it('may go on growing after build, and what was built stays as it was', () => {
    const builder = new StreamsBuilder()
    const stream = builder.stream(texts)
    stream.filter((text) => text !== '').to(out)
    const before = builder.build()
    const text = before.describe()
    stream.groupByKey().count('n')
    const after = builder.build()
    expect(before.describe()).toBe(text)
    expect(nodesOf(after).length).toBe(nodesOf(before).length + 1)
  })

  it('builds topologies that nobody can change', () => {
    const builder = new StreamsBuilder()
    builder.stream(texts).groupByKey().count('n')
    const topology = builder.build()
    const parts: object[] = [topology]
    for (const part of parts) {
      expect(Object.isFrozen(part)).toBe(true)
      const inner = Object.entries(part).filter(([name]) => name !== 'key' && name !== 'value')
      parts.push(...inner.flatMap(([, one]) => (one && typeof one === 'object' ? [one] : [])))
    }
    expect(parts.length).toBeGreaterThan(20)
  })

  it('makes a new operator for every task', () => {
    const builder = new StreamsBuilder()
    builder.stream(texts).filter(() => true)
    const node = nodeOf(builder.build(), 'KSTREAM-FILTER-0000000001')
    expect(node.create()).not.toBe(node.create())
  })
})

describe('a source', () => {
  it('hands its options to every topic', () => {
    const builder = new StreamsBuilder()
    const timed = topic('timed', {
      key: string(),
      value: int32(),
      timestamp: (value) => value,
    })
    builder
      .stream([timed, texts], { maxFuture: '2m', rejections: { name: 'r_total', help: 'h' } })
      .peek(() => {})
    const topology = builder.build()
    expect(sourceOf(topology, 'timed').topics).toMatchObject([
      { name: 'timed', internal: false, maxFutureMs: 120_000, rejections: 'r_total' },
      { name: 'texts', internal: false, maxFutureMs: 120_000, timestamp: undefined },
    ])
    expect(topology.instruments).toEqual([
      { kind: 'counter', name: 'r_total', help: 'h', labels: {}, label: 'reason' },
    ])
  })

  it('has no guard against the future by default', () => {
    const builder = new StreamsBuilder()
    builder.stream(texts, { maxFuture: 'off' }).peek(() => {})
    expect(sourceOf(builder.build(), 'texts').topics[0]?.maxFutureMs).toBeUndefined()
  })
})

describe('what a source must decode', () => {
  type Stream = ReturnType<typeof streamOf>
  const streamOf = (builder: StreamsBuilder) => builder.stream(events)
  function read(grow: (stream: Stream) => unknown) {
    const builder = new StreamsBuilder()
    grow(streamOf(builder))
    const { readsKey, readsValue } = sourceOf(builder.build(), 'events')
    return [...(readsKey ? ['key'] : []), ...(readsValue ? ['value'] : [])].join('+')
  }
  const user = (event: Event): string => event.user

  it('is all of it where it validates', () => {
    const builder = new StreamsBuilder()
    builder.stream(events, { validate: true }).windowedBy(tumbling('5m')).count('n')
    const { readsKey, readsValue } = sourceOf(builder.build(), 'events')
    expect([readsKey, readsValue]).toEqual([true, true])
  })

  it('is the same for all who read its topic', () => {
    const builder = new StreamsBuilder()
    builder.stream(events, { validate: true }).groupByKey().count('n')
    builder.stream(events).groupByKey().count('m')
    expect(() => builder.build()).toThrow('in another way')
  })

  it.each<[string, (stream: Stream) => unknown, string]>([
    ['a count by key reads the key alone', (s) => s.groupByKey().count('n'), 'key'],
    ['a count without a key reads nothing', (s) => s.windowedBy(tumbling('5m')).count('n'), ''],
    [
      'a condition reads the value',
      (s) => s.windowedBy(tumbling('5m')).aggregate('n', { n: count(where((e) => e.user === '')) }),
      'value',
    ],
    [
      'a selector reads the value',
      (s) => s.windowedBy(tumbling('5m')).aggregate('n', { n: distinct(user) }),
      'value',
    ],
    [
      'a function of the value reads no key',
      (s) => s.filter((event) => event.user !== ''),
      'value',
    ],
    [
      'a named function of the value too',
      (s) => s.map((e) => ({ key: user(e), value: 1 })),
      'value',
    ],
    ['a pattern is one parameter', (s) => s.peek(({ user, page }) => user + page), 'value'],
    [
      'a function of both reads both',
      (s) => s.filter((event, key) => event.user === key),
      'key+value',
    ],
    ['a function of nothing reads nothing', (s) => s.selectKey(() => 'all').peek(() => {}), ''],
    [
      'a default hides a second parameter',
      (s) => s.peek((event, key = 'none') => event.user + key),
      'key+value',
    ],
    ['the rest may be anything', (s) => s.peek((...all) => all.length), 'key+value'],
    [
      'arguments may be anything',
      (s) =>
        s.peek(function look(_event) {
          void _event
        }),
      'value',
    ],
    ['native code may read anything', (s) => s.peek(user.bind(null)), 'key+value'],
    ['a sink reads both', (s) => s.to(events), 'key+value'],
    [
      'what is replaced unread is not decoded',
      (s) => s.map(() => ({ key: 'a', value: 'b' })).to(out),
      '',
    ],
    [
      'the value may be read where the key was replaced',
      (s) =>
        s
          .selectKey(() => 'a')
          .mapValues((e) => e.user)
          .to(out),
      'value',
    ],
    [
      'one branch that reads is enough',
      (s) => {
        s.groupByKey().count('n')
        s.mapValues((event) => event.user).filter((text) => text !== '')
      },
      'key+value',
    ],
    ['a processor reads both', (s) => s.process('p', {}, () => ({ process() {} })), 'key+value'],
    [
      'a label reads what it is made of',
      (s) => s.toCounter({ name: 'c', help: 'h', label: { name: 'u', of: user } }),
      'value',
    ],
    ['a counter without a label reads nothing', (s) => s.toCounter({ name: 'c', help: 'h' }), ''],
    [
      'splits read for their branches',
      (s) =>
        s
          .split()
          .branch('a', (e) => e.user === '')
          .defaultBranch('b'),
      'value',
    ],
  ])('%s', (_rule, grow, expected) => {
    expect(read(grow)).toBe(expected)
  })

  it('reads what the timestamp is taken from', () => {
    const timed = topic('events', {
      key: nullable(string()),
      value: data<Event>(),
      timestamp: (event) => event.user.length,
    })
    const builder = new StreamsBuilder()
    builder.stream(timed).windowedBy(tumbling('5m')).count('n')
    expect(sourceOf(builder.build(), 'events')).toMatchObject({ readsKey: false, readsValue: true })
  })
})

describe('serdes', () => {
  it('travel while key and value are untouched, through merges of the same', () => {
    const builder = new StreamsBuilder()
    const stream = builder.stream(texts)
    merge(
      stream.filter((text) => text !== ''),
      stream.peek(() => {})
    )
      .repartition('r')
      .to(out)
    const [source] = sourceOf(builder.build(), 'r').topics
    expect([source?.key.name, source?.value.name]).toEqual(['string', 'nullable(string)'])
  })

  it('give way to defaults where a key or value is new', () => {
    const builder = new StreamsBuilder()
    builder
      .stream(texts)
      .map((text) => ({ key: text.length, value: { text } }))
      .repartition('r')
      .peek(() => {})
    const [source] = sourceOf(builder.build(), 'r').topics
    expect([source?.key.name, source?.value.name]).toEqual(['default key', 'nullable(data)'])
  })

  it('are those that were given', () => {
    const builder = new StreamsBuilder()
    builder
      .stream(texts)
      .groupBy((text) => text.length, { key: int32() })
      .count('n')
    expect(sourceOf(builder.build(), 'n').topics[0]?.key.name).toBe('int32')
  })
})

describe('stores', () => {
  it('of one handle are shared, and tie their processors into one sub-topology', () => {
    const builder = new StreamsBuilder()
    const seen = keyValueStore('seen', { key: string(), value: string() })
    type Stores = { readonly seen: KeyValueStore<string, string> }
    const factory = (_context: unknown, { seen }: Stores) => ({
      process: ({ key, value }: { key: string; value: string }) => seen.put(key, value),
    })
    builder.stream(texts).process('p', { seen }, factory)
    builder.stream(out).process('q', { seen }, factory)
    const topology = builder.build()
    expect(topology.subtopologies.map(({ stores }) => stores.map(({ name }) => name))).toEqual([
      ['seen'],
    ])
    expect(topology.topics.filter(({ role }) => role === 'changelog')).toMatchObject([
      { name: 'seen', partitions: { sameAs: ['texts', 'out'] } },
    ])
  })
})
