/** `describe()` says what Kafka Streams 4.1.1 says of the same topologies, name by name. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { drawings, topologyOf } from './kafka-streams-topologies.ts'

const file = new URL('kafka-streams-4.1.1.json', import.meta.url)
const texts = JSON.parse(readFileSync(file, 'utf8')) as Record<string, readonly string[]>

/** Names that Kafka Streams makes otherwise from what its user gives. */
const otherwise: Readonly<Record<string, readonly (readonly [theirs: RegExp, ours: string])[]>> = {
  // The store of a `suppress` has its name.
  suppressed: [[/\bfinal-store\b/g, 'final']],
  // `toTable('rows')` names its repartition as well.
  'to table behind a repartition': [
    [/KSTREAM-TOTABLE-0000000002-repartition/g, 'rows-repartition'],
    [/KSTREAM-FILTER-0000000004/g, 'rows-repartition-filter'],
    [/KSTREAM-SINK-0000000003/g, 'rows-repartition-sink'],
    [/KSTREAM-SOURCE-0000000005/g, 'rows-repartition-source'],
  ],
}

/** Lists are sets in Java, in whatever order; nodes of equal weight go by name. */
function inOrder(text: string): string {
  const lists = /(?<=\[|--> |<-- )[^\]\n]*/g
  return text.replace(lists, (list) => list.split(', ').sort().join(', '))
}

test('all topologies are drawn', () => {
  expect(Object.keys(drawings).sort()).toEqual(Object.keys(texts).sort())
  expect(Object.keys(texts).length).toBeGreaterThan(20)
})

test.each(Object.keys(texts))('%s', (name) => {
  let theirs = (texts[name] ?? []).join('\n')
  for (const [pattern, ours] of otherwise[name] ?? []) theirs = theirs.replace(pattern, ours)
  expect(inOrder(topologyOf(name).describe())).toBe(inOrder(theirs))
})
