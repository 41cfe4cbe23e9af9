/**
 * Exactly once and in order, against a model of what a broker does with sequences, over connections
 * that break at the worst moments. What a cut connection leaves behind may still be carried out,
 * at once or long after it was sent again.
 */
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FatalError } from '../../src/errors.ts'
import { BatchSender } from '../../src/kafka/batch-sender.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { ConnectionError, errorCodes, UnknownOutcomeError } from '../../src/kafka/kafka-errors.ts'
import { at } from '../../src/kafka/record-batch.ts'
import { BatchCursor } from '../../src/kafka/record-batch-cursor.ts'
import type { ProduceRequest, ProduceResult } from '../../src/kafka/requests/records.ts'
import { readInt64 } from '../../src/kafka/wire.ts'
import { silentLogger } from '../../src/log.ts'
import { batchOf } from '../support/kafka-tools.ts'

const fates = [
  'fine',
  'refused',
  'half',
  'cut',
  'cut after',
  'late',
  'stumble',
  'stumble after',
] as const
type Fate = (typeof fates)[number]

interface Written {
  readonly sequence: number
  readonly records: number
  readonly base: number
}

/** One partition, as a leader keeps it: the last five batches of each producer tell a duplicate. */
class ModelPartition {
  readonly log: string[] = []
  readonly #recentById = new Map<number, readonly Written[]>()

  append(batch: Uint8Array): { readonly error: number; readonly baseOffset: number } {
    const bytes = Buffer.from(batch)
    const sequence = bytes.readInt32BE(at.sequence)
    const records = bytes.readInt32BE(at.count)
    const producerId = readInt64(bytes, at.producerId)
    const recent = this.#recentById.get(producerId) ?? []
    if (records > 3) return { error: errorCodes.MESSAGE_TOO_LARGE, baseOffset: -1 }
    const cursor = new BatchCursor(bytes, { from: 0, partition: 'model' })
    const values: string[] = []
    while (cursor.advance()) values.push(String(cursor.value))
    if (values.includes('poison')) return { error: errorCodes.INVALID_RECORD, baseOffset: -1 }
    const twin = recent.find((one) => one.sequence === sequence && one.records === records)
    if (twin) return { error: 0, baseOffset: twin.base }
    const last = recent.at(-1)
    if (last && sequence !== last.sequence + last.records) {
      return { error: errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER, baseOffset: -1 }
    }
    const base = this.log.push(...values) - values.length
    this.#recentById.set(producerId, [...recent, { sequence, records, base }].slice(-5))
    return { error: 0, baseOffset: base }
  }
}

const stumbled = { error: errorCodes.UNKNOWN_SERVER_ERROR, baseOffset: -1 }

interface Arrived {
  readonly request: ProduceRequest
  readonly resolve: (results: readonly ProduceResult[]) => void
  readonly reject: (error: Error) => void
}

class ModelBroker {
  readonly partitions = [0, 1].map(() => new ModelPartition())
  readonly #fates: Iterator<Fate>
  #arrived: Arrived[] = []

  constructor(script: Iterator<Fate>) {
    this.#fates = script
  }

  send(request: ProduceRequest): Promise<readonly ProduceResult[]> {
    // The bytes on the wire are those of now, whatever becomes of the buffer.
    const partitions = request.partitions.map((one) => ({ ...one, batch: Buffer.from(one.batch) }))
    return new Promise((resolve, reject) => {
      this.#arrived.push({ request: { ...request, partitions }, resolve, reject })
      setTimeout(() => this.#next(), 2)
    })
  }

  #next(): void {
    const arrived = this.#arrived.shift()
    if (arrived === undefined) return
    const fate: Fate = this.#fates.next().value ?? 'fine'
    if (fate === 'cut' || fate === 'cut after' || fate === 'late') {
      this.#cut(arrived, fate)
      return
    }
    const results = arrived.request.partitions.map((one, index) => {
      const isRefused = fate === 'refused' || (fate === 'half' && index === 0)
      const { topic, partition } = one
      if (fate === 'stumble after') this.#append(one)
      if (fate.startsWith('stumble')) return { topic, partition, message: null, ...stumbled }
      const answer = isRefused
        ? { error: errorCodes.NOT_LEADER_OR_FOLLOWER, baseOffset: -1 }
        : this.#append(one)
      return { topic, partition, message: null, ...answer }
    })
    // An answer may even lack a partition.
    arrived.resolve(fate === 'half' ? results.slice(1) : results)
  }

  /** All that is under way on the connection shares its fate. */
  #cut(first: Arrived, fate: Fate): void {
    const all = [first, ...this.#arrived]
    this.#arrived = []
    const carryOut = (): void => {
      for (const { request } of all) for (const one of request.partitions) this.#append(one)
    }
    if (fate === 'cut after') carryOut()
    if (fate === 'late') setTimeout(carryOut, 300)
    for (const { reject } of all) reject(new ConnectionError('MILLRACE_TEST', 'cut'))
  }

  #append(one: ProduceRequest['partitions'][number]) {
    const partition = this.partitions[one.partition]
    expect.assert(partition)
    return partition.append(one.batch)
  }
}

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

function senderTo(
  broker: ModelBroker,
  bufferBytesMax: number,
  deliveryTimeoutMs = 600_000
): BatchSender {
  const cluster = {
    logger: silentLogger,
    health: () => ({ ok: true }),
    leader: () => ({ address: 'model:1', nodeId: 1, epoch: 0 }),
    refresh: () => Promise.resolve(),
    topicRefusal: () => refusal,
    send: (_address: string, _rpc: unknown, request: ProduceRequest) => broker.send(request),
  } as unknown as Cluster
  let producerId = 1
  const sender = new BatchSender({
    cluster,
    transactionalId: null,
    deliveryTimeoutMs,
    bufferBytesMax,
    isAllOrNothing: false,
    isAdmitted: () => true,
    onIdentityNeeded: (queue) => sender.identify(queue, { producerId, epoch: 0 }),
    onBroken: () => {
      producerId++
    },
  })
  return sender
}

