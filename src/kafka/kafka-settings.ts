/** What an application says about its brokers; the rest of a log's options follows from others. */
import type { KafkaLogOptions } from './kafka-log.ts'

/** The client id is the application's, unless given. */
export type KafkaSettings = Pick<KafkaLogOptions, 'brokers'> &
  Partial<
    Pick<
      KafkaLogOptions,
      | 'clientId'
      | 'tls'
      | 'sasl'
      | 'compression'
      | 'group'
      | 'connectMs'
      | 'requestTimeoutMs'
      | 'connectionTimeoutMs'
      | 'fetchWaitMs'
      | 'transactionTimeoutMs'
      | 'instanceId'
      | 'leaveOnClose'
      | 'metadataMaxAgeMs'
    >
  >
