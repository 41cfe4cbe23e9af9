/** A restore that blocks the process for longer than the group waits for a member. */
import { beforeAll, expect, it } from 'vitest'
import { CountingApp } from '../support/counting-app.ts'
import { sharedBroker } from '../support/shared-broker.ts'

const blockMs = 2_000

let brokers: readonly string[] = []

beforeAll(async () => {
  brokers = await sharedBroker()
})

it('costs no membership', async () => {
  const world = await CountingApp.open(brokers)
  const first = await world.start()
  await world.sendKeys(['a', 'b', 'c', 'd'])
  await world.untilCounts(first, { a: 1, b: 1, c: 1, d: 1 })
  await first.close()
  const slow = await world.through((log) => ({
    restore: (partition, from, options) =>
      log.restore(partition, from, {
        ...options,
        apply: (record) => {
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs)
          options.apply(record)
        },
      }),
  }))
  const second = await world.start('two', { log: slow })
  await world.untilCounts(second, { a: 1, b: 1, c: 1, d: 1 })
  expect(second.snapshot().rebalances).toBe(1)
})