/** What metadata says instead of a leader. */
let refusal: FatalError | undefined

/** A partition, a number of records, and how long to wait before the next. */
const records = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 3 }) },
  { weight: 1, arbitrary: fc.integer({ min: 4, max: 7 }) }
)
const batch = fc.tuple(fc.nat({ max: 1 }), records, fc.nat({ max: 8 }))
const script = fc.infiniteStream(fc.constantFrom<Fate>('fine', 'fine', 'fine', ...fates))
const bufferBytes = fc.constantFrom(300, 100_000)

/** Resolves with what all promises said, when time has passed for all that may come late. */
async function settled<T>(promises: readonly Promise<T>[]): Promise<readonly T[]> {
  let isDone = false
  const done = Promise.all(promises).finally(() => {
    isDone = true
  })
  for (let rounds = 0; !isDone && rounds < 1_000; rounds++) await vi.advanceTimersByTimeAsync(500)
  expect(isDone).toBe(true)
  await vi.advanceTimersByTimeAsync(1_000)
  return await done
}

test('whatever happens to connections, each batch is written once and in order', async () => {
  const property = fc.asyncProperty(
    fc.array(batch, { minLength: 1, maxLength: 40 }),
    script,
    bufferBytes,
    async (batches, fate, bufferBytesMax) => {
      const broker = new ModelBroker(fate)
      const sender = senderTo(broker, bufferBytesMax)
      const expected: [string[], string[]] = [[], []]
      const outcomes: Promise<string>[] = []
      for (const [index, [partition, records, pauseMs]] of batches.entries()) {
        const values = Array.from({ length: records }, (_, more) => `${index}.${more}`)
        const log = expected[partition === 0 ? 0 : 1]
        const base = log.push(...values) - records
        outcomes.push(
          sender.enqueue('t', partition, batchOf(values)).then(
            (told) => (told === base ? 'written' : `written at ${told} instead of ${base}`),
            (error: unknown) => String(error)
          )
        )
        if (pauseMs > 4) await vi.advanceTimersByTimeAsync(pauseMs)
      }
      expect(await settled(outcomes)).toEqual(batches.map(() => 'written'))
      expect(broker.partitions.map(({ log }) => log)).toEqual(expected)
      expect(sender.bufferedBytes).toBe(0)
      await sender.idle()
    }
  )
  await fc.assert(property, { numRuns: 500 })
})

test('with refused batches among them, nobody is told what is not true', async () => {
  const property = fc.asyncProperty(
    fc.array(fc.tuple(batch, fc.nat({ max: 20 })), { minLength: 1, maxLength: 40 }),
    script,
    bufferBytes,
    async (batches, fate, bufferBytesMax) => {
      const broker = new ModelBroker(fate)
      const sender = senderTo(broker, bufferBytesMax)
      const told: Promise<readonly [string, 'written' | 'not' | 'unknown']>[] = []
      for (const [index, [[, , pauseMs], poison]] of batches.entries()) {
        const value = poison === 0 ? 'poison' : String(index)
        told.push(
          sender.enqueue('t', 0, batchOf([value])).then(
            () => [value, 'written'],
            (error) => [value, error instanceof UnknownOutcomeError ? 'unknown' : 'not']
          )
        )
        if (pauseMs > 4) await vi.advanceTimersByTimeAsync(pauseMs)
      }
      const outcomes = await settled(told)
      const log = broker.partitions[0]?.log ?? []
      expect(new Set(log).size).toBe(log.length)
      const of = (outcome: string) => outcomes.filter(([, one]) => one === outcome)
      const written = of('written').map(([value]) => value)
      expect(log.filter((value) => written.includes(value))).toEqual(written)
      const not = new Set(of('not').map(([value]) => value))
      expect(log.filter((value) => not.has(value))).toEqual([])
      expect(sender.bufferedBytes).toBe(0)
    }
  )
  await fc.assert(property, { numRuns: 500 })
})

function* always(fate: Fate): Generator<Fate> {
  for (;;) yield fate
}

test('a broker that stumbles for ever is given up in time, and named', async () => {
  const broker = new ModelBroker(always('stumble after'))
  const sender = senderTo(broker, 1_000, 30_000)
  const sending = sender.enqueue('t', 0, batchOf(['x'])).catch((error: unknown) => error)
  const [error] = await settled([sending])
  expect(error).toBeInstanceOf(UnknownOutcomeError)
  const { cause } = error as UnknownOutcomeError
  expect(cause).toBeInstanceOf(FatalError)
  expect(cause).toMatchObject({
    code: 'MILLRACE_KAFKA_UNKNOWN_SERVER_ERROR',
    message: expect.stringContaining('Produce to t-0'),
  })
  expect(broker.partitions[0]?.log).toEqual(['x'])
})

test('a topic that may not be seen any more is named long before the timeout', async () => {
  refusal = new FatalError('MILLRACE_TEST_FORBIDDEN', 'not yours')
  try {
    const sender = senderTo(new ModelBroker(always('refused')), 1_000)
    const startMs = Date.now()
    const sending = sender.enqueue('t', 0, batchOf(['x'])).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(100)
    expect(await sending).toBe(refusal)
    expect(Date.now() - startMs).toBe(100)
  } finally {
    refusal = undefined
  }
})
