/** Repartition topics on a real broker hold what is not committed yet, and little else. */
import { beforeAll, expect, it, vi } from 'vitest'
import { countAgain } from '../support/count-again.ts'
import { CountingApp, patience } from '../support/counting-app.ts'
import { boundsOf } from '../support/kafka-admin.ts'
import { sharedBroker } from '../support/shared-broker.ts'

let brokers: readonly string[]

beforeAll(async () => {
  brokers = await sharedBroker()
})

it('repartition topics are purged up to what is committed, in a silence too', async () => {
  const topology = (input: string, output: string) => countAgain('key', input, output)
  const world = await CountingApp.open(brokers, { topology })
  const app = await world.start('one', { purgeIntervalMs: 500 })
  await world.sendKeys(['a', 'b', 'a'])
  await world.untilCounts(app, { a: 2, b: 1 })
  const topic = `${world.id}-again-repartition`
  const start = async (): Promise<number> => (await boundsOf(world.cluster, topic, 0)).start
  await vi.waitFor(async () => expect(await start()).toBeGreaterThanOrEqual(3), patience)
  await app.close()
  const again = await world.start('one', { purgeIntervalMs: 500 })
  await world.sendKeys(['a'])
  await world.untilCounts(again, { a: 3, b: 1 })
  await vi.waitFor(async () => expect(await start()).toBeGreaterThanOrEqual(5), patience)
})
