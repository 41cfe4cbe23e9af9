/**
 * Who leads which partition, as far as the latest metadata tells.
 *
 * An answer with an older leader epoch comes from a broker that is behind and is not believed,
 * unless it keeps coming: then the topic was deleted and made anew, and its epochs began again.
 */
import type { TopicPartition } from '../ids.ts'
import { partitionName } from '../ids.ts'
import type { MetadataResponse, PartitionMetadata } from './requests/metadata.ts'

export interface Leader {
  readonly address: string
  readonly nodeId: number
  readonly epoch: number
}

interface KnownPartition {
  nodeId: number
  epoch: number
  olderAnswers: number
}

const olderAnswersMax = 5

export class Leaders {
  #addresses = new Map<number, string>()
  readonly #partitions = new Map<string, KnownPartition>()
  /** What brokers say of topics instead, as of the latest answer. */
  readonly #errors = new Map<string, number>()

  /** Of the brokers that are up. */
  get addresses(): readonly string[] {
    return [...this.#addresses.values()]
  }

  addressOf(nodeId: number): string | undefined {
    return this.#addresses.get(nodeId)
  }

  of(partition: TopicPartition): Leader | undefined {
    const known = this.#partitions.get(partitionName(partition))
    const address = known && this.#addresses.get(known.nodeId)
    if (known === undefined || address === undefined) return undefined
    return { address, nodeId: known.nodeId, epoch: known.epoch }
  }

  /** 0: nothing is wrong with it, as far as is known. */
  errorOf(topic: string): number {
    return this.#errors.get(topic) ?? 0
  }

  take(metadata: MetadataResponse): void {
    this.#addresses = new Map(
      metadata.brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`])
    )
    for (const { topic, error, partitions } of metadata.topics) {
      this.#errors.set(topic, error)
      for (const partition of partitions) this.#takePartition(topic, partition)
    }
  }

  #takePartition(topic: string, { partition, leader, leaderEpoch }: PartitionMetadata): void {
    const name = partitionName({ topic, partition })
    const known = this.#partitions.get(name)
    const isOlder = known !== undefined && leaderEpoch < known.epoch
    if (isOlder && ++known.olderAnswers < olderAnswersMax) return
    this.#partitions.set(name, { nodeId: leader, epoch: leaderEpoch, olderAnswers: 0 })
  }
}
