/** What an application says about its brokers; the rest of a log's options follows from others. */
import type { KafkaConfig } from '../config-kafka.ts'
import { durationMs } from '../durations.ts'
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

/** What the environment says, as a log takes it. */
export function kafkaSettings(kafka: KafkaConfig): KafkaSettings {
  const { brokers, tls, sasl, instanceId, leaveOnClose, sessionTimeout, maxPollInterval } = kafka
  const sessionMs = durationMs(sessionTimeout)
  return {
    brokers,
    group: { sessionMs, maxPollIntervalMs: durationMs(maxPollInterval) },
    leaveOnClose,
    ...(instanceId === null ? {} : { instanceId }),
    ...(tls === null ? {} : { tls }),
    ...(sasl === null ? {} : { sasl }),
  }
}
