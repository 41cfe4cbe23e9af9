/** One partition of the log in memory. */
import { expect, it } from 'vitest'
import { Partition } from '../../src/log/partition.ts'

it('counts what holds a chunk as well: of many small ones few stay in memory', () => {
  const topic = { id: 1, name: 'in', partitions: 1, config: {}, consumed: true }
  const partition = new Partition(topic, 0, 10_000)
  for (let base = 0; base < 1_000; base++) {
    const times = { baseTimestamp: 0, maxTimestamp: 0, storedAt: 0, appendTime: false }
    partition.publish({ bytes: Buffer.from('x'), base, end: base + 1, records: 1, ...times })
  }
  expect(partition.end).toBe(1_000)
  expect(partition.bytes).toBe(1_000)
  expect(partition.tail.length).toBeLessThanOrEqual(20)
  expect(partition.tail.at(-1)?.end).toBe(1_000)
})
