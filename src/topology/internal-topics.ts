/** Settings of the topics an application makes for itself, by Kafka's names. */

type Config = Readonly<Record<string, string>>

const dayMs = 86_400_000

/** Brokers from 4.0 on refuse event times an hour ahead of their clock: not in our own topics. */
const anyTime = {
  'message.timestamp.before.max.ms': String(2n ** 63n - 1n),
  'message.timestamp.after.max.ms': String(2n ** 63n - 1n),
} as const
/** The default of a cluster may be another. */
const ownTime = { 'message.timestamp.type': 'CreateTime', ...anyTime } as const

/** Purged up to what is committed, and never by age: what is not processed yet must stay. */
export const repartitionConfig: Config = Object.freeze({
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  ...ownTime,
})

/** A state that was written longer ago may have missed deletions. */
export const tombstonesKeptMs = dayMs
const tombstones = { 'delete.retention.ms': String(tombstonesKeptMs) } as const

/** One value per key, deleted by tombstones alone. */
export const changelogConfig: Config = Object.freeze({
  'cleanup.policy': 'compact',
  ...tombstones,
  ...ownTime,
})

/**
 * Windows that nobody deletes go by age; by the age of the *append*, for a backfill of old events
 * must not lose windows that are open.
 */
export function windowedChangelogConfig(keptMs: number): Config {
  return Object.freeze({
    'cleanup.policy': 'compact,delete',
    'retention.ms': String(keptMs + dayMs),
    'retention.bytes': '-1',
    'message.timestamp.type': 'LogAppendTime',
    ...tombstones,
    ...anyTime,
  })
}

/**
 * Added to changelogs at least once, when the application starts: the guarantee is no part of a
 * topology. A record whose commit never happened must not take the committed value of its key away
 * before a restore has read that.
 */
export const atLeastOnceChangelogConfig: Config = Object.freeze({
  'min.compaction.lag.ms': String(dayMs),
})

/**
 * What stands behind the application's id in the name of an internal topic. Those of foreign-key
 * joins have names of their own pattern in Kafka Streams, which are whole already.
 */
export function internalTopicName(name: string): string {
  return /-subscription-(registration|response)-topic$/.test(name) ? name : `${name}-repartition`
}

/** What the records of a topic are, by the names of their serdes: of ours it must not change. */
export function recordsLayout(serdes: { readonly key: string; readonly value: string }): string {
  return `${serdes.value} by ${serdes.key}`
}
