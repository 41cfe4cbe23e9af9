/** How brokers are reached, and as whom. */
import type { Logger } from '../log.ts'

export interface SaslOptions {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  readonly username: string
  readonly password: string
}

/** PEM text or bytes; what is absent is Node's default. */
export interface TlsOptions {
  readonly ca?: string | Buffer
  readonly cert?: string | Buffer
  readonly key?: string | Buffer
  readonly passphrase?: string
  /** Default true. */
  readonly rejectUnauthorized?: boolean
}

export interface KafkaOptions {
  /** `host:port`, at least one that answers. */
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly logger: Logger
  /** True: TLS with Node's own certificate authorities. */
  readonly tls?: TlsOptions | boolean
  readonly sasl?: SaslOptions
  /** Default 10,000; a request that parks on the broker is given longer by its caller. */
  readonly requestTimeoutMs?: number
  /** Default 5,000, for the socket and TLS; logging in has as long again. */
  readonly connectionTimeoutMs?: number
}
