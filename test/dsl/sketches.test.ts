/** `approxDistinct` and `quantiles` in every kind of aggregate, through crashes. */
import { describe, expect, it } from 'vitest'
import { approxDistinct, quantiles } from '../../src/aggregators/aggregators.ts'
import type { KStream } from '../../src/dsl/k-stream.ts'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { json } from '../../src/serde/json.ts'
import { string } from '../../src/serde/primitives.ts'
import { session } from '../../src/windows/record-windows.ts'
import { tumbling } from '../../src/windows/windows.ts'
import { expectSameAfterCrashes } from './crashes.ts'
import { texts } from './tools.ts'

interface Row {
  readonly users: number
  readonly length: { readonly 0.5: number | null; readonly 1: number | null }
}

const rows = topic('sketches', { key: string(), value: json<Row>(), create: true })
const fields = {
  users: approxDistinct((text: string) => text),
  length: quantiles((text: string) => text.length, [0.5, 1]),
}

const kinds: readonly (readonly [string, (stream: KStream<string, string>) => void])[] = [
  [
    'by key',
    (stream) => stream.groupByKey().aggregate('rows', fields).toStream().mapValues(whole).to(rows),
  ],
  [
    'in sessions',
    (stream) =>
      stream
        .groupByKey()
        .windowedBy(session('50ms'))
        .aggregate('rows', fields)
        .toStream()
        .map((value) => ({ key: 'k', value: whole(value) }))
        .to(rows),
  ],
  [
    'without a key',
    (stream) =>
      stream
        .windowedBy(tumbling('100ms').emit('final'))
        .aggregate('rows', fields)
        .toStream()
        .map((value) => ({ key: 'k', value }))
        .to(rows),
  ],
]

function whole(value: Row | null): Row {
  return value ?? { users: -1, length: { 0.5: null, 1: null } }
}

describe.each(kinds)('sketches %s', (_, draw) => {
  it('are kept, merged and restored', async () => {
    const words = ['a', 'bb', 'a', 'ccc', 'bb', 'dddd', 'a', 'bb']
    const found = await expectSameAfterCrashes({
      topology: () => {
        const builder = new StreamsBuilder()
        draw(builder.stream(texts))
        return builder.build()
      },
      output: rows,
      steps: words.map((word, index) => async (driver) => {
        await driver.input(texts).pipe('k', word, index < 7 ? 60 + index : 1_000)
      }),
    })
    const last = found.map(([, row]) => row as Row).findLast(({ users }) => users === 4)
    expect(last?.length[0.5]).toBeCloseTo(2, 1)
    expect(last?.length[1]).toBe(4)
  })
})
