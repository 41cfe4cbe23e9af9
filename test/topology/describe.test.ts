/** Topologies as text, JSON and pictures. */
import { describe, expect, it } from 'vitest'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { string } from '../../src/serde/primitives.ts'
import { tumbling } from '../../src/windows/windows.ts'
import { events, out, texts } from '../dsl/tools.ts'

const lines = topic('lines', { key: string(), value: string() })

describe('describe', () => {
  it('says of a word count what Kafka Streams says of it', () => {
    const builder = new StreamsBuilder()
    builder
      .stream(lines)
      .flatMapValues((line) => line.toLowerCase().split(' '))
      .groupBy((word) => word)
      .count('counts')
      .toStream()
      .mapValues(String)
      .to(out)
    expect(builder.build().describe()).toBe(`Topologies:
   Sub-topology: 0
    Source: KSTREAM-SOURCE-0000000000 (topics: [lines])
      --> KSTREAM-FLATMAPVALUES-0000000001
    Processor: KSTREAM-FLATMAPVALUES-0000000001 (stores: [])
      --> KSTREAM-KEY-SELECT-0000000002
      <-- KSTREAM-SOURCE-0000000000
    Processor: KSTREAM-KEY-SELECT-0000000002 (stores: [])
      --> counts-repartition-filter
      <-- KSTREAM-FLATMAPVALUES-0000000001
    Processor: counts-repartition-filter (stores: [])
      --> counts-repartition-sink
      <-- KSTREAM-KEY-SELECT-0000000002
    Sink: counts-repartition-sink (topic: counts-repartition)
      <-- counts-repartition-filter

  Sub-topology: 1
    Source: counts-repartition-source (topics: [counts-repartition])
      --> KSTREAM-AGGREGATE-0000000003
    Processor: KSTREAM-AGGREGATE-0000000003 (stores: [counts])
      --> KTABLE-TOSTREAM-0000000007
      <-- counts-repartition-source
    Processor: KTABLE-TOSTREAM-0000000007 (stores: [])
      --> KSTREAM-MAPVALUES-0000000008
      <-- KSTREAM-AGGREGATE-0000000003
    Processor: KSTREAM-MAPVALUES-0000000008 (stores: [])
      --> KSTREAM-SINK-0000000009
      <-- KTABLE-TOSTREAM-0000000007
    Sink: KSTREAM-SINK-0000000009 (topic: out)
      <-- KSTREAM-MAPVALUES-0000000008

`)
  })

  it('puts the largest tree first, then goes by name', () => {
    const builder = new StreamsBuilder()
    const { small, rest } = builder
      .stream(texts)
      .split()
      .branch('small', (text) => text.length < 3)
      .defaultBranch('rest')
    small.to(out)
    rest
      .peek(() => {})
      .merge(small)
      .to((text) => (text === '' ? out : texts), { among: [out, texts] })
    expect(builder.build().describe()).toBe(`Topologies:
   Sub-topology: 0
    Source: KSTREAM-SOURCE-0000000000 (topics: [texts])
      --> KSTREAM-BRANCH-0000000001
    Processor: KSTREAM-BRANCH-0000000001 (stores: [])
      --> KSTREAM-BRANCH-0000000001-rest, KSTREAM-BRANCH-0000000001-small
      <-- KSTREAM-SOURCE-0000000000
    Processor: KSTREAM-BRANCH-0000000001-rest (stores: [])
      --> KSTREAM-PEEK-0000000005
      <-- KSTREAM-BRANCH-0000000001
    Processor: KSTREAM-BRANCH-0000000001-small (stores: [])
      --> KSTREAM-MERGE-0000000006, KSTREAM-SINK-0000000004
      <-- KSTREAM-BRANCH-0000000001
    Processor: KSTREAM-PEEK-0000000005 (stores: [])
      --> KSTREAM-MERGE-0000000006
      <-- KSTREAM-BRANCH-0000000001-rest
    Processor: KSTREAM-MERGE-0000000006 (stores: [])
      --> KSTREAM-SINK-0000000007
      <-- KSTREAM-BRANCH-0000000001-small, KSTREAM-PEEK-0000000005
    Sink: KSTREAM-SINK-0000000004 (topic: out)
      <-- KSTREAM-BRANCH-0000000001-small
    Sink: KSTREAM-SINK-0000000007 (chosen by record)
      <-- KSTREAM-MERGE-0000000006

`)
  })

  it('says none where nothing follows', () => {
    const builder = new StreamsBuilder()
    builder.stream(texts).peek(() => {})
    expect(builder.build().describe()).toContain('(stores: [])\n      --> none\n')
  })
})

describe('other forms', () => {
  function build() {
    const builder = new StreamsBuilder()
    builder
      .stream(events, { rejections: { name: 'refused_total', help: 'Refused' } })
      .windowedBy(tumbling('5m'))
      .count('traffic')
      .toGauge({ name: 'events', help: 'Events', value: (n) => n })
    return builder.build()
  }

  it('as JSON it survives JSON, and names all there is', () => {
    const json = build().toJson()
    expect(JSON.parse(JSON.stringify(json))).toEqual(json)
    expect(json).toMatchObject({
      subtopologies: [
        {
          id: 0,
          nodes: [
            { kind: 'source', topics: [{ name: 'events', value: 'json' }], readsValue: false },
            { operator: 'partial', topic: 'traffic', stores: ['traffic-partials'] },
          ],
          aggregates: [{ name: 'traffic', sizeMs: 300_000 }],
        },
        { id: 1, stores: [{ name: 'traffic' }, { name: 'traffic-gauges', logged: true }] },
      ],
      topics: expect.arrayContaining([expect.objectContaining({ role: 'repartition' })]),
      instruments: [{ kind: 'gauge' }, { kind: 'counter' }].reverse(),
    })
  })

  it('as a flowchart it links sub-topologies by their topics', () => {
    expect(build().toMermaid()).toBe(`flowchart LR
  subgraph sub0["Sub-topology 0"]
    n0["KSTREAM-SOURCE-0000000000"]
    n1["traffic-partial<br/>traffic-partials"]
  end
  subgraph sub1["Sub-topology 1"]
    n2["traffic-repartition-source"]
    n3["traffic<br/>traffic"]
    n4["KTABLE-MAPVALUES-0000000001"]
    n5["traffic-gauges<br/>traffic-gauges"]
  end
  t0[("events")]
  t1[("traffic-repartition")]
  n0 --> n1
  t0 --> n0
  n1 --> t1
  n2 --> n3
  t1 --> n2
  n3 --> n4
  n4 --> n5
`)
  })
})
