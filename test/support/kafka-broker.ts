/**
 * Real Apache Kafka for tests: one node, or several that form a cluster, each a KRaft broker and
 * controller in a process of its own, with free ports and a directory that `stop()` removes.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from '../../src/kafka/cluster.ts'
import { silentLogger } from '../../src/log.ts'
import { formatNode } from './kafka-format.ts'
import { ensureJars } from './kafka-jars.ts'

export { type BrokerAvailability, brokerAvailability } from './kafka-jars.ts'

const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'

export interface BrokerOptions {
  /** Default 1; 3 for a cluster that survives the loss of one. */
  readonly nodes?: number
  /** Settings of the server, in addition to those for tests or instead of them. */
  readonly properties?: Readonly<Record<string, string>>
  /** Another listener beside the plain one: its protocol and settings. */
  readonly secureListener?: 'SASL_SSL' | 'SASL_PLAINTEXT' | 'SSL'
  /** Users as the storage tool takes them: `SCRAM-SHA-256=[name=alice,password=secret]`. */
  readonly scramUsers?: readonly string[]
  readonly heapMb?: number
  /** Of Apache Kafka; default: the one that all tests run against. */
  readonly version?: string
  /**
   * The address that clients are told for a node, such as that of a proxy in front of `address`.
   * Brokers talk to each other past it.
   */
  readonly advertise?: (nodeId: number, address: string) => Promise<string>
  /** The same for the address that brokers are told of each other. */
  readonly advertiseAmongBrokers?: (nodeId: number, address: string) => Promise<string>
}

/** One process of the cluster. */
export interface BrokerNode {
  readonly nodeId: number
  readonly address: string
  /** Of this process, and of those it was before; gone after `stop()` of all. */
  readonly logFile: string
  readonly pid: number
  /** SIGKILL: no good-bye to anybody. */
  kill(): Promise<void>
  /** SIGTERM, and wait: leaders move away first. */
  stop(): Promise<void>
  /** Starts it again on the same data and ports; resolves when it accepts clients. */
  start(): Promise<void>
  /** SIGSTOP and SIGCONT. */
  pause(): void
  resume(): void
}

export interface RunningBroker {
  /** For `KafkaOptions.brokers`. */
  readonly brokers: readonly string[]
  /** The addresses of the secure listener, if there is one. */
  readonly secureBrokers: readonly string[]
  /** Past what is advertised: the addresses by which the brokers know each other. */
  readonly directBrokers: readonly string[]
  readonly nodes: readonly BrokerNode[]
  /** All nodes at once, SIGKILL. */
  kill(): Promise<void>
  /** Kills and starts again all that ran. */
  restart(): Promise<void>
  /** Ends all processes and removes their data. */
  stop(): Promise<void>
}

/** Resolves when all nodes accept clients. */
export async function startBroker(options: BrokerOptions = {}): Promise<RunningBroker> {
  for (let attempt = 1; ; attempt++) {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-kafka-'))
    const cluster = await layOut(directory, options)
    try {
      await Promise.all(cluster.map((node) => node.start()))
      await allUp(cluster)
      return running(cluster, directory)
    } catch (error) {
      await Promise.all(cluster.map((node) => node.kill()))
      await rm(directory, { recursive: true, force: true })
      // Another process may have taken a port between our look and the start.
      if (attempt === 3) throw error
    }
  }
}

