/** Records that block the process for longer than the group or a transaction waits for it. */
import { beforeAll, expect, it, vi } from 'vitest'
import { CountOperator } from '../runtime/small-topology.ts'
import { CountingApp, patience } from '../support/counting-app.ts'
import { countingTopology } from '../support/counting-topology.ts'
import { sharedBroker } from '../support/shared-broker.ts'

const group = { sessionMs: 1_500, heartbeatMs: 200, rebalanceMs: 20_000 }
const transactionTimeoutMs = 1_000
const blockMs = 1_800

let brokers: readonly string[] = []

beforeAll(async () => {
  brokers = await sharedBroker()
})

/** No timer, no message, no socket meanwhile. */
class SlowOperator extends CountOperator {
  override process(key: unknown, value: unknown, timestamp: number): void {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs)
    super.process(key, value, timestamp)
  }
}

it('are counted once, and cost no membership', async () => {
  const app = await CountingApp.open(brokers, {
    topology: (input, output) =>
      countingTopology({ input, output, create: (counts) => new SlowOperator(counts) }),
  })
  const kafka = { brokers, group, transactionTimeoutMs }
  const running = await app.start('one', { kafka, commitIntervalMs: 1 })
  await app.sendKeys(['a'])
  await vi.waitFor(() => expect(running.snapshot().commits.count).toBe(1), patience)
  await app.sendKeys(['a', 'b', 'a', 'b', 'c'])
  // The second record begins beside the commit of the first, whose transaction is given up.
  const commits = () => running.snapshot().commits
  await vi.waitFor(() => expect(commits().aborted).toBeGreaterThan(0), patience)
  await app.untilCounts(running, { a: 3, b: 2, c: 1 })
  expect(await app.counts(running)).toEqual({ a: 3, b: 2, c: 1 })
  expect(running.snapshot().rebalances).toBe(1)
})
