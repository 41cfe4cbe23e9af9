/**
 * The log of an application, seen from outside while it runs or rests: its offsets, and where its
 * topics end. Brokers are asked; of the embedded log, which belongs to one process, a copy is read.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FatalError } from '../errors.ts'
import { type Offset, partitionName, type Timestamp, type TopicPartition } from '../ids.ts'
import { KafkaAdmin, type PartitionBounds } from '../kafka/admin.ts'
import { kafkaSettings } from '../kafka/kafka-settings.ts'
import type { EmbeddedLog } from '../log/embedded-log.ts'
import { silentLogger } from '../log.ts'
import type { CommittedOffset } from '../runtime/ports.ts'
import { openLogCopy } from './open-log.ts'
import type { Settings } from './settings.ts'

export interface LogOutside {
  readonly kind: 'embedded' | 'kafka'
  /** Who runs the application at the moment, one text each. */
  members(): Promise<readonly string[]>
  /** Every offset that it has committed. */
  committed(): Promise<readonly CommittedOffset[]>
  /** Partition counts of those of the topics that are there. */
  partitions(topics: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** In the order asked for. */
  bounds(places: readonly TopicPartition[]): Promise<readonly PartitionBounds[]>
  /** Names of all topics. */
  topics(): Promise<readonly string[]>
  /** Where records of this time or later ones begin, or the end. In the order asked for. */
  offsetsAt(places: readonly TopicPartition[], time: Timestamp): Promise<readonly PlacedOffset[]>
  close(): Promise<void>
}

export type PlacedOffset = TopicPartition & { readonly offset: Offset }

export async function openOutside(settings: Settings): Promise<LogOutside> {
  const { kafka, applicationId } = settings
  if (kafka === null) return await EmbeddedOutside.open(settings)
  const admin = await KafkaAdmin.connect(kafkaSettings(kafka), applicationId, silentLogger)
  return {
    kind: 'kafka',
    members: async () =>
      (await admin.members()).map(({ instanceId, memberId, host }) => {
        return `${instanceId ?? memberId} on ${host.replace(/^\//, '')}`
      }),
    committed: () => admin.committed(),
    partitions: (topics) => admin.partitions(topics),
    bounds: (places) => admin.bounds(places),
    topics: () => admin.topics(),
    offsetsAt: (places, time) => admin.offsetsAt(places, time),
    close: async () => admin.close(),
  }
}

class EmbeddedOutside implements LogOutside {
  readonly kind = 'embedded'
  readonly #settings: Settings
  readonly #log: EmbeddedLog
  readonly close: () => Promise<void>

  static async open(settings: Settings): Promise<EmbeddedOutside> {
    const { log, close } = await openLogCopy(settings)
    return new EmbeddedOutside(settings, log, close)
  }

  private constructor(settings: Settings, log: EmbeddedLog, close: () => Promise<void>) {
    this.#settings = settings
    this.#log = log
    this.close = close
  }

  async members(): Promise<readonly string[]> {
    const pid = holderOf(join(this.#settings.directory, 'log'))
    return pid === undefined ? [] : [`process ${pid}`]
  }

  async committed(): Promise<readonly CommittedOffset[]> {
    return this.#log.inspect().committed()
  }

  async partitions(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const found = this.#log.inspect().topics()
    const wanted = found.filter(({ name }) => topics.includes(name))
    return new Map(wanted.map(({ name, partitions }) => [name, partitions.length]))
  }

  async bounds(places: readonly TopicPartition[]): Promise<readonly PartitionBounds[]> {
    const topics = this.#log.inspect().topics()
    return places.map(({ topic, partition }) => {
      const found = topics.find(({ name }) => name === topic)?.partitions[partition]
      if (found !== undefined) return { topic, partition, start: found.logStart, end: found.end }
      const name = partitionName({ topic, partition })
      throw new FatalError('MILLRACE_TOPIC_MISSING', `The embedded log has no ${name}.`)
    })
  }

  async topics(): Promise<readonly string[]> {
    return this.#log
      .inspect()
      .topics()
      .map(({ name }) => name)
  }

  async offsetsAt(
    places: readonly TopicPartition[],
    time: Timestamp
  ): Promise<readonly PlacedOffset[]> {
    const found: PlacedOffset[] = []
    const { signal } = new AbortController()
    for (const { topic, partition } of places) {
      let first: Offset | undefined
      const end = await this.#log.restore({ topic, partition }, 'earliest', {
        signal,
        apply: ({ offset, timestamp }) => {
          if (timestamp >= time) first ??= offset
        },
        flush: () => {},
      })
      found.push({ topic, partition, offset: first ?? end })
    }
    return found
  }
}

/** The process that has the directory, by the file it leaves there, if it is still alive. */
function holderOf(path: string): number | undefined {
  try {
    const { pid } = JSON.parse(readFileSync(join(path, 'holder.json'), 'utf8')) as { pid: number }
    process.kill(pid, 0)
    return pid
  } catch {
    return undefined
  }
}
