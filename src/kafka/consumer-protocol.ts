/**
 * What members of the group tell each other: Kafka's own subscription and assignment structures, so
 * that Kafka's tools can read the group, with our data in their `userData`.
 *
 *     member ──Subscription{topics, owned, MemberData}──▶ leader
 *     member ◀──Assignment{partitions, AssignmentData}── leader
 *
 * Invariant: the outer structures are always valid. A broker that cannot parse the metadata of a
 * member of protocol type `consumer` blocks the group for good.
 */
import { FatalError } from '../errors.ts'
import type { TaskId, TopicPartition } from '../ids.ts'
import type { HeldTask } from '../runtime/ports.ts'
import { WireReader, WireWriter } from './wire.ts'

const classic = { flexible: false } as const
/** Subscription and assignment version: the first that lists owned partitions. */
const structureVersion = 1

/** What a member tells the leader, beside its topics. */
export interface MemberData {
  /** Of this process and run. */
  readonly instance: string
  readonly transactionalId: string | null
  /** Members that run another plan get no task from this leader. */
  readonly plan: string
  /** The generation in which the owned tasks were assigned: of two claims the later one counts. */
  readonly generation: number
  /** Tasks that this member runs, or is about to. */
  readonly owned: readonly TaskId[]
  /** Tasks with state on its disk. */
  readonly held: readonly HeldTask[]
  /** Transactional ids that may have a transaction open, as of its last assignment. */
  readonly transactionalIds: readonly string[]
  /**
   * Only of a member whose process has answered to nothing for so long, and whose thread joins in
   * its place: it can give up nothing now.
   */
  readonly busyMs?: number
}

/** What the leader tells a member, beside its partitions. */
export interface AssignmentData {
  readonly tasks: readonly TaskId[]
  /** Of the leader: to a member with another plan its tasks mean nothing. */
  readonly plan: string
  /** Of all members, for the leader of the next generation to fence those that are gone. */
  readonly transactionalIds: readonly string[]
  /** False: tasks wait for their owners to give them up, and another generation is near. */
  readonly isSettled: boolean
}

export interface Subscription {
  readonly topics: readonly string[]
  readonly owned: readonly TopicPartition[]
  readonly data: MemberData
}

export interface Assignment {
  readonly partitions: readonly TopicPartition[]
  readonly data: AssignmentData
}

export function encodeSubscription(subscription: Subscription): Buffer {
  const writer = new WireWriter(classic)
  writer.int16(structureVersion)
  writer.array(subscription.topics, (topic) => writer.string(topic))
  writer.bytes(encodeData(subscription.data))
  writePartitions(writer, subscription.owned)
  return Buffer.concat(writer.chunks())
}

/** Throws a FatalError if the member is not one of ours. */
export function decodeSubscription(bytes: Buffer): Subscription {
  return decoding('subscription', () => {
    const reader = new WireReader(bytes, classic)
    const version = reader.int16()
    const topics = reader.array(() => reader.string())
    const data = decodeData(reader.bytes()) as unknown as MemberData
    const owned = version >= 1 ? readPartitions(reader) : []
    return { topics, owned, data }
  })
}

export function encodeAssignment(assignment: Assignment): Buffer {
  const writer = new WireWriter(classic)
  writer.int16(structureVersion)
  writePartitions(writer, assignment.partitions)
  writer.bytes(encodeData(assignment.data))
  return Buffer.concat(writer.chunks())
}

const nothing: AssignmentData = { tasks: [], plan: '', transactionalIds: [], isSettled: true }

/** No bytes (the broker's answer for a member its leader forgot) are an assignment of nothing. */
export function decodeAssignment(bytes: Buffer): Assignment {
  if (bytes.length === 0) return { partitions: [], data: nothing }
  return decoding('assignment', () => {
    const reader = new WireReader(bytes, classic)
    reader.int16()
    const partitions = readPartitions(reader)
    const data = decodeData(reader.bytes()) as unknown as AssignmentData
    return { partitions, data }
  })
}

function writePartitions(writer: WireWriter, partitions: readonly TopicPartition[]): void {
  const byTopic = new Map<string, number[]>()
  for (const { topic, partition } of partitions) {
    const list = byTopic.get(topic)
    if (list === undefined) byTopic.set(topic, [partition])
    else list.push(partition)
  }
  writer.array([...byTopic], ([topic, list]) => {
    writer.string(topic)
    writer.array(list, (partition) => writer.int32(partition))
  })
}

function readPartitions(reader: WireReader): TopicPartition[] {
  return reader
    .array(() => {
      const topic = reader.string()
      return reader.array(() => ({ topic, partition: reader.int32() }))
    })
    .flat()
}

/** Bumped when the meaning of a field changes; fields may be added without. */
const dataVersion = 1

function encodeData(data: MemberData | AssignmentData): Buffer {
  return Buffer.from(JSON.stringify({ version: dataVersion, ...data }))
}

function decodeData(bytes: Buffer): Record<string, unknown> {
  const data: unknown = JSON.parse(bytes.toString())
  if (typeof data !== 'object' || data === null) throw new TypeError('user data is not an object')
  const { version, ...fields } = data as Record<string, unknown>
  if (version !== dataVersion) throw new TypeError(`user data has version ${String(version)}`)
  return fields
}

function decoding<T>(what: string, decode: () => T): T {
  try {
    return decode()
  } catch (cause) {
    throw new FatalError(
      'MILLRACE_GROUP_FOREIGN_MEMBER',
      `The ${what} of a group member cannot be read: another kind of program, or an incompatible ` +
        'version, uses the same application id; give each application its own',
      { cause }
    )
  }
}
