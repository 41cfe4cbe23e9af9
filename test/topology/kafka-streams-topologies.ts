/**
 * The topologies whose texts are in `kafka-streams-4.1.1.json`, in millrace's words. The texts are
 * those of Kafka Streams' `describe()`; names that Java's user gives are those of durable things,
 * and of the processors in front of them.
 */
import type { KGroupedStream, KStream, Topology } from '../../src/index.ts'
import {
  int64,
  keyValueStore,
  type ProcessorContext,
  StreamsBuilder,
  session,
  string,
  topic,
  tumbling,
  untilWindowCloses,
  within,
} from '../../src/index.ts'

const texts = (name: string) => topic(name, { key: string(), value: string() })
const [lines, others, out] = [texts('lines'), texts('texts'), texts('out')]
const seen = keyValueStore('seen', { key: string(), value: int64() })
const minute = tumbling('1m')
const none = topic('out', { key: undefined as never, value: undefined as never })

type Text = KStream<string, string>
type Drawn = (builder: StreamsBuilder) => void

const windows = (builder: StreamsBuilder): KGroupedStream<string, string> =>
  builder.stream(lines).groupByKey()

const count = (stream: Text): void => stream.groupByKey().count('counts').toStream().to(none)

const latest = (stream: Text): void =>
  stream
    .groupByKey()
    .reduce('latest', (_, line) => line)
    .toStream()
    .to(none)

export const drawings: Readonly<Record<string, Drawn>> = {
  stateless: (builder) =>
    builder
      .stream(lines)
      .filter(() => true)
      .filterNot(() => false)
      .mapValues((line) => line)
      .peek(() => {})
      .to(out),
  'several topics': (builder) =>
    builder
      .stream([lines, others])
      .map((value, key) => ({ key, value }))
      .flatMap((value, key) => [{ key, value }])
      .to(out),
  'word count': (builder) =>
    builder
      .stream(lines)
      .flatMapValues((line) => [line])
      .groupBy((word) => word)
      .count('counts')
      .toStream()
      .mapValues(String)
      .to(out),
  branches: (builder) =>
    void builder
      .stream(lines)
      .split()
      .branch('small', () => true)
      .defaultBranch('rest'),
  merged: (builder) => builder.stream(lines).merge(builder.stream(others)).to(out),
  windows: (builder) => windows(builder).windowedBy(minute).count('per-minute').toStream().to(none),
  'windows behind a repartition': (builder) =>
    builder
      .stream(lines)
      .selectKey((line) => line)
      .groupByKey()
      .windowedBy(minute)
      .reduce('per-minute', (_, line) => line)
      .toStream()
      .to(none),
  sessions: (builder) =>
    windows(builder)
      .windowedBy(session('1m'))
      .aggregate(
        'visits',
        () => '',
        (all) => all,
        (all) => all
      )
      .toStream()
      .to(none),
  suppressed: (builder) =>
    windows(builder)
      .windowedBy(minute)
      .count('per-minute')
      .suppress('final', untilWindowCloses())
      .toStream()
      .to(none),
  repartition: (builder) =>
    builder
      .stream(lines)
      .selectKey((line) => line)
      .repartition('spread')
      .to(out),
  table: (builder) =>
    builder
      .table(lines, 'rows')
      .filter(() => true)
      .mapValues((line) => line)
      .toStream()
      .to(none),
  'to table': (builder) => builder.stream(lines).toTable('rows').toStream().to(none),
  'to table behind a repartition': (builder) =>
    builder
      .stream(lines)
      .selectKey((line) => line)
      .toTable('rows')
      .toStream()
      .to(none),
  'grouped table': (builder) =>
    builder
      .table(lines, 'rows')
      .groupBy((line, key) => ({ key: line, value: key }))
      .count('by-text')
      .toStream()
      .to(none),
  'joined tables': (builder) =>
    builder
      .table(lines, 'left')
      .leftJoin(builder.table(others, 'right'), (line) => line)
      .toStream()
      .to(none),
  'joined by foreign key': (builder) =>
    builder
      .table(lines, 'left')
      .join(
        'pairs',
        builder.table(others, 'right'),
        (line) => line,
        (line) => line
      )
      .toStream()
      .to(none),
  'stream and table': (builder) =>
    builder
      .stream(lines)
      .leftJoin(builder.table(others, 'right'), (line) => line)
      .to(out),
  'stream and global table': (builder) =>
    builder
      .stream(lines)
      .join(
        builder.globalTable(others, 'right'),
        (line) => line,
        (line) => line
      )
      .to(out),
  'joined streams': (builder) =>
    builder
      .stream(lines)
      .join('pairs', builder.stream(others), within('1m'), (a, b) => a + b)
      .to(out),
  'outer joined streams': (builder) =>
    builder
      .stream(lines)
      .outerJoin('pairs', builder.stream(others), within('1m'), (a, b) => `${a}${b}`)
      .to(out),
  cogroup(builder) {
    const [left, right] = [windows(builder), builder.stream(others).groupByKey()]
    left
      .cogroup((all: string, line) => all + line)
      .and(right, (all, line) => all + line)
      .aggregate('both', () => '')
      .toStream()
      .to(none)
  },
  processor: (builder) =>
    builder
      .stream(lines)
      .process('note', { seen }, (_: ProcessorContext<string, string>) => ({ process() {} }))
      .to(out),
  'two parts'(builder) {
    builder.stream(lines).to(out)
    builder.stream(others).forEach(() => {})
  },
  'optimized table': (builder) => builder.table(lines, 'rows').toStream().to(none),
  'optimized repartition'(builder) {
    const stream: Text = builder.stream(lines).selectKey((line) => line)
    count(stream)
    latest(stream)
  },
  'optimized repartition behind filters'(builder) {
    const stream: Text = builder.stream(lines).selectKey((line) => line)
    count(stream)
    latest(stream.filter(() => true).peek(() => {}))
  },
  'optimized merge'(builder) {
    const left: Text = builder.stream(lines).selectKey((line) => line)
    const stream = left.merge(builder.stream(others).selectKey((line) => line))
    count(stream)
    latest(stream.filter(() => true))
  },
  'optimized values'(builder) {
    const stream: Text = builder.stream(lines).selectKey((line) => line)
    const values = stream.mapValues((line) => line)
    count(values)
    latest(values)
  },
  'optimized keys of keys'(builder) {
    const stream: Text = builder.stream(lines).selectKey((line) => line)
    count(stream)
    latest(stream.selectKey((line) => line))
  },
  'optimized self-join'(builder) {
    const stream = builder.stream(lines)
    stream.join('pairs', stream, within('1m'), (a, b) => a + b).to(out)
  },
}

export function topologyOf(name: string): Topology {
  const builder = new StreamsBuilder()
  drawings[name]?.(builder)
  return builder.build({ optimize: name.startsWith('optimized') })
}
