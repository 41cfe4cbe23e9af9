/** What build() refuses: each with a stable code, a name, and the way out. */
import { describe, expect, it } from 'vitest'
import type { Aggregators } from '../../src/aggregators/aggregator.ts'
import { aggregator, count } from '../../src/aggregators/aggregators.ts'
import { merge } from '../../src/dsl/merge.ts'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { keyValueStore } from '../../src/processor/stores.ts'
import { json } from '../../src/serde/json.ts'
import { string } from '../../src/serde/primitives.ts'
import { hopping, tumbling, Windows } from '../../src/windows/windows.ts'
import { events, faultOf, out, texts } from './tools.ts'

const store = () => keyValueStore('s', { key: string(), value: string() })
const pass = () => ({ process() {} })

describe('build', () => {
  it('refuses a topology that does nothing', () => {
    const builder = new StreamsBuilder()
    expect(faultOf(() => builder.build()).code).toBe('MILLRACE_TOPOLOGY_EMPTY')
    builder.stream(events)
    expect(faultOf(() => builder.build()).code).toBe('MILLRACE_TOPOLOGY_EMPTY')
  })

  it('refuses a name that is used twice', () => {
    const builder = new StreamsBuilder()
    const stream = builder.stream(texts)
    stream.groupByKey().count('n')
    stream.repartition('n').to(out)
    expect(faultOf(() => builder.build())).toMatchObject({
      code: 'MILLRACE_NAME_TAKEN',
      message: expect.stringContaining("The name 'n' is used twice, for an aggregate and for a"),
    })
  })

  it('refuses two aggregates, two processors or two stores of one name', () => {
    const aggregates = new StreamsBuilder()
    const stream = aggregates.stream(texts)
    stream.groupByKey().count('n')
    stream.windowedBy(tumbling('5m')).count('n')
    const processors = new StreamsBuilder()
    processors.stream(texts).process('p', {}, pass)
    processors.stream(texts).process('p', {}, pass)
    const stores = new StreamsBuilder()
    stores.stream(texts).process('p', { s: store() }, pass)
    stores.stream(texts).process('q', { s: store() }, pass)
    for (const builder of [aggregates, processors, stores]) {
      expect(faultOf(() => builder.build()).code).toBe('MILLRACE_NAME_TAKEN')
    }
  })

  it('refuses an aggregate named after a topic that it would be taken for', () => {
    const builder = new StreamsBuilder()
    builder.stream(events).windowedBy(tumbling('5m')).count('events')
    expect(faultOf(() => builder.build())).toMatchObject({
      code: 'MILLRACE_NAME_TAKEN',
      message: expect.stringContaining("'events' names a topic of yours"),
    })
  })

  it('refuses a gauge twice, and a counter that is not alike', () => {
    const gauges = new StreamsBuilder()
    const table = gauges.stream(texts).groupByKey().count('n')
    const gauge = { name: 'g', help: 'h', labels: { a: '1' }, value: (n: number) => n }
    table.toGauge(gauge).toGauge(gauge)
    expect(faultOf(() => gauges.build()).message).toContain("The gauge 'g' is declared twice")
    const counters = new StreamsBuilder()
    counters.stream(texts, { rejections: { name: 'c', help: 'h' } }).toCounter({
      name: 'c',
      help: 'h',
    })
    expect(faultOf(() => counters.build())).toMatchObject({
      code: 'MILLRACE_NAME_TAKEN',
      message: expect.stringContaining('not alike'),
    })
  })

  it('refuses a name that no topic could have', () => {
    const builder = new StreamsBuilder()
    builder.stream(texts).groupByKey().count('orders by user')
    expect(faultOf(() => builder.build()).code).toBe('MILLRACE_NAME_INVALID')
  })

  it('refuses one topic read in two ways, and merges it where it is read in one', () => {
    const other = topic('events', { key: string(), value: json<number>() })
    const twice = new StreamsBuilder()
    twice.stream(events).peek(() => {})
    twice.stream(other).peek(() => {})
    expect(faultOf(() => twice.build())).toMatchObject({
      code: 'MILLRACE_TOPIC_READ_TWICE',
      message: expect.stringContaining('KSTREAM-SOURCE-0000000002'),
    })
    const once = new StreamsBuilder()
    once.stream(events).peek(() => {})
    once.stream(events).peek(() => {})
    expect(once.build().subtopologies).toHaveLength(1)
  })

  it('refuses emptyWindows under a key', () => {
    const builder = new StreamsBuilder()
    const windows = tumbling('5m', { emptyWindows: true as boolean })
    const keyed = windows as unknown as Windows<'tumbling', false, 'updates'>
    builder.stream(texts).groupByKey().windowedBy(keyed).count('n')
    expect(faultOf(() => builder.build())).toMatchObject({
      code: 'MILLRACE_EMPTY_WINDOWS_KEYED',
      message: expect.stringContaining("'n'"),
    })
  })

  it('refuses an advance beyond the size, where the window is made or here', () => {
    expect(faultOf(() => hopping('5m', { advance: '6m' })).code).toBe('MILLRACE_WINDOW_INVALID')
    const builder = new StreamsBuilder()
    const broken = new Windows({ ...hopping('5m', { advance: '1m' }), advanceMs: 0 })
    builder.stream(texts).windowedBy(broken).count('n')
    expect(faultOf(() => builder.build()).code).toBe('MILLRACE_WINDOW_INVALID')
  })

  it('refuses aggregators that cannot merge in windows without a key', () => {
    const builder = new StreamsBuilder()
    const longest = aggregator({ init: () => '', add: (kept, value: string) => kept + value })
    const row = { n: count<string>(), longest } as unknown as {
      n: ReturnType<typeof count<string>>
    }
    builder
      .stream(texts)
      .windowedBy(tumbling('5m'))
      .aggregate('rows', row satisfies Aggregators<string>)
    expect(faultOf(() => builder.build())).toMatchObject({
      code: 'MILLRACE_AGGREGATOR_CANNOT_MERGE',
      message: expect.stringContaining("'longest' cannot merge"),
    })
  })

  it('refuses windows by watermark where no source says how far time has come', () => {
    const behindRepartition = new StreamsBuilder()
    behindRepartition.stream(texts).repartition('r').windowedBy(tumbling('5m')).count('n')
    const behindAggregate = new StreamsBuilder()
    behindAggregate
      .stream(texts)
      .groupBy((text) => text)
      .count('a')
      .toStream()
      .groupByKey()
      .windowedBy(tumbling('5m', { idle: '1m' }))
      .count('n')
    for (const builder of [behindRepartition, behindAggregate]) {
      expect(faultOf(() => builder.build())).toMatchObject({
        code: 'MILLRACE_WINDOW_WITHOUT_SOURCE',
        message: expect.stringContaining("The windows of 'n'"),
      })
    }
  })

  it('refuses a state that would be another one after a restart', () => {
    class Total {
      cents = 0
    }
    const build = (init: () => unknown, value?: ReturnType<typeof json<number>>) => () => {
      const builder = new StreamsBuilder()
      const grouped = builder.stream(texts).groupByKey()
      if (value) grouped.aggregate('n', init as () => number, (n) => n, { value })
      else grouped.aggregate('n', init as () => number, (n) => n)
      return builder.build()
    }
    expect(faultOf(build(() => new Total()))).toMatchObject({
      code: 'MILLRACE_STATE_DAMAGED',
      message: expect.stringContaining('Total'),
    })
    const asJson = build(() => new Date(0), json<number>())
    expect(faultOf(asJson).code).toBe('MILLRACE_STATE_DAMAGED')
    expect(build(() => ({ total: 0n }))()).toBeDefined()
    expect(build(() => null)()).toBeDefined()
  })
})

describe('merge', () => {
  it('refuses streams of different builders at once', () => {
    const [one, other] = [new StreamsBuilder(), new StreamsBuilder()].map((b) => b.stream(texts))
    if (one === undefined || other === undefined) throw new Error('two streams')
    expect(faultOf(() => merge(one, other)).code).toBe('MILLRACE_GRAPH_FOREIGN')
    expect(faultOf(() => one.merge(other)).code).toBe('MILLRACE_GRAPH_FOREIGN')
  })
})

describe('keys without a serde', () => {
  it('are refused by the compiler, or by the first record where it was not asked', () => {
    const builder = new StreamsBuilder()
    const objects = builder.stream(texts).selectKey((text) => ({ text }))
    // @ts-expect-error A key of this type has no default serde
    objects.groupByKey().count('n')
    expect(builder.build().subtopologies).toHaveLength(2)
  })
})
