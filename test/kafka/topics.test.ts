/** Topics before the start, on a real broker: made as they must be, refused when they are not. */
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Cluster } from '../../src/kafka/cluster.ts'
import { errorCodes } from '../../src/kafka/kafka-errors.ts'
import { KafkaLog } from '../../src/kafka/kafka-log.ts'
import type { Rpc } from '../../src/kafka/protocol.ts'
import { Topics } from '../../src/kafka/topics.ts'
import { createLogger, silentLogger } from '../../src/log.ts'
import type { TopicRequirement } from '../../src/runtime/ports.ts'
import {
  atLeastOnceChangelogConfig,
  changelogConfig,
  repartitionConfig,
  windowedChangelogConfig,
} from '../../src/topology/internal-topics.ts'
import { patience } from '../support/counting-app.ts'
import { FaultyCluster } from '../support/faulty-cluster.ts'
import {
  addPartitions,
  configure,
  makeTopic,
  removeRecords,
  removeTopic,
  settings,
} from '../support/kafka-admin.ts'
import { ensureJars } from '../support/kafka-jars.ts'
import { connectTo } from '../support/kafka-tools.ts'
import { Member, tasksOver } from '../support/log-port-tools.ts'
import { sharedBroker } from '../support/shared-broker.ts'

let brokers: readonly string[]
let cluster: Cluster

beforeAll(async () => {
  brokers = await sharedBroker()
  cluster = connectTo(brokers)
})

afterAll(() => cluster?.close())

function topicsOf(over = cluster): { readonly topics: Topics; readonly created: string[] } {
  const created: string[] = []
  const onCreated = (topic: string): void => void created.push(topic)
  const parts = { bootstrap: brokers.join(','), groupId: 'shop', onCreated }
  return { topics: new Topics({ cluster: over, ...parts }), created }
}

const changelog = {
  name: '',
  role: 'changelog',
  partitions: 2,
  config: changelogConfig,
  create: true,
} as const satisfies TopicRequirement

async function refusal(requirements: readonly TopicRequirement[]): Promise<string> {
  const { topics } = topicsOf()
  return await topics.prepare(requirements).then(
    () => 'nothing was wrong',
    (error: Error & { code: string }) => `${error.code} ${error.message}`
  )
}

