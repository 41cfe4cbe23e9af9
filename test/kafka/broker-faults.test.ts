/** Brokers that die, come back, freeze and lose leaders, while commits and readers go on. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { KafkaLog, type KafkaLogOptions } from '../../src/kafka/kafka-log.ts'
import { createLogger, silentLogger } from '../../src/log.ts'
import { Committing } from '../support/committing.ts'
import { type RunningBroker, startBroker } from '../support/kafka-broker.ts'
import { bytes, createTopic, Reading } from '../support/log-port-tools.ts'

// A restart of a whole broker takes its time on a busy machine.
vi.setConfig({ testTimeout: 180_000 })

let broker: RunningBroker
const logs: KafkaLog[] = []

beforeAll(async () => {
  // A controller does not take a broker back before the session of its former life is over.
  const properties = { 'broker.session.timeout.ms': '2000', 'broker.heartbeat.interval.ms': '300' }
  broker = await startBroker({ properties })
})

afterAll(() => broker.stop())

afterEach(async () => {
  for (const log of logs.splice(0)) await log.close()
})

async function connect(more: Partial<KafkaLogOptions> = {}): Promise<KafkaLog> {
  const log = await KafkaLog.connect({
    brokers: broker.brokers,
    clientId: 'faults',
    logger: silentLogger,
    applicationId: `faults-${randomUUID().slice(0, 8)}`,
    instance: 'only',
    requestTimeoutMs: 2_000,
    stepTimeoutMs: 3_000,
    ...more,
  })
  logs.push(log)
  return log
}

describe('a broker that is killed and started again', () => {
  it('costs no record and doubles none; reader, member and commits recover', async () => {
    const lines: string[] = []
    const logger = createLogger({ level: 'warn', write: (line) => lines.push(line) })
    const log = await connect({ logger })
    const [source, sink] = [`source-${randomUUID()}`, `sink-${randomUUID()}`]
    await createTopic(log, source, 1)
    await createTopic(log, sink, 1)
    const committing = new Committing(log, source, sink)
    await committing.start()
    const reading = new Reading(log, { topic: sink, partition: 0 }, 'earliest')
    const taking = reading.take(60)
    await committing.until(20)
    const running = committing.until(60)
    await broker.restart()
    await running
    const seen = await taking
    expect(seen.map(({ value }) => Number(value))).toEqual(
      Array.from({ length: 60 }, (_, i) => i + 1)
    )
    const [committed] = await log.committed([{ topic: source, partition: 0 }])
    expect(committed?.offset).toBe(60)
    expect(log.health()).toEqual({ ok: true })
    // Once per cause and minute, however long the broker was away.
    const causes = lines.map((line) => (JSON.parse(line) as { msg: string }).msg)
    expect(causes.length).toBe(new Set(causes).size)
    reading.reader.close()
  })

  it('fails the health while it is away, and is waited for', async () => {
    const log = await connect()
    const topic = `health-${randomUUID()}`
    await createTopic(log, topic, 1)
    const reading = new Reading(log, { topic, partition: 0 }, 'earliest')
    await broker.kill()
    while (log.health().ok) await new Promise((resolve) => setTimeout(resolve, 50))
    expect(log.health().reason).toMatch(/localhost/)
    for (const node of broker.nodes) await node.start()
    await log.append(topic, [{ partition: 0, timestamp: 1, key: null, value: bytes('back') }])
    expect((await reading.take(1))[0]?.value).toBe('back')
    expect(log.health()).toEqual({ ok: true })
    reading.reader.close()
  })
})
