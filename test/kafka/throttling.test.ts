/** A real broker with quotas: who has used them up is quiet for as long as it is asked to. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { IdempotentProducer } from '../../src/kafka/idempotent-producer.ts'
import { KafkaLog } from '../../src/kafka/kafka-log.ts'
import { Connection } from '../../src/kafka/link-connection.ts'
import { createLogger } from '../../src/log.ts'
import { FaultyCluster } from '../support/faulty-cluster.ts'
import { setQuota } from '../support/foreign-client.ts'
import { batchOf, createTopic } from '../support/kafka-tools.ts'
import { Reading } from '../support/log-port-tools.ts'
import { sharedBroker } from '../support/shared-broker.ts'

const clientId = `quota-${randomUUID()}`
const values = Array.from({ length: 13 }, (_, index) => String(index).padEnd(10_000, '.'))

interface Pause {
  readonly role: string
  readonly from: number
  readonly to: number
}

let options: {
  brokers: readonly string[]
  clientId: string
  logger: ReturnType<typeof createLogger>
}
const pauses: Pause[] = []
let topic = ''

beforeAll(async () => {
  const brokers = await sharedBroker()
  // Counted over ten seconds: a hundred thousand bytes are free, and more have to wait.
  const perSecond = { producer_byte_rate: 10_000, consumer_byte_rate: 10_000 }
  await setQuota(brokers.join(','), clientId, perSecond)
  const write = (line: string): void => {
    const { msg, role, throttleMs } = JSON.parse(line) as Record<string, unknown>
    if (!String(msg).startsWith('A quota is used up')) return
    const from = performance.now()
    pauses.push({ role: String(role), from, to: from + Number(throttleMs) })
  }
  options = { brokers, clientId, logger: createLogger({ level: 'debug', write }) }
})

let cluster: FaultyCluster | undefined
let log: KafkaLog | undefined

afterEach(() => {
  vi.restoreAllMocks()
})

afterAll(async () => {
  cluster?.close()
  await log?.close()
})

/** When requests of this name leave for the socket. */
function departures(name: string): readonly number[] {
  const times: number[] = []
  const { send } = Connection.prototype
  vi.spyOn(Connection.prototype, 'send').mockImplementation(function (this: Connection, ...args) {
    if (args[0].name === name) times.push(performance.now())
    return send.apply(this, args)
  })
  return times
}

function expectQuiet(role: string, times: readonly number[]): void {
  const asked = pauses.filter((pause) => pause.role === role)
  expect(asked.length).toBeGreaterThan(0)
  for (const { from, to } of asked) {
    // Timers may be early by a millisecond.
    expect(times.filter((time) => time > from && time < to - 2)).toEqual([])
  }
}

test('a producer sends nothing while the broker wants nothing, and loses nothing', async () => {
  cluster = new FaultyCluster(options)
  topic = await createTopic(cluster)
  const times = departures('Produce')
  const producer = new IdempotentProducer({ cluster })
  const sent = values.map((value) => producer.send(topic, 0, batchOf([value])))
  expect(await Promise.all(sent)).toEqual(values.map((_, index) => index))
  // What comes after has to wait as well, and no request is sent twice for it.
  await producer.send(topic, 0, batchOf(['last']))
  expect(times.length).toBe(values.length + 1)
  expectQuiet('produce', times)
  producer.close()
})

test('a reader asks for nothing meanwhile, and misses nothing', async () => {
  log = await KafkaLog.connect({
    ...options,
    applicationId: clientId,
    instance: 'only',
    guarantee: 'at_least_once',
  })
  const times = departures('Fetch')
  const reading = new Reading(log, { topic, partition: 0 }, 'earliest')
  const seen = await reading.take(values.length + 1)
  expect(seen.map(({ value }) => value)).toEqual([...values, 'last'])
  await expect.poll(() => pauses.some(({ role }) => role === 'fetch')).toBe(true)
  expectQuiet('fetch', times)
  reading.reader.close()
})
