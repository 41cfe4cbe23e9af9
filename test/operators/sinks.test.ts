/** Where records leave the task: topics, repartition topics, gauges. */
import { describe, expect, it } from 'vitest'
import { GaugeOperator, type GaugeSpec } from '../../src/operators/gauge.ts'
import { readMark, readOrigin } from '../../src/operators/marks.ts'
import { KeyedOnlyOperator, RepartitionSinkOperator } from '../../src/operators/repartition-sink.ts'
import { ChoosingSinkOperator, SinkOperator, type SinkTopic } from '../../src/operators/sink.ts'
import { Change } from '../../src/processor/change.ts'
import { partitionForKey } from '../../src/serde/murmur2.ts'
import { string } from '../../src/serde/primitives.ts'
import type { Serde } from '../../src/serde/serde.ts'
import { encodeUtf8 } from '../../src/serde/text.ts'
import { collect, FakeTask } from './fake-task.ts'

const text = string() as Serde<unknown>
const topicOf = (name: string): SinkTopic => ({ name, key: text, value: text })

describe('to', () => {
  it('sends to the partition that Java would choose, with the headers of the record', () => {
    const task = new FakeTask()
    task.record.headers = [['trace', Uint8Array.of(1)]]
    const sink = new SinkOperator(topicOf('out'))
    sink.init(task)
    sink.process('ann', 'hello', 7)
    expect(task.sent).toEqual([
      {
        topic: 'out',
        partition: partitionForKey(encodeUtf8('ann'), 4),
        timestamp: 7,
        key: 'ann',
        value: 'hello',
        headers: [['trace', Uint8Array.of(1)]],
      },
    ])
  })

  it('sends records without a key to the partition of the task, and null as a tombstone', () => {
    const task = new FakeTask()
    task.partitions.set('narrow', 1)
    for (const name of ['out', 'narrow']) {
      const sink = new SinkOperator(topicOf(name))
      sink.init(task)
      sink.process(null, null, 7)
    }
    expect(task.sent).toMatchObject([
      { topic: 'out', partition: 1, key: null, value: null },
      { topic: 'narrow', partition: 0 },
    ])
  })

  it('lets a function choose among the topics, and refuses any other', () => {
    const task = new FakeTask()
    const [a, b, c] = ['a', 'b', 'c'].map(topicOf) as [SinkTopic, SinkTopic, SinkTopic]
    const byValue: Record<string, SinkTopic> = { a, b, c }
    const sink = new ChoosingSinkOperator((value) => byValue[value as string] as SinkTopic, [a, b])
    sink.init(task)
    sink.process('k', 'a', 1)
    sink.process('k', 'b', 2)
    expect(task.sent.map(({ topic }) => topic)).toEqual(['a', 'b'])
    expect(() => sink.process('k', 'c', 3)).toThrow(
      expect.objectContaining({ code: 'MILLRACE_TOPIC_UNKNOWN' })
    )
  })
})

describe('a repartition', () => {
  const spec = { topic: 'by-user', key: text, value: text, marksOf: undefined }

  it('sends by key to the topic of the application', () => {
    const task = new FakeTask()
    const sink = new RepartitionSinkOperator(spec)
    sink.init(task)
    sink.process('ann', null, 7)
    expect(task.sent).toMatchObject([
      {
        topic: 'app-by-user-repartition',
        partition: partitionForKey(encodeUtf8('ann'), 4),
        value: null,
      },
    ])
  })

  it('is for records with a key: others are dropped and counted before', () => {
    const task = new FakeTask()
    const filter = new KeyedOnlyOperator()
    const rows = collect(filter)
    filter.init(task)
    filter.process(null, 'x', 7)
    filter.process('', 'y', 7)
    expect(rows).toEqual([['', 'y', 7]])
    expect(task.dropped).toEqual(['ungrouped'])
  })

  it('announces nothing unless a window behind it waits for marks', () => {
    const task = new FakeTask()
    const sink = new RepartitionSinkOperator(spec)
    sink.init(task)
    task.nextMark = 5
    sink.flush()
    sink.process('ann', 'x', 7)
    expect(task.sent.map(({ headers }) => headers)).toEqual([[]])
  })
})

