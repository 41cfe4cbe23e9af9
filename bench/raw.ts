/**
 * The raw layer alone: records into one partition, or out of it, and nothing done with them. The
 * same work as `bench/java/RawClient.java`. A round that is not counted comes first.
 */
import { Cluster } from '../src/kafka/cluster.ts'
import { IdempotentProducer } from '../src/kafka/idempotent-producer.ts'
import type { KafkaLog } from '../src/kafka/kafka-log.ts'
import { BatchChain } from '../src/kafka/record-batch-chain.ts'
import { silentLogger } from '../src/log.ts'
import type { Figures } from './measure.ts'

export interface RawWork {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly records: number
  /** Of a value. */
  readonly bytes: number
  readonly rounds: number
}

const keyBytes = 10
const timestamp = 1_700_000_000_000
/** Batches on their way at one time: with fewer the broker waits for us. */
const batchesMax = 8

/** Acknowledged by all replicas, each once. */
export async function produceRaw({ brokers, topic, records, bytes }: RawWork): Promise<void> {
  const cluster = new Cluster({ brokers, clientId: 'raw', logger: silentLogger })
  const producer = new IdempotentProducer({ cluster })
  const value = Buffer.alloc(bytes, 'v')
  const key = Buffer.alloc(keyBytes)
  const chain = new BatchChain()
  const perTurn = Math.max(1, Math.floor(950_000 / (bytes + 30)))
  const sent: Promise<unknown>[] = []
  try {
    for (let i = 0; i < records; ) {
      for (const end = Math.min(records, i + perTurn); i < end; i++) {
        for (let at = keyBytes - 1, rest = i; at >= 0; at--) {
          key[at] = 48 + (rest % 10)
          rest = Math.floor(rest / 10)
        }
        chain.append(timestamp + i, key, value)
      }
      for (const batch of chain.take()) sent.push(producer.send(topic, 0, batch))
      if (sent.length >= batchesMax) await sent.shift()
    }
    await Promise.all(sent)
  } finally {
    producer.close()
    cluster.close()
  }
}

/** Committed reads; key and value of each record are looked at. */
export async function fetchRaw(log: KafkaLog, { topic, records }: RawWork): Promise<void> {
  let seen = 0
  let length = 0
  await new Promise<void>((resolve) => {
    const reader = log.read({ topic, partition: 0 }, 'earliest', {
      onData: () => {
        while (seen < records && reader.advance()) {
          length += reader.readKey(lengthOf) + reader.readValue(lengthOf)
          seen++
        }
        if (seen < records) return
        reader.close()
        resolve()
      },
    })
  })
  if (length < seen) throw new Error('nothing was read')
}

/** In place: the first byte is looked at, too. */
function lengthOf(bytes: Uint8Array, start: number, end: number): number {
  return bytes[start] === 0 ? 0 : end - start
}

/** One figure per round that counts. */
export async function measureRounds(
  rounds: number,
  round: () => Promise<void>
): Promise<readonly Figures[]> {
  const all: Figures[] = []
  for (let i = 0; i <= rounds; i++) {
    const [cpu, from] = [process.cpuUsage(), performance.now()]
    await round()
    const wallSeconds = (performance.now() - from) / 1_000
    const used = process.cpuUsage(cpu)
    const cpuSeconds = (used.user + used.system) / 1_000_000
    const rssMb = process.resourceUsage().maxRSS / 1_024
    if (i > 0) all.push({ wallSeconds, cpuSeconds, rssMb, outRecords: 0, dropped: 0 })
  }
  return all
}