describe('internal topics', () => {
  const kinds: readonly (readonly [string, Partial<TopicRequirement>])[] = [
    ['changelogs', { config: changelogConfig }],
    ['windowed changelogs', { config: windowedChangelogConfig(60_000) }],
    ['changelogs at least once', { config: { ...changelogConfig, ...atLeastOnceChangelogConfig } }],
    ['repartition topics', { role: 'repartition', config: repartitionConfig }],
  ]

  it.each(kinds)('are made as %s must be, once, and found right then', async (_kind, more) => {
    const requirement = { ...changelog, name: `t-${randomUUID()}`, ...more }
    const { topics, created } = topicsOf()
    for (let start = 0; start < 2; start++) {
      expect(await topics.prepare([requirement])).toEqual(new Map([[requirement.name, 2]]))
    }
    expect(created).toEqual([requirement.name])
    const inForce = await settings(cluster, requirement.name)
    expect(Object.fromEntries(inForce)).toMatchObject(requirement.config ?? {})
  })

  const wrong: readonly (readonly [string, Partial<TopicRequirement>, Record<string, string>])[] = [
    [
      'cleanup.policy=compact, found delete',
      {},
      { ...changelogConfig, 'cleanup.policy': 'delete' },
    ],
    [
      'message.timestamp.type=LogAppendTime, found CreateTime',
      { config: windowedChangelogConfig(60_000) },
      { ...windowedChangelogConfig(60_000), 'message.timestamp.type': 'CreateTime' },
    ],
    [
      'retention.ms=at least 86460000, found 3600000',
      { config: windowedChangelogConfig(60_000) },
      { ...windowedChangelogConfig(60_000), 'retention.ms': '3600000' },
    ],
    [
      'min.compaction.lag.ms=at least 86400000, found 0',
      { config: { ...changelogConfig, ...atLeastOnceChangelogConfig } },
      changelogConfig,
    ],
    [
      'retention.ms=-1, found 604800000',
      { role: 'repartition', config: repartitionConfig },
      { ...repartitionConfig, 'retention.ms': '604800000' },
    ],
    [
      'message.timestamp.after.max.ms=at least 9223372036854775807, found 3600000',
      {},
      { ...changelogConfig, 'message.timestamp.after.max.ms': '3600000' },
    ],
  ]

  it.each(wrong)('are refused when wrong: expected %s', async (text, more, config) => {
    const requirement = { ...changelog, name: `t-${randomUUID()}`, ...more }
    await makeTopic(cluster, requirement.name, 2, config)
    const message = await refusal([requirement])
    expect(message).toContain('MILLRACE_TOPICS_INVALID')
    expect(message).toContain(`${requirement.name}: expected ${text}; run kafka-configs.sh`)
    expect(message.split('\n')).toHaveLength(2)
  })

  it('are accepted when they keep more than they must', async () => {
    const requirement = {
      ...changelog,
      name: `t-${randomUUID()}`,
      config: windowedChangelogConfig(1),
    }
    const config = { ...requirement.config, 'retention.ms': '-1' }
    await makeTopic(cluster, requirement.name, 2, config)
    expect(await refusal([requirement])).toBe('nothing was wrong')
  })

  it('are right again after the command that the refusal names', async () => {
    const requirement = {
      ...changelog,
      name: `t-${randomUUID()}`,
      config: windowedChangelogConfig(1),
    }
    const config = { ...requirement.config, 'cleanup.policy': 'delete' }
    await makeTopic(cluster, requirement.name, 2, config)
    const [, command = ''] =
      /; run kafka-configs\.sh (.*)$/m.exec(await refusal([requirement])) ?? []
    const classpath = join(await ensureJars(), '*')
    const tool = ['-cp', classpath, 'kafka.admin.ConfigCommand', ...command.split(' ')]
    await promisify(execFile)('java', tool)
    await expect.poll(() => refusal([requirement])).toBe('nothing was wrong')
  })

  it('with another number of partitions name both ways out', async () => {
    const requirement = { ...changelog, name: `t-${randomUUID()}` }
    await makeTopic(cluster, requirement.name, 3, changelogConfig)
    const message = await refusal([requirement])
    expect(message).toContain('expected 2 partitions, found 3')
    expect(message).toContain('another APPLICATION_ID')
    expect(message).toMatch(/kafka-consumer-groups\.sh .*--delete --group shop/)
  })

  it('that brokers before Kafka 3.6 cannot make are refused with that reason', async () => {
    const message = 'Unknown topic config name: message.timestamp.after.max.ms'
    const old = new RefusingCluster(brokers, errorCodes.INVALID_CONFIG, message)
    const { topics } = topicsOf(old)
    const refused = topics.prepare([{ ...changelog, name: `t-${randomUUID()}` }])
    await expect(refused).rejects.toThrow(/INVALID_CONFIG \(Unknown.*Kafka 3\.6.*update them/)
    old.close()
  })

  it('that may not be made name the missing right', async () => {
    const strict = new RefusingCluster(brokers, errorCodes.TOPIC_AUTHORIZATION_FAILED, null)
    const name = `t-${randomUUID()}`
    const refused = topicsOf(strict).topics.prepare([{ ...changelog, name }])
    await expect(refused).rejects.toThrow(
      `expected the right to Create, found none; run kafka-acls.sh --bootstrap-server ` +
        `${brokers.join(',')} --add --allow-principal User:<name> ` +
        `--operation Create --topic ${name}`
    )
    strict.close()
  })
})

/** Answers every CreateTopics with this. */
class RefusingCluster extends Cluster {
  readonly #error: number
  readonly #message: string | null

  constructor(brokers: readonly string[], error: number, message: string | null) {
    super({ brokers, clientId: 'test', logger: silentLogger })
    this.#error = error
    this.#message = message
  }

  override async send<Request, Response>(
    address: string,
    rpc: Rpc<Request, Response>,
    request: Request
  ): Promise<Response> {
    if (rpc.api.name !== 'CreateTopics') return super.send(address, rpc, request)
    const { topics } = request as unknown as { readonly topics: readonly { topic: string }[] }
    const [error, message] = [this.#error, this.#message]
    return topics.map(({ topic }) => ({ topic, error, message })) as Response
  }
}

describe("the user's topics", () => {
  it('that are read are never made, and never checked for more than being there', async () => {
    const name = `t-${randomUUID()}`
    const source: TopicRequirement = { name, role: 'source', create: false }
    const message = await refusal([source])
    expect(message).toContain(`${name}: expected it to exist, found no such topic`)
    expect(message).toContain(`kafka-topics.sh --bootstrap-server ${brokers.join(',')} --create`)
    await makeTopic(cluster, name, 3, { 'cleanup.policy': 'compact', 'retention.ms': '1000' })
    expect(await topicsOf().topics.partitions([name])).toEqual(new Map([[name, 3]]))
  })

  it('that are written to may keep less than asked for, and are told of', async () => {
    const lines: string[] = []
    const logger = createLogger({ level: 'warn', write: (line) => lines.push(line) })
    const config = { 'cleanup.policy': 'compact,delete', 'retention.ms': '-1' }
    const sink = { name: `t-${randomUUID()}`, role: 'sink', partitions: 1, config, create: true }
    await makeTopic(cluster, sink.name, 1, { ...config, 'retention.ms': '86400000' })
    const telling = new Cluster({ brokers, clientId: 'test', logger })
    await topicsOf(telling).topics.prepare([sink as TopicRequirement])
    telling.close()
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      topic: sink.name,
      setting: 'expected retention.ms=-1, found 86400000',
      mendedBy: expect.stringContaining('--add-config retention.ms=-1'),
    })
    await configure(cluster, sink.name, { 'cleanup.policy': 'delete' })
    expect(await refusal([sink as TopicRequirement])).toContain(
      'expected cleanup.policy=compact,delete, found delete'
    )
  })

  /** A member that reads a topic of two partitions, and looks at its topics all the time. */
  async function watching(
    changelogs: readonly string[] = [],
    logger = silentLogger,
    over?: Cluster
  ) {
    const applicationId = `t-${randomUUID()}`
    const settings = { brokers, clientId: 'test', applicationId, instance: 'only', logger }
    const log = await KafkaLog.connect({ ...settings, metadataMaxAgeMs: 50 }, over)
    const topic = `${applicationId}-in`
    await makeTopic(cluster, topic, 2)
    const config = { 'cleanup.policy': 'compact' }
    await log.prepare(
      changelogs.map((name) => {
        return { name, role: 'changelog', partitions: 1, config, create: true } as const
      })
    )
    const member = new Member()
    await member.join(log, tasksOver(topic, 2))
    return { log, topic, member }
  }

  it('that are made anew while they are read end the membership', async () => {
    const { log, topic, member } = await watching()
    await removeTopic(cluster, topic)
    await makeTopic(cluster, topic, 2)
    await expect(member.membership?.ended).rejects.toMatchObject({
      code: 'MILLRACE_TOPIC_RECREATED',
      message: expect.stringMatching(`${topic} was made anew while it was read`),
    })
    await member.membership?.leave()
    await log.close()
  })

  it.each([true, false])(
    'that states depend on end the membership when they are gone (made anew: %s)',
    async (isMadeAnew) => {
      const changelog = `t-${randomUUID()}-changelog`
      const { log, member } = await watching([changelog])
      await removeTopic(cluster, changelog)
      if (isMadeAnew) await makeTopic(cluster, changelog, 1, { 'cleanup.policy': 'compact' })
      await expect(member.membership?.ended).rejects.toMatchObject({
        code: 'MILLRACE_CHANGELOG_LOST',
        message: expect.stringMatching(`${changelog} (is gone|was made anew) while`),
      })
      await member.membership?.leave()
      await log.close()
    }
  )

  it('that states depend on and that lose records are told of, once', async () => {
    const changelog = `t-${randomUUID()}-changelog`
    const lines: Readonly<Record<string, unknown>>[] = []
    const write = (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>)
    const logger = createLogger({ level: 'error', write })
    const looking = new FaultyCluster({ brokers, clientId: 'test', logger })
    const { log, member } = await watching([changelog], logger, looking)
    // As old as they are: retention would take those of 1970, and by itself.
    const timestamp = Date.now()
    await log.append(
      changelog,
      ['a', 'b'].map((key) => {
        return { partition: 0, timestamp, key: Buffer.from(key), value: Buffer.from('1') }
      })
    )
    await configure(cluster, changelog, { 'cleanup.policy': 'compact,delete' })
    await removeRecords(cluster, changelog, 0, 1)
    await vi.waitFor(() => expect(lines).not.toEqual([]), patience)
    // Looked at twice in the meantime: the first look may have begun before.
    await removeRecords(cluster, changelog, 0, 2)
    await looking.untilSeen('ListOffsets', looking.seen('ListOffsets') + 2)
    await member.membership?.leave()
    await log.close()
    expect(lines).toEqual([
      expect.objectContaining({
        msg: expect.stringContaining('Records of a changelog were deleted'),
        changelog: `${changelog}-0`,
        start: 1,
      }),
    ])
  })

  it('that get more partitions while they are read end the membership', async () => {
    const { log, topic, member } = await watching()
    await addPartitions(cluster, topic, 5)
    await expect(member.membership?.ended).rejects.toMatchObject({
      name: 'FatalError',
      code: 'MILLRACE_PARTITIONS_CHANGED',
      message: expect.stringMatching(`${topic} had 2 partitions .*, and has 5 now.*start again`),
    })
    await member.membership?.leave()
    await log.close()
  })
})