describe('a repartition before windows that close by watermark', () => {
  function start() {
    const task = new FakeTask()
    const sink = new RepartitionSinkOperator({
      topic: 'counts',
      key: text,
      value: text,
      marksOf: 'counts',
    })
    sink.init(task)
    return { task, sink }
  }

  it('says with each record which task it comes from, and how far its partition was', () => {
    const { task, sink } = start()
    sink.process('ann', 'x', 7)
    task.record.watermark = 7
    task.record.headers = [['trace', null]]
    sink.process('ann', 'y', 6)
    expect(task.sent.map(({ headers }) => readOrigin(headers))).toEqual([
      { producer: 1, watermark: Number.NEGATIVE_INFINITY },
      { producer: 1, watermark: 7 },
    ])
    expect(task.sent[1]?.headers[0]).toEqual(['trace', null])
  })

  it('announces the mark in every partition, after the records of the commit', () => {
    const { task, sink } = start()
    sink.process('ann', 'x', 7)
    task.nextMark = 7
    sink.flush()
    expect(task.sent.map(({ partition }) => partition).slice(1)).toEqual([0, 1, 2, 3])
    expect(task.sent.slice(1).every(({ key, value }) => key === null && value === null)).toBe(true)
    expect(readMark(task.sent[1]?.headers ?? [])).toEqual({ producer: 1, mark: 7 })
  })

  it('announces a mark once it is committed only if it rose', () => {
    const { task, sink } = start()
    for (const mark of [undefined, Number.NEGATIVE_INFINITY, 'empty', 'empty', 3, 3, 8] as const) {
      task.nextMark = mark
      sink.flush()
      sink.committed()
    }
    const marks = task.sent.map(({ headers }) => readMark(headers)?.mark)
    expect(marks.filter((_, index) => index % 4 === 0)).toEqual(['empty', 3, 8])
  })

  it('announces again what no commit has carried', () => {
    const { task, sink } = start()
    task.nextMark = 3
    sink.flush()
    sink.flush()
    expect(task.sent).toHaveLength(8)
  })
})

describe('gauges', () => {
  const gauge = (spec: Partial<GaugeSpec> = {}): GaugeSpec => ({
    name: 'users',
    labels: {},
    value: (row) => row as number | bigint | null,
    whenNull: 'absent',
    ...spec,
  })
  const at = (end: number) => ({ key: null, window: { start: end - 10, end } })

  function start(gauges: readonly GaugeSpec[], task = new FakeTask()) {
    const operator = new GaugeOperator('traffic-gauges', gauges)
    operator.init(task)
    const show = (end: number, row: unknown) => operator.process(at(end), new Change(row, null))
    return { task, show }
  }

  it('show the latest row, each in its own way', () => {
    const doubled = gauge({ name: 'twice', value: (row) => BigInt(row as number) * 2n })
    const { task, show } = start([gauge(), doubled])
    show(10, 3)
    expect(Object.fromEntries(task.gauges)).toEqual({ 'users{}': 3, 'twice{}': 6 })
  })

  it('show null as they were told: no series, zero or NaN', () => {
    const labelled = (whenNull: GaugeSpec['whenNull']) => gauge({ labels: { whenNull }, whenNull })
    const { task, show } = start([labelled('absent'), labelled('zero'), labelled('nan')])
    show(10, null)
    expect([...task.gauges.values()]).toEqual([null, 0, Number.NaN])
  })

  it('give the key to the function too', () => {
    const end = gauge({ value: (_row, key) => (key as ReturnType<typeof at>).window.end })
    const { task, show } = start([end])
    show(20, 1)
    expect(task.gauges.get('users{}')).toBe(20)
  })

  it('never go back to an earlier window, but follow updates of the same one', () => {
    const { task, show } = start([gauge()])
    show(20, 5)
    show(10, 99)
    expect(task.gauges.get('users{}')).toBe(5)
    show(20, 6)
    expect(task.gauges.get('users{}')).toBe(6)
  })

  it('show again after a restart what they showed last, null included', () => {
    const both = [gauge(), gauge({ name: 'none', value: () => null, whenNull: 'zero' })]
    const { task, show } = start(both)
    show(20, 5)
    task.gauges.clear()
    start(both, task).show(10, 1)
    expect(Object.fromEntries(task.gauges)).toEqual({ 'users{}': 5, 'none{}': 0 })
  })

  it('show nothing before the first row', () => {
    expect(start([gauge({ whenNull: 'zero' })]).task.gauges.size).toBe(0)
  })
})
