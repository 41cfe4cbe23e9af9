/**
 * Logs in with the inside of kafkajs 2.2.4, which only this file and `link-inside.ts` know. It is
 * loaded where there is a login alone: loading it takes longer than opening a hundred connections.
 *
 *   open ──► kafkajs Broker (fresh each time) ──► its first Connection ──► our socket
 *
 * - The pool of kafkajs reconnects without a lock (several sockets on one framing buffer), so it is
 *   never asked again.
 * - A dead connection is dropped, never reconnected: kafkajs leaks listeners otherwise.
 */
import type { LogEntry, SASLOptions } from 'kafkajs'
import { Kafka, logLevel } from 'kafkajs'
import type { Logger } from '../log.ts'
import type { FrameBuffers } from './frame-buffers.ts'
import type { Inside, InsideConnection, InsidePool } from './link-inside.ts'
import {
  askedKinds,
  brokerKinds,
  connectionOf,
  inside,
  insideOf,
  openedKinds,
  poolKinds,
} from './link-inside.ts'
import type { KafkaOptions } from './link-options.ts'
import { openSocket, parseAddress, type Secure } from './link-socket.ts'
import type { VersionRanges } from './protocol.ts'

/** A connection that is about to be one. */
export interface Opening {
  /** Resolves, with what the broker speaks, once it is open and we are logged in. */
  readonly opened: Promise<VersionRanges>
  readonly connection: InsideConnection
}

export class LoginTransport {
  readonly #inside: Inside

  constructor(
    options: KafkaOptions & { readonly sasl: NonNullable<KafkaOptions['sasl']> },
    secure: Secure | undefined,
    times: { readonly requestTimeoutMs: number; readonly connectionTimeoutMs: number },
    buffers: FrameBuffers
  ) {
    const { requestTimeoutMs, connectionTimeoutMs } = times
    const kafka = new Kafka({
      brokers: [...options.brokers],
      clientId: options.clientId,
      requestTimeout: requestTimeoutMs,
      connectionTimeout: connectionTimeoutMs,
      authenticationTimeout: requestTimeoutMs,
      retry: { retries: 0 },
      logLevel: logLevel.WARN,
      logCreator: () => (entry) => relay(options.logger, entry),
      socketFactory: ({ host, port, onConnect }) =>
        openSocket(host, port, secure, buffers, onConnect),
      ...(secure === undefined ? {} : { ssl: secure.options }),
      sasl: { ...options.sasl } as SASLOptions,
    })
    this.#inside = insideOf(kafka)
  }

  async open(address: string): Promise<Opening> {
    const { host, port } = parseAddress(address)
    const { connectionPoolBuilder, brokerPool, rootLogger } = this.#inside
    const pool = inside<InsidePool>(
      await connectionPoolBuilder.build({ host, port, rack: null }),
      'ConnectionPool',
      poolKinds
    )
    pool.getConnectionByRequest = () => pool.getConnection(0)
    const broker = brokerPool.createBroker({ connectionPool: pool, logger: rootLogger })
    inside(broker, 'Broker', brokerKinds)
    const connection = connectionOf(pool)
    const opened = broker.connect().then(() => {
      inside(connection, 'Connection', openedKinds)
      return inside(broker, 'Broker', askedKinds).versions
    })
    return { opened, connection }
  }
}

function relay(logger: Logger, entry: LogEntry): void {
  // A cut connection is an error to kafkajs, and daily bread to us: what matters is logged above.
  logger.debug(`kafkajs: ${entry.log.message}`, { namespace: entry.namespace })
}
