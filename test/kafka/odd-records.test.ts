/** Records that are unlike others, in and out through a real broker: a stated rule for each. */
import { beforeAll, expect, it, vi } from 'vitest'
import type { AppendRecord } from '../../src/runtime/ports.ts'
import { string } from '../../src/serde/primitives.ts'
import type { Serde } from '../../src/serde/serde.ts'
import type { StreamApp } from '../../src/stream-app.ts'
import type { Topology } from '../../src/topology/topology.ts'
import {
  FunctionOperator,
  node,
  sink,
  source,
  textTopic,
  topologyOf,
} from '../runtime/small-topology.ts'
import { CountingApp, patience } from '../support/counting-app.ts'
import { configure } from '../support/kafka-admin.ts'
import { Reading, type SeenRecord } from '../support/log-port-tools.ts'
import { sharedBroker } from '../support/shared-broker.ts'

const year9999 = 253_370_764_800_000
const anyTime = { 'message.timestamp.after.max.ms': '9223372036854775807' }
let brokers: readonly string[]

beforeAll(async () => {
  brokers = await sharedBroker()
})

const utf8 = new TextDecoder('utf-8', { fatal: true })
/** Unlike `string()`, which takes whatever bytes there are as Java does. */
const strict: Serde<string> = { ...string(), deserialize: (bytes) => utf8.decode(bytes) }

/** Sends on what it gets; values that say so without their key. */
function echo(input: string, output: string): Topology {
  return topologyOf({
    nodes: [
      source('source', { ...textTopic(input), value: strict }),
      node(
        'echo',
        'source',
        () =>
          new FunctionOperator((self, key, value, timestamp) => {
            self.next.process(value === 'without a key' ? null : key, value, timestamp)
          })
      ),
      sink('sink', 'echo', textTopic(output)),
    ],
    sources: [input],
    sinks: [output],
  })
}

function record(key: string | null, value: string | Uint8Array | null, more = {}): AppendRecord {
  return {
    partition: 0,
    timestamp: Date.now(),
    key: key === null ? null : Buffer.from(key),
    value: typeof value === 'string' ? Buffer.from(value) : value,
    ...more,
  }
}

/** All of the output up to the record whose value is 'end'. */
async function outputOf(world: CountingApp): Promise<readonly SeenRecord[]> {
  const log = await world.connect(`${world.id}-reader`)
  const reading = new Reading(log, { topic: world.output, partition: 0 }, 'earliest')
  const seen: SeenRecord[] = []
  while (seen.at(-1)?.value !== 'end') seen.push(...(await reading.take(1)))
  reading.reader.close()
  await log.close()
  return seen
}

async function untilDropped(app: StreamApp, dropped: Readonly<Record<string, number>>) {
  await vi.waitFor(() => expect(app.snapshot().dropped).toEqual(dropped), patience)
}

it('passes on what can be read, and counts what cannot by its reason', async () => {
  const world = await CountingApp.open(brokers, { topology: echo })
  await configure(world.cluster, world.input, anyTime)
  await configure(world.cluster, world.output, anyTime)
  const headers = Array.from({ length: 10_000 }, (_, i) => [`h${i}`, Buffer.from('x')] as const)
  const megabyte = 'm'.repeat(1_000_000)
  await world.send([record('1 MB', megabyte)])
  await world.send([
    record('', 'a key of 0 bytes'),
    record('headers', 'ten thousand', { headers }),
    record('late in time', 'year 9999', { timestamp: year9999 }),
    record(null, 'no key'),
    record('tombstone', null),
    record('undecodable', Uint8Array.of(0xff, 0xfe, 0xc0)),
    record('undated', 'v', { timestamp: -1 }),
    record('k', 'end'),
  ])
  const app = await world.start()
  const seen = await outputOf(world)
  expect(seen.map(({ key, value }) => [key, value?.slice(0, 20)])).toEqual([
    ['1 MB', 'm'.repeat(20)],
    ['', 'a key of 0 bytes'],
    ['headers', 'ten thousand'],
    ['late in time', 'year 9999'],
    ['k', 'end'],
  ])
  expect(seen[0]?.value).toBe(megabyte)
  expect(seen[2]?.headers).toHaveLength(10_000)
  expect(seen[3]?.timestamp).toBe(year9999)
  await untilDropped(app, { null_key: 1, null_value: 1, decode: 1, no_timestamp: 1 })
  const told = world.lines.filter(({ msg }) => msg === 'A record was dropped')
  expect(told.map(({ reason }) => reason).sort()).toEqual(
    ['decode', 'no_timestamp', 'null_key', 'null_value'].sort()
  )
})

it('drops and counts what its output topic would refuse, and goes on', async () => {
  const world = await CountingApp.open(brokers, { topology: echo })
  await configure(world.cluster, world.input, anyTime)
  await configure(world.cluster, world.output, {
    'cleanup.policy': 'compact',
    'max.message.bytes': '2000',
    'message.timestamp.after.max.ms': '3600000',
  })
  const app = await world.start()
  await world.send([
    record('large', 'm'.repeat(2_000)),
    record('large enough', 'm'.repeat(1_900)),
    record('late in time', 'year 9999', { timestamp: year9999 }),
    record('k', 'without a key'),
    record('k', 'end'),
  ])
  expect((await outputOf(world)).map(({ key }) => key)).toEqual(['large enough', 'k'])
  await untilDropped(app, { too_large: 1, refused_timestamp: 1, null_key: 1 })
  const told = world.lines.find(({ reason }) => reason === 'too_large')
  expect(told).toMatchObject({ node: 'sink', record: `${world.input}-0@0` })
  expect(app.snapshot().commits.aborted).toBe(0)
})

it('ends when state does not fit into its changelog, and goes on once it does', async () => {
  const world = await CountingApp.open(brokers)
  const first = await world.start()
  await world.sendKeys(['a'])
  await world.untilCounts(first, { a: 1 })
  await first.close()
  await configure(world.cluster, world.changelog, { 'max.message.bytes': '2000' })
  const large = 'k'.repeat(5_000)
  await world.sendKeys([large, 'a'])
  const stuck = await world.start()
  await expect(stuck.done).rejects.toMatchObject({
    name: 'FatalError',
    code: 'MILLRACE_KAFKA_MESSAGE_TOO_LARGE',
    message: expect.stringMatching(`${world.changelog}-0.*raise max.message.bytes`),
  })
  await configure(world.cluster, world.changelog, { 'max.message.bytes': '1000000' })
  const app = await world.start()
  await world.untilCounts(app, { a: 2, [large]: 1 })
})
