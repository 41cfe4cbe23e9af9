/**
 * What we touch of the inside of kafkajs 2.2.4: every field by name and kind, so that a version
 * which changed one is refused by name before anything hangs.
 */
import type net from 'node:net'
import type { Kafka, Cluster as KafkajsCluster } from 'kafkajs'
import { FatalError } from '../errors.ts'
import type { VersionRanges } from './protocol.ts'

export interface Inside {
  readonly connectionPoolBuilder: {
    build(broker: { host: string; port: number; rack: null }): Promise<InsidePool>
  }
  readonly brokerPool: {
    createBroker(options: { connectionPool: InsidePool; logger: unknown }): InsideBroker
  }
  readonly rootLogger: object
}

export interface InsidePool {
  readonly pool: readonly unknown[]
  getConnection(index: number): Promise<unknown>
  getConnectionByRequest(request: unknown): Promise<unknown>
}

export interface InsideBroker {
  readonly versions: VersionRanges
  connect(): Promise<void>
}

export interface InsideConnection {
  connectionStatus: string
  readonly clientId: string
  readonly socket: net.Socket
  readonly requestQueue: InsideQueue
  isAuthenticated(): boolean
  authenticate(): Promise<void>
  nextCorrelationId(): number
  rejectRequests(error: Error): void
}

interface InsideQueue {
  readonly pending: readonly unknown[]
  destroy(): void
  scheduleCheckPendingRequests(): void
}

type Kinds<T> = Readonly<Record<keyof T, 'function' | 'object' | 'string'>>

const insideKinds: Kinds<Inside> = {
  connectionPoolBuilder: 'object',
  brokerPool: 'object',
  rootLogger: 'object',
}
const builderKinds: Kinds<Inside['connectionPoolBuilder']> = { build: 'function' }
const brokerPoolKinds: Kinds<Inside['brokerPool']> = { createBroker: 'function' }
export const poolKinds: Kinds<InsidePool> = {
  pool: 'object',
  getConnection: 'function',
  getConnectionByRequest: 'function',
}
export const brokerKinds: Kinds<Omit<InsideBroker, 'versions'>> = { connect: 'function' }
export const askedKinds: Kinds<Pick<InsideBroker, 'versions'>> = { versions: 'object' }
const connectionKinds: Kinds<Omit<InsideConnection, 'socket'>> = {
  connectionStatus: 'string',
  clientId: 'string',
  requestQueue: 'object',
  isAuthenticated: 'function',
  authenticate: 'function',
  nextCorrelationId: 'function',
  rejectRequests: 'function',
}
export const openedKinds: Kinds<Pick<InsideConnection, 'socket'>> = { socket: 'object' }
const queueKinds: Kinds<InsideQueue> = {
  pending: 'object',
  destroy: 'function',
  scheduleCheckPendingRequests: 'function',
}

/** Takes `value` for what we know of it, or names what is not there any more. */
export function inside<T>(value: unknown, what: string, kinds: Kinds<T>): T {
  const fields = Object(value) as Record<string, unknown>
  const gone = Object.entries(kinds).filter(([name, kind]) => typeof fields[name] !== kind)
  if (gone.length === 0) return value as T
  const names = gone.map(([name, kind]) => `${name} (${kind})`)
  throw new FatalError(
    'MILLRACE_KAFKAJS_CHANGED',
    `The ${what} of kafkajs has no ${names.join(', ')}; install kafkajs 2.2.4 exactly`
  )
}

/** An assigner factory is handed the cluster in the constructor of a consumer; nothing joins. */
export function insideOf(kafka: Kafka): Inside {
  let cluster: KafkajsCluster | undefined
  kafka.consumer({
    groupId: 'never-joined',
    partitionAssigners: [
      (config) => {
        cluster = config.cluster
        const protocol = () => ({ name: 'none', metadata: Buffer.alloc(0) })
        return { name: 'none', version: 0, assign: () => Promise.resolve([]), protocol }
      },
    ],
  })
  const found = inside<Inside>(cluster, 'Cluster', insideKinds)
  inside(found.connectionPoolBuilder, 'ConnectionPoolBuilder', builderKinds)
  inside(found.brokerPool, 'BrokerPool', brokerPoolKinds)
  return found
}

/** The connection of a pool that is used, before it is opened. */
export function connectionOf(pool: InsidePool): InsideConnection {
  const connection = pool.pool[0] as InsideConnection
  inside(connection, 'Connection', connectionKinds)
  checkWhatWaits(inside(connection.requestQueue, 'RequestQueue', queueKinds))
  return connection
}

/** Where nothing waits, it sets a timer into the past, of which Node warns from version 24 on. */
function checkWhatWaits(queue: InsideQueue): void {
  const schedule = queue.scheduleCheckPendingRequests
  queue.scheduleCheckPendingRequests = function (this: InsideQueue): void {
    if (this.pending.length > 0) schedule.call(this)
  }
}
