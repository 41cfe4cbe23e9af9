/** Requests that wait on a real coordinator, over connections that lead nowhere meanwhile. */
import { randomUUID } from 'node:crypto'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { Cluster, type CoordinatorKind } from '../../src/kafka/cluster.ts'
import { encodeSubscription } from '../../src/kafka/consumer-protocol.ts'
import { GroupClient } from '../../src/kafka/group-client.ts'
import { errorCodes } from '../../src/kafka/kafka-errors.ts'
import { silentLogger } from '../../src/log.ts'
import { sharedBroker } from '../support/shared-broker.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

/** Brokers look into it: with anything else the group would never have a generation. */
const metadata = encodeSubscription({
  topics: ['never-read'],
  owned: [],
  data: {
    instance: 'one',
    transactionalId: null,
    plan: 'plan',
    generation: -1,
    owned: [],
    held: [],
    transactionalIds: [],
  },
})

let broker = ''
let groupId = ''
let proxy: TcpProxy
const clusters: Cluster[] = []

beforeAll(async () => {
  broker = (await sharedBroker())[0] ?? ''
})

beforeEach(async () => {
  groupId = `parked-${randomUUID()}`
  proxy = await TcpProxy.to(broker)
})

afterEach(() => {
  for (const cluster of clusters.splice(0)) cluster.close()
  proxy.close()
})

/** Finds the coordinator at one address, wherever the brokers say that it is. */
class DirectedCluster extends Cluster {
  readonly #address: string

  constructor(address: string) {
    const [brokers, logger] = [[address], silentLogger]
    super({ brokers, clientId: 'test', logger, requestTimeoutMs: 1_000 })
    this.#address = address
    clusters.push(this)
  }

  override async coordinator(kind: CoordinatorKind, key: string): Promise<string> {
    // To be asked is what makes a fresh broker create the topic of all groups.
    await super.coordinator(kind, key)
    return this.#address
  }
}

class Speaker {
  memberId = ''
  generation = -1
  readonly #client: GroupClient

  /** A rebalance is waited for longer than the test has time. */
  constructor(address: string, sessionMs: number) {
    const { signal } = new AbortController()
    const cluster = new DirectedCluster(address)
    const options = { cluster, groupId, instanceId: null, signal }
    this.#client = new GroupClient({ ...options, sessionMs, rebalanceMs: 120_000 })
  }

  /** The id that the group wants to hear. */
  async introduce(): Promise<void> {
    const { error, memberId } = await this.#client.join('', metadata)
    expect(error).toBe(errorCodes.MEMBER_ID_REQUIRED)
    this.memberId = memberId
  }

  async join(): Promise<void> {
    const { error, generation } = await this.#client.join(this.memberId, metadata)
    expect(error).toBe(errorCodes.NONE)
    this.generation = generation
  }

  async sync(members: readonly Speaker[] = []): Promise<string> {
    const assignments = members.map(({ memberId }) => {
      return { memberId, assignment: Buffer.from(`for ${memberId}`) }
    })
    const { error, assignment } = await this.#client.sync(this.#identity(), assignments)
    expect(error).toBe(errorCodes.NONE)
    return assignment.toString()
  }

  /** Resolves when another member waits for this one. */
  async untilAsked(): Promise<void> {
    const { REBALANCE_IN_PROGRESS } = errorCodes
    while ((await this.#client.heartbeat(this.#identity())) !== REBALANCE_IN_PROGRESS);
  }

  #identity() {
    const { memberId, generation } = this
    return { groupId, memberId, generation, instanceId: null }
  }
}

/** A leader that has the group, and another that waits to join it through the proxy. */
async function waitingToJoin() {
  const leader = new Speaker(broker, 30_000)
  await leader.introduce()
  await leader.join()
  await leader.sync([leader])
  const other = new Speaker(proxy.address, 5_000)
  await other.introduce()
  const joining = other.join()
  await leader.untilAsked()
  return { leader, other, joining }
}

it('joins, although the connection on which it waits for the others is lost', async () => {
  const { leader, other, joining } = await waitingToJoin()
  proxy.strand()
  await leader.join()
  await joining
  expect(other.generation).toBe(leader.generation)
})

it('is told its tasks, although the connection on which it waits for them is lost', async () => {
  const { leader, other, joining } = await waitingToJoin()
  await Promise.all([leader.join(), joining])
  const syncing = other.sync()
  proxy.strand()
  await leader.sync([leader, other])
  expect(await syncing).toBe(`for ${other.memberId}`)
})
