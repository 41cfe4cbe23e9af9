/**
 * Windows without a key against a recount, over random lives of the real operators. `SEED` repeats
 * a run, `LIVES` makes it longer.
 */
import { describe, expect, test } from 'vitest'
import { Random, seedOfRun } from '../support/random.ts'
import * as properties from './properties.ts'

const seed = seedOfRun()
/** Lives that tell a wrong rule from the right one where few do. */
const telling = [69, 136, 445, 569]
const lives = Number(process.env['LIVES'] ?? 40)

const cases = [
  ['rows are what a recount says', properties.recounts],
  ['late records are late per window, and counted once', properties.latecomers],
  ['windows close in silence, and lose nothing that came in time', properties.idleCloses],
  ['stragglers may miss, nothing else does', properties.stragglers],
  ['an outage of the log loses nothing', properties.outages],
  ['a task may read two partitions in any order', properties.groupedPartitions],
  ['24 h every 30 min by panes are the hopping window', properties.wholeDays],
] as const

test('partitions that begin empty neither block nor disturb', () => {
  return holds(properties.emptyStarts, 'exactly-once')
})

describe.each(['exactly-once', 'at-least-once'] as const)('%s', (guarantee) => {
  test.each(cases)('%s', (_, property) => holds(property, guarantee))
})

async function holds(
  property: properties.Property,
  guarantee: properties.Guarantee
): Promise<void> {
  const fresh = Array.from({ length: lives }, (_, life) => seed + life)
  for (const one of [...telling, ...fresh]) {
    const fault = await property(new Random(one * 7_919), guarantee)
    expect(fault, `SEED=${one} LIVES=1`).toBeUndefined()
  }
}
