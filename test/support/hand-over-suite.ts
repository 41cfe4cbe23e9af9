/** The application on Kafka: two instances, hand-over, a lost disk, and nothing twice. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import type { KafkaLog } from '../../src/kafka/kafka-log.ts'
import type { KafkaSettings } from '../../src/kafka/kafka-settings.ts'
import { StreamApp } from '../../src/stream-app.ts'
import { countAgain } from './count-again.ts'
import { openTestLog } from './test-log.ts'

const partitions = 3
const patience = { timeout: 40_000, interval: 50 }
const group = { sessionMs: 6_000, heartbeatMs: 200, rebalanceMs: 10_000 }

async function openWorld(kafka: KafkaSettings) {
  const id = `app-${randomUUID()}`
  const [input, output] = [`${id}-in`, `${id}-out`]
  const { log, path } = await openTestLog(id, kafka)
  const topics = [input, output].map((name) => ({ name, role: 'sink', partitions, create: true }))
  await log.prepare(topics as Parameters<KafkaLog['prepare']>[0])
  const seen: string[] = []
  for (let partition = 0; partition < partitions; partition++) {
    const reader = log.read({ topic: output, partition }, 'earliest', {
      onData: () => {
        while (reader.advance()) seen.push(`${reader.key}=${reader.value?.at(-1)}`)
      },
    })
  }
  return {
    seen,
    path,
    async send(...values: readonly string[]) {
      const records = values.map((value, i) => ({
        key: Buffer.from(`k${i}`),
        value: Buffer.from(value),
        timestamp: Date.now(),
      }))
      await log.append(input, records)
    },
    async start(name: string) {
      const app = new StreamApp(countAgain('value', input, output), {
        applicationId: id,
        stateDir: join(path, name),
        kafka: { ...kafka, group },
        cacheBytesMax: 0,
      })
      onTestFinished(() => app.close())
      await app.start()
      return app
    },
  }
}

const tasksOf = (app: StreamApp): number =>
  app.snapshot().tasks.filter(({ state }) => state === 'running').length

/** Call it where tests are collected; `kafka` is asked when the test begins. */
export function itHandsOver(name: string, kafka: () => KafkaSettings): void {
  it(name, async () => {
    const world = await openWorld(kafka())
    const one = await world.start('one')
    await vi.waitFor(() => expect(tasksOf(one)).toBe(2 * partitions), patience)
    await world.send('a', 'b', 'a', 'c')
    await vi.waitFor(() => expect(world.seen).toHaveLength(4), patience)

    const two = await world.start('two')
    await vi.waitFor(() => {
      expect([tasksOf(one), tasksOf(two)]).toEqual([partitions, partitions])
    }, patience)
    await world.send('a', 'b', 'c', 'c')
    await vi.waitFor(() => expect(world.seen).toHaveLength(8), patience)

    await one.close()
    await vi.waitFor(() => expect(tasksOf(two)).toBe(2 * partitions), patience)
    await two.close()

    const three = await world.start('three')
    await vi.waitFor(() => expect(tasksOf(three)).toBe(2 * partitions), patience)
    await world.send('a', 'b', 'c')
    await vi.waitFor(() => expect(world.seen).toHaveLength(11), patience)
    expect([...world.seen].sort()).toEqual(
      ['a=1', 'a=2', 'a=3', 'a=4', 'b=1', 'b=2', 'b=3', 'c=1', 'c=2', 'c=3', 'c=4'].sort()
    )
    expect(three.snapshot()).toMatchObject({ state: 'running', reasons: [] })
  })
}
