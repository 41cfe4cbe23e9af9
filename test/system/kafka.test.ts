/**
 * Claim: on a real Kafka, two instances that are killed at random, a broker that restarts, an
 * instance that comes late and a time without any instance lose, double and reorder nothing. A
 * foreign client reads each row of the metrics topic exactly once, equal to an independent recount.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest'
import { AppProcess, freePort } from '../support/app-process.ts'
import { createTopic, ForeignProducer } from '../support/foreign-client.ts'
import { type RunningBroker, startBroker } from '../support/kafka-broker.ts'
import { defaultVersion, kafkaVersions } from '../support/kafka-jars.ts'
import { isFull, isLong } from '../support/lengths.ts'
import { Random, seedOfRun } from '../support/random.ts'
import { placedEvent, shopEvents } from '../support/shop-events.ts'
import { expectExactRows } from '../support/shop-rows.ts'

const hour = 3_600_000
const partitions = 4
let broker: RunningBroker
let directory: string
let instances: AppProcess[] = []
let producer: ForeignProducer | undefined

afterEach(async () => {
  await producer?.close()
  await Promise.all(instances.map((instance) => instance.kill()))
  instances = []
  rmSync(directory, { recursive: true, force: true })
})

function address(): string {
  return broker.brokers.join()
}

interface Life {
  readonly name: string
  readonly kills: number
  /** What else happens after which share of the input. */
  readonly at: Readonly<Record<number, 'broker' | 'second' | 'pause'>>
}

const lives: readonly Life[] = [
  { name: 'while its instances are killed', kills: isLong ? 6 : 2, at: {} },
  { name: 'over a broker restart', kills: isLong ? 2 : 1, at: { 10: 'broker' } },
  { name: 'when the second instance joins late', kills: 1, at: { 10: 'second' } },
  { name: 'when all instances are down for a while', kills: 0, at: { 10: 'pause' } },
]

describe.each(isFull ? kafkaVersions : [defaultVersion])(
  'the application on Kafka %s',
  (version) => {
    beforeAll(async () => {
      broker = await startBroker({ version })
    })
    afterAll(() => broker?.stop())

    const isMain = version === defaultVersion
    for (const life of isMain ? lives : lives.slice(0, 1)) {
      it(`keeps every row exact ${life.name}`, () => run(life, isLong && isMain ? 40_000 : 6_000))
    }
  }
)

async function run(life: Life, count: number): Promise<void> {
  const seed = seedOfRun()
  console.log(`seed ${seed}: SEED=${seed} npm test -- test/system/kafka.test.ts -t '${life.name}'`)
  directory = mkdtempSync(join(tmpdir(), 'millrace-kafka-'))
  const random = new Random(seed)
  const id = `shop-${seed}-${lives.indexOf(life)}`
  const now = Date.now()
  const range = { from: now - 58 * hour, to: now - 26 * hour, disorderMs: 25_000 }
  const events = shopEvents({ seed, count, ...range, sessions: count / 10 })
  await createTopic(address(), `${id}.events`, partitions)
  producer = await ForeignProducer.open(address(), `${id}.events`)
  const late = Object.values(life.at).includes('second')
  for (let i = 0; i < (late ? 1 : 2); i++) await launch(id, i)
  const killAt = new Set(Array.from({ length: life.kills }, () => 2 + random.below(16)))
  const steps = 20
  for (let step = 0; step < steps; step++) {
    const size = Math.ceil(events.length / steps)
    const batch = events.slice(step * size, (step + 1) * size)
    await producer.send(batch.map((event, i) => placedEvent(event, i, partitions)))
    if (killAt.has(step)) await restart(random.below(instances.length), random.below(800))
    await happen(life.at[step], id)
    await sleep(random.below(400))
  }
  await expectExactRows({
    brokers: address(),
    id,
    events: events.length,
    until: range.to + 25 * hour,
    told: () => instances.map((one) => one.output.slice(-3_000)).join('\n'),
  })
}

async function launch(id: string, index: number): Promise<void> {
  const instance = new AppProcess({
    KAFKA_BROKERS: address(),
    APPLICATION_ID: id,
    EVENTS_TOPIC: `${id}.events`,
    METRICS_TOPIC: `${id}.metrics`,
    STATE_DIR: join(directory, String(index)),
    HTTP_PORT: String(await freePort()),
    IDLE_AFTER: '15s',
  })
  instances.push(instance)
  instance.start()
}

async function restart(index: number, downMs: number): Promise<void> {
  const instance = instances[index]
  await instance?.kill()
  await sleep(downMs)
  instance?.start()
}

async function happen(what: 'broker' | 'second' | 'pause' | undefined, id: string): Promise<void> {
  if (what === 'broker') await broker.restart()
  if (what === 'second') await launch(id, 1)
  if (what !== 'pause') return
  await Promise.all(instances.map((instance) => instance.kill()))
  await sleep(isLong ? 60_000 : 3_000)
  for (const instance of instances) instance.start()
}
