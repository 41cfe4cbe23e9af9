/** What the owner of a cluster does by hand, for tests: to topics, records, groups and offsets. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { errorCodes, kafkaError } from '../../src/kafka/kafka-errors.ts'
import type { Rpc } from '../../src/kafka/protocol.ts'
import { offsetCommit } from '../../src/kafka/requests/offsets.ts'
import { deleteRecords, listOffsets } from '../../src/kafka/requests/records.ts'
import {
  createTopics,
  deleteTopics,
  describeConfigs,
  incrementalAlterConfigs,
} from '../../src/kafka/requests/topics.ts'

type Config = Readonly<Record<string, string>>

const timeoutMs = 10_000

const createPartitions: Rpc<{ topic: string; partitions: number }, number> = {
  api: { name: 'CreatePartitions', key: 37, version: 1, flexible: false },
  encode(writer, { topic, partitions }) {
    writer.array([topic], () => {
      writer.string(topic).int32(partitions).int32(-1)
    })
    writer.int32(timeoutMs).boolean(false)
  },
  decode(reader) {
    reader.int32()
    const [error] = reader.array(() => {
      reader.string()
      const code = reader.int16()
      reader.nullableString()
      return code
    })
    return error ?? -1
  },
}

const deleteGroups: Rpc<{ group: string }, number> = {
  api: { name: 'DeleteGroups', key: 42, version: 1, flexible: false },
  encode(writer, { group }) {
    writer.array([group], () => writer.string(group))
  },
  decode(reader) {
    reader.int32()
    const [error] = reader.array(() => {
      reader.string()
      return reader.int16()
    })
    return error ?? -1
  },
}

export async function makeTopic(
  cluster: Cluster,
  topic: string,
  partitions = 1,
  config: Config = {}
): Promise<void> {
  const wanted = { topic, partitions, replicationFactor: -1, config }
  const request = { topics: [wanted], timeoutMs }
  const [result] = await cluster.send(await cluster.controller(), createTopics, request)
  refuse(result?.error ?? -1, `CreateTopics ${topic}`)
  for (;;) {
    const { topics } = await cluster.metadata([topic])
    if (topics[0]?.partitions.filter(({ leader }) => leader >= 0).length === partitions) return
    await sleep(20)
  }
}

export async function removeTopic(cluster: Cluster, topic: string): Promise<void> {
  const request = { topics: [topic], timeoutMs }
  const [result] = await cluster.send(await cluster.controller(), deleteTopics, request)
  refuse(result?.error ?? -1, `DeleteTopics ${topic}`)
  while ((await cluster.metadata([topic])).topics[0]?.error === 0) await sleep(20)
}

export async function addPartitions(
  cluster: Cluster,
  topic: string,
  partitions: number
): Promise<void> {
  const request = { topic, partitions }
  refuse(await cluster.send(await cluster.controller(), createPartitions, request), topic)
}

/** Resolves when the broker shows it. */
export async function configure(cluster: Cluster, topic: string, config: Config): Promise<void> {
  const [result] = await cluster.any(incrementalAlterConfigs, { topics: [{ topic, config }] })
  refuse(result?.error ?? -1, `IncrementalAlterConfigs ${topic}`)
  for (;;) {
    const shown = await settings(cluster, topic, Object.keys(config))
    if (Object.entries(config).every(([name, value]) => shown.get(name) === value)) return
    await sleep(20)
  }
}

export async function settings(
  cluster: Cluster,
  topic: string,
  names: readonly string[] | null = null
): Promise<ReadonlyMap<string, string | null>> {
  const [described] = await cluster.any(describeConfigs, { topics: [topic], names })
  refuse(described?.error ?? -1, `DescribeConfigs ${topic}`)
  return described?.config ?? new Map()
}

export async function removeRecords(
  cluster: Cluster,
  topic: string,
  partition: number,
  before: number
): Promise<void> {
  const entry = { topic, partition, before }
  const [result] = await cluster.callLeaders('DeleteRecords', [entry], (address, partitions) =>
    cluster.send(address, deleteRecords, { timeoutMs, partitions })
  )
  refuse(result?.error ?? -1, `DeleteRecords ${topic}`)
}

/** Where a partition begins and ends. */
export async function boundsOf(
  cluster: Cluster,
  topic: string,
  partition: number
): Promise<{ readonly start: number; readonly end: number }> {
  const where = async (at: 'earliest' | 'latest'): Promise<number> => {
    const entry = { topic, partition, at }
    const [found] = await cluster.callLeaders('ListOffsets', [entry], (address, partitions) =>
      cluster.send(address, listOffsets, { isolation: 'uncommitted', partitions })
    )
    refuse(found?.error ?? -1, `ListOffsets ${topic}`)
    return found?.offset ?? -1
  }
  return { start: await where('earliest'), end: await where('latest') }
}

/** As `kafka-consumer-groups.sh --reset-offsets` does; the group has no members. */
export async function resetOffset(
  cluster: Cluster,
  group: string,
  topic: string,
  offset: number,
  { partition = 0, metadata = '' } = {}
): Promise<void> {
  const request = {
    groupId: group,
    generation: -1,
    memberId: '',
    instanceId: null,
    offsets: [{ topic, partition, offset, metadata }],
  }
  const results = await cluster.callCoordinator('group', group, offsetCommit, request, () => 0)
  refuse(results[0]?.error ?? -1, `OffsetCommit ${topic}`)
}

/** With all its offsets, as they expire when nobody is in it for long. */
export async function removeGroup(cluster: Cluster, group: string): Promise<void> {
  const error = await cluster.callCoordinator(
    'group',
    group,
    deleteGroups,
    { group },
    (code) => code
  )
  if (error !== errorCodes.GROUP_ID_NOT_FOUND) refuse(error, `DeleteGroups ${group}`)
}

function refuse(error: number, what: string): void {
  if (error !== 0) throw kafkaError(error, what)
}
