/** One thing for each partition, whatever the order of the questions. */
import { expect, test } from 'vitest'
import { PartitionMap } from '../src/partition-map.ts'

test('makes one thing for each partition, and the same one from then on', () => {
  const map = new PartitionMap<number[]>(() => [])
  const order = ['a-2', 'b-0', 'a-0', 'a-2', 'b-0', 'a-0', 'a-2']
  for (const [i, name] of order.entries()) {
    const [topic = '', partition] = name.split('-')
    map.of(topic, Number(partition)).push(i)
  }
  expect([...map.entries()]).toEqual([
    { topic: 'a', partition: 0, value: [2, 5] },
    { topic: 'a', partition: 2, value: [0, 3, 6] },
    { topic: 'b', partition: 0, value: [1, 4] },
  ])
})

test('forgets what it made when it is cleared, the last topic too', () => {
  const map = new PartitionMap<number[]>(() => [])
  map.of('a', 1).push(1)
  map.clear()
  expect([...map.entries()]).toEqual([])
  expect(map.of('a', 1)).toEqual([])
})
