/** A topology that threads build from this module, with records that hurt. */
import { count, json, StreamsBuilder, string, type Topology, topic } from '../../src/index.ts'

export interface WordCounts {
  readonly input: string
  readonly output: string
  readonly partitions: number
}

/** Handles are made anew with each builder; by their names they are the same. */
export function drawWordCounts({ input, output, partitions }: WordCounts) {
  const builder = new StreamsBuilder()
  const words = builder
    .stream(topic(input, { key: string(), value: string() }))
    .peek((value) => hurt(value))
  const byKey = words.groupByKey().count('by-key')
  const sizes = words.groupBy((value) => value).aggregate('by-value', { n: count() })
  const config = { 'retention.ms': '-1' }
  const to = { key: string(), value: json<number>(), create: true, partitions, config }
  byKey.toStream().to(topic(output, to))
  return { builder, byKey, byValue: sizes }
}

export function wordCounts(input: WordCounts): Topology {
  return drawWordCounts(input).builder.build()
}

/** Exports that build none. */
export const notAFunction = 1
export function nothing(): number {
  return 0
}

function hurt(value: string): void {
  if (value === 'throws') throw new RangeError('no such word')
  if (value === 'ends the thread') process.exit(3)
}
