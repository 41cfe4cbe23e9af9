/**
 * Every operator lives through crashes after every record and at every step of commits: what is
 * committed in the end is the same. An operator that is in no life is a failure.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import type { Topology } from '../../src/topology/topology.ts'
import { isLong } from '../support/lengths.ts'
import { expectSameAfterCrashes } from './crashes.ts'
import { aggregates } from './lives/aggregates.ts'
import { type Entry, left, out, right } from './lives/life.ts'
import { streams } from './lives/streams.ts'
import { tables } from './lives/tables.ts'
import { windows } from './lives/windows.ts'
import { nodesOf } from './tools.ts'

const lives: readonly Entry[] = [...streams, ...tables, ...aggregates, ...windows]

function build({ build: draw }: Entry): Topology {
  const builder = new StreamsBuilder()
  return draw(builder) ?? builder.build()
}

it('is in a life', () => {
  const folder = new URL('../../src/operators/', import.meta.url)
  const declared = readdirSync(folder).flatMap((file) => {
    const text = readFileSync(new URL(file, folder), 'utf8')
    return [...text.matchAll(/^export class (\w+Operator)\b/gm)].map(([, name]) => name)
  })
  const alive = new Set(
    lives.flatMap((entry) =>
      nodesOf(build(entry)).flatMap((node) =>
        node.kind === 'source' ? [] : [node.create().constructor.name]
      )
    )
  )
  expect(declared.length).toBeGreaterThan(40)
  expect(declared.filter((name) => !alive.has(name ?? ''))).toEqual([])
})

/** With the cache in turns; in the long form with and without it. */
const caches = (index: number): readonly boolean[] => (isLong ? [false, true] : [index % 2 === 0])

describe.each(lives.map((entry, index) => [entry.name, entry, index] as const))(
  '%s',
  (_, entry, index) => {
    it.each(caches(index))('comes to the same whatever crashes, cache: %s', async (caching) => {
      const found = await expectSameAfterCrashes({
        topology: () => build(entry),
        output: out,
        options: { caching },
        isOrderedByKey: build(entry).subtopologies.length > 1,
        steps: entry.input.map(([from, key, value, at]) => async (driver) => {
          await driver.input(from === 'left' ? left : right).pipe(key, value, at)
        }),
      })
      expect(found.length).toBeGreaterThan(0)
      entry.holds?.(found)
    })
  }
)
