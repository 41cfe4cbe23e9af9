/** Names for the numbers and strings that travel through every room. */

declare const brand: unique symbol

/**
 * `<subtopology>_<partition>`, such as `0_3`: the unit that is assigned, restored and committed.
 */
export type TaskId = string & { readonly [brand]: 'TaskId' }

/** A position in one partition of a topic; exact up to 2^53. */
export type Offset = number

/** Epoch milliseconds. Event time unless a name says otherwise. */
export type Timestamp = number

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export function taskId(subtopology: number, partition: number): TaskId {
  return `${subtopology}_${partition}` as TaskId
}

export function parseTaskId(id: TaskId): {
  readonly subtopology: number
  readonly partition: number
} {
  const [subtopology = '', partition = ''] = id.split('_')
  return { subtopology: Number(subtopology), partition: Number(partition) }
}

/** `topic-3`: for maps and messages; use `topic-3@17` for a record. */
export function partitionName({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

/**
 * What is wrong with a name, if anything: Kafka's rule for topics, groups and members, with room
 * for the suffixes of internal topics.
 */
export function legalName(name: string): string | undefined {
  if (name !== '.' && name !== '..' && /^[a-zA-Z0-9._-]{1,180}$/.test(name)) return undefined
  return `expected up to 180 letters, digits, '.', '_' or '-', got '${name}'`
}