function running(nodes: readonly Node[], directory: string): RunningBroker {
  return {
    brokers: nodes.map(({ advertised }) => advertised),
    directBrokers: nodes.map(({ directAddress }) => directAddress),
    secureBrokers: nodes.flatMap(({ secureAddress }) => secureAddress ?? []),
    nodes,
    kill: async () => {
      await Promise.all(nodes.map((node) => node.kill()))
    },
    restart: async () => {
      await Promise.all(nodes.map((node) => node.kill()))
      await Promise.all(nodes.map((node) => node.start()))
      await allUp(nodes)
    },
    stop: async () => {
      // Their data is thrown away: no reason to wait for good-byes.
      await Promise.all(nodes.map((node) => node.kill()))
      await rm(directory, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

class Node implements BrokerNode {
  readonly nodeId: number
  readonly address: string
  readonly advertised: string
  readonly directAddress: string
  readonly secureAddress: string | undefined
  readonly #directory: string
  readonly #lib: string
  readonly #heapMb: number
  #process: ChildProcess | undefined

  constructor(plan: NodePlan) {
    this.nodeId = plan.nodeId
    this.address = `localhost:${plan.port}`
    this.advertised = plan.advertised ?? this.address
    const isSplit = isSplitNode(plan)
    this.directAddress = isSplit ? `localhost:${plan.directPort}` : this.address
    this.secureAddress = plan.securePort === undefined ? undefined : `localhost:${plan.securePort}`
    this.#directory = plan.directory
    this.#lib = plan.lib
    this.#heapMb = plan.heapMb
  }

  get pid(): number {
    return this.#process?.pid ?? -1
  }

  get logFile(): string {
    return join(this.#directory, 'log')
  }

  async start(): Promise<void> {
    if (this.#process !== undefined) return
    const log = openSync(this.logFile, 'a')
    const memory = [
      `-Xmx${this.#heapMb}m`,
      '-Xms64m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
    ]
    const main = ['-cp', `${this.#lib}/*`, 'kafka.Kafka', join(this.#directory, 'properties')]
    const child = spawn('java', [...memory, quiet, ...main], { stdio: ['ignore', log, log] })
    this.#process = child
    const killOnExit = (): boolean => child.kill('SIGKILL')
    process.once('exit', killOnExit)
    child.once('exit', () => {
      process.off('exit', killOnExit)
      if (this.#process === child) this.#process = undefined
    })
    for (let tries = 0; !(await connects(this.address)); tries++) {
      if (this.#process !== child || tries === 1_800) throw await this.#failure()
      await sleep(100)
    }
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  pause(): void {
    this.#process?.kill('SIGSTOP')
  }

  resume(): void {
    this.#process?.kill('SIGCONT')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process
    if (child === undefined) return
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }

  async #failure(): Promise<Error> {
    const log = await readFile(this.logFile, 'utf8').catch(() => '')
    return new Error(`Broker ${this.nodeId} did not start: ${log.slice(-2_000)}`)
  }
}

interface NodePlan {
  readonly nodeId: number
  readonly port: number
  readonly controllerPort: number
  readonly securePort: number | undefined
  readonly directPort: number
  readonly advertised: string | undefined
  readonly advertisedDirect: string | undefined
  readonly directory: string
  readonly lib: string
  readonly heapMb: number
}

async function layOut(directory: string, options: BrokerOptions): Promise<readonly Node[]> {
  const { nodes = 1, heapMb = 512, advertise, advertiseAmongBrokers } = options
  const lib = await ensureJars(options.version)
  const ports = await freePorts(nodes * 4)
  const clusterId = randomBytes(16).toString('hex').slice(0, 22)
  const indexes = Array.from({ length: nodes }, (_, index) => index)
  const planning = indexes.map(async (index): Promise<NodePlan> => {
    const [port = 0, controllerPort = 0, securePort = 0, directPort = 0] = ports.slice(index * 4)
    const nodeId = index + 1
    return {
      nodeId,
      port,
      controllerPort,
      securePort: options.secureListener ? securePort : undefined,
      directPort,
      advertised: await advertise?.(nodeId, `localhost:${port}`),
      advertisedDirect: await advertiseAmongBrokers?.(nodeId, `localhost:${directPort}`),
      directory: join(directory, `node-${nodeId}`),
      lib,
      heapMb,
    }
  })
  const plans = await Promise.all(planning)
  await Promise.all(plans.map((plan) => prepare(plan, plans, clusterId, options)))
  return plans.map((plan) => new Node(plan))
}

async function prepare(
  plan: NodePlan,
  all: readonly NodePlan[],
  clusterId: string,
  options: BrokerOptions
): Promise<void> {
  const file = join(plan.directory, 'properties')
  const settings = { ...propertiesOf(plan, all, options), ...options.properties }
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
  await rm(plan.directory, { recursive: true, force: true })
  await mkdir(plan.directory)
  await writeFile(file, `${lines.join('\n')}\n`)
  const { lib, nodeId } = plan
  const { scramUsers = [] } = options
  await formatNode(join(plan.directory, 'data'), { lib, scramUsers, clusterId, nodeId })
}

function propertiesOf(
  plan: NodePlan,
  all: readonly NodePlan[],
  { secureListener }: BrokerOptions
): Record<string, string> {
  const copies = String(all.length)
  const inSync = String(Math.max(1, all.length - 1))
  const plain = `PLAINTEXT://localhost:${plan.port}`
  const told = `PLAINTEXT://${plan.advertised ?? `localhost:${plan.port}`}`
  const isSplit = isSplitNode(plan)
  const secure = secureListener ? `,SECURE://localhost:${plan.securePort}` : ''
  const direct = isSplit ? `,DIRECT://localhost:${plan.directPort}` : ''
  const directTold = isSplit ? `,DIRECT://${directOf(plan)}` : ''
  return {
    'process.roles': 'broker,controller',
    'node.id': String(plan.nodeId),
    'controller.quorum.voters': all
      .map(({ nodeId, controllerPort }) => `${nodeId}@localhost:${controllerPort}`)
      .join(','),
    listeners: `${plain}${secure}${direct},CONTROLLER://localhost:${plan.controllerPort}`,
    'advertised.listeners': `${told}${secure}${directTold}`,
    'listener.security.protocol.map': `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,DIRECT:PLAINTEXT${
      secureListener ? `,SECURE:${secureListener}` : ''
    }`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': isSplit ? 'DIRECT' : 'PLAINTEXT',
    'log.dirs': join(plan.directory, 'data'),
    'default.replication.factor': copies,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': '3',
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': '3',
    'share.coordinator.state.topic.replication.factor': copies,
    // A node that falls silent is missed soon.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    'auto.create.topics.enable': 'false',
    'log.cleaner.backoff.ms': '500',
    'log.segment.delete.delay.ms': '1000',
    // Half a minute after its start a broker would delete records that tests date to 1970.
    'log.initial.task.delay.ms': '86400000',
    'log.retention.check.interval.ms': '86400000',
    'num.io.threads': '4',
    'num.network.threads': '2',
  }
}

/** Whether brokers have a listener of their own. */
function isSplitNode({ advertised, advertisedDirect }: NodePlan): boolean {
  return advertised !== undefined || advertisedDirect !== undefined
}

function directOf({ advertisedDirect, directPort }: NodePlan): string {
  return advertisedDirect ?? `localhost:${directPort}`
}

async function allUp(nodes: readonly Node[]): Promise<void> {
  const brokers = nodes.map(({ address }) => address)
  const cluster = new Cluster({ brokers, clientId: 'wait', logger: silentLogger })
  try {
    for (let tries = 0; tries < 300; tries++) {
      const known = await cluster.metadata([]).catch(() => undefined)
      if (known?.brokers.length === nodes.length) return
      await sleep(100)
    }
    throw new Error('The brokers did not find each other')
  } finally {
    cluster.close()
  }
}

function connects(address: string): Promise<boolean> {
  const [host = '', port] = address.split(':')
  return new Promise((resolve) => {
    const socket = net.connect({ host, port: Number(port) })
    const answer = (isUp: boolean) => (): void => {
      socket.destroy()
      resolve(isUp)
    }
    socket.once('connect', answer(true))
    socket.once('error', answer(false))
  })
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = net.createServer().listen(0)
      await once(server, 'listening')
      return server
    })
  )
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
