/** A topic: its settings, with Kafka's names and defaults, and its partitions. */
import type { TopicConfig, TopicEntry } from './layout.ts'
import { Partition } from './partition.ts'

const dayMs = 86_400_000

export interface TopicSettings {
  readonly compact: boolean
  readonly delete: boolean
  /** -1: for ever. */
  readonly retentionMs: number
  readonly retentionBytes: number
  /** How long a tombstone is kept after it was written. */
  readonly tombstoneMs: number
  /** Records are not compacted before this age. */
  readonly compactionLagMs: number
  /** Of new bytes to all bytes, from which on compacting pays. */
  readonly dirtyRatio: number
  /** Records carry the time of their arrival instead of their own. */
  readonly appendTime: boolean
}

export class Topic {
  readonly id: number
  readonly name: string
  readonly partitions: readonly Partition[]
  #entry: TopicEntry
  #settings: TopicSettings

  constructor(entry: TopicEntry, tailBytesMax: number) {
    this.id = entry.id
    this.name = entry.name
    this.#entry = entry
    this.#settings = settingsOf(entry.config)
    this.partitions = Array.from(
      { length: entry.partitions },
      (_, index) => new Partition(entry, index, tailBytesMax)
    )
  }

  get entry(): TopicEntry {
    return this.#entry
  }

  get settings(): TopicSettings {
    return this.#settings
  }

  /** New settings; the stored entry is the caller's business. */
  change(config: TopicConfig, consumed: boolean): void {
    this.#entry = { ...this.#entry, config, consumed }
    this.#settings = settingsOf(config)
  }
}

export function settingsOf(config: TopicConfig): TopicSettings {
  const policy = policyOf(config)
  return {
    compact: policy.includes('compact'),
    delete: policy.includes('delete'),
    retentionMs: number(config, 'retention.ms', 7 * dayMs),
    retentionBytes: number(config, 'retention.bytes', -1),
    tombstoneMs: number(config, 'delete.retention.ms', dayMs),
    compactionLagMs: number(config, 'min.compaction.lag.ms', 0),
    dirtyRatio: number(config, 'min.cleanable.dirty.ratio', 0.5),
    appendTime: config['message.timestamp.type'] === 'LogAppendTime',
  }
}

/** `compact`, `delete` or both, sorted. */
export function policyOf(config: TopicConfig): readonly string[] {
  const policy = config['cleanup.policy'] ?? 'delete'
  return policy
    .split(',')
    .map((word) => word.trim())
    .sort()
}

function number(config: TopicConfig, name: string, otherwise: number): number {
  const value = Number(config[name] ?? otherwise)
  return Number.isFinite(value) ? value : otherwise
}
