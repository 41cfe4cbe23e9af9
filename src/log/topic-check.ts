/** Whether topics that exist are what is required of them. */
import { FatalError } from '../errors.ts'
import type { TopicRequirement } from '../runtime/ports.ts'
import type { TopicConfig } from './layout.ts'
import { policyOf, type Topic } from './topic.ts'

/** What is wrong, in a sentence each: expected, found, and what mends it. */
export function topicFaults(
  requirement: TopicRequirement,
  topic: Topic,
  path: string | undefined
): readonly string[] {
  const faults: string[] = []
  const { name, partitions, config } = requirement
  const mend =
    path === undefined
      ? 'Use another name.'
      : `Use another name or APPLICATION_ID, or remove ${path} to start without any data.`
  if (partitions !== undefined && partitions !== topic.partitions.length) {
    faults.push(
      `Topic ${name}: expected ${partitions} partitions, found ${topic.partitions.length}. ${mend}`
    )
  }
  if (config?.['cleanup.policy'] !== undefined) {
    const expected = policyOf(config).join(',')
    const found = policyOf(topic.entry.config).join(',')
    if (expected !== found) {
      faults.push(
        `Topic ${name}: expected cleanup.policy=${expected}, found cleanup.policy=${found}. ${mend}`
      )
    }
  }
  return faults
}

export function missingFault(name: string): string {
  return `Topic ${name}: expected to exist, found nothing. It is created by what writes to it.`
}

export function refuseTopics(faults: readonly string[]): void {
  if (faults.length === 0) return
  throw new FatalError('MILLRACE_TOPICS_UNFIT', faults.join('\n'))
}

/**
 * Settings that may follow the application: nobody else manages them here. The policy is refused
 * before if it differs, because compaction cannot be undone.
 */
export function mergedConfig(topic: Topic, requirement: TopicRequirement): TopicConfig {
  return { ...topic.entry.config, ...requirement.config }
}
