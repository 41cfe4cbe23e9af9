/** The broker of a comparison: one that is there, or one of our own that goes with it. */
import type { Cluster } from '../../src/kafka/cluster.ts'
import { deleteTopics } from '../../src/kafka/requests/topics.ts'
import { brokerAvailability, startBroker } from '../../test/support/kafka-broker.ts'
import { connectTo } from '../../test/support/kafka-tools.ts'

export interface BenchBroker {
  /** As `--brokers` takes them. */
  readonly addresses: string
  /** Removes the topics whose names begin so. */
  forget(prefix: string): Promise<void>
  close(): Promise<void>
}

/** Logs of topics that are bounded by their size go soon. */
const properties = {
  'log.retention.check.interval.ms': '5000',
  'log.initial.task.delay.ms': '5000',
  'log.retention.ms': '-1',
}

/** Starts one where `given` is empty. */
export async function openBroker(given: string): Promise<BenchBroker> {
  if (given !== '') return overCluster(given, async () => undefined)
  const { available, reason } = await brokerAvailability()
  if (!available) throw new Error(`No broker to bench with, and none was given. ${reason}`)
  const broker = await startBroker({ heapMb: 1_024, properties })
  const addresses = broker.brokers.join(',')
  return overCluster(addresses, () => broker.stop())
}

function overCluster(addresses: string, stop: () => Promise<void>): BenchBroker {
  const cluster = connectTo(addresses.split(','))
  return {
    addresses,
    forget: (prefix) => forget(cluster, prefix),
    close: async () => {
      cluster.close()
      await stop()
    },
  }
}

async function forget(cluster: Cluster, prefix: string): Promise<void> {
  const { topics } = await cluster.metadata(null)
  const names = topics.map(({ topic }) => topic).filter((topic) => topic.startsWith(prefix))
  if (names.length === 0) return
  const request = { topics: names, timeoutMs: 10_000 }
  await cluster.send(await cluster.controller(), deleteTopics, request)
}
