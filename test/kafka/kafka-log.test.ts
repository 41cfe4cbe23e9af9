/** The port suite on a real broker, under both guarantees. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KafkaLog } from '../../src/kafka/kafka-log.ts'
import { silentLogger } from '../../src/log.ts'
import { describeLogPort } from '../support/log-port-suite.ts'
import type { LogHarness } from '../support/log-port-world.ts'
import { sharedBroker } from '../support/shared-broker.ts'

async function harness(guarantee: 'exactly_once' | 'at_least_once'): Promise<LogHarness> {
  const brokers = await sharedBroker()
  const directory = await mkdtemp(join(tmpdir(), 'millrace-port-'))
  return {
    open: (applicationId) =>
      KafkaLog.connect({
        brokers,
        clientId: 'port-suite',
        logger: silentLogger,
        applicationId,
        instance: randomUUID(),
        guarantee,
        stateDirectory: join(directory, applicationId),
        fetchWaitMs: 50,
      }),
    close: () => rm(directory, { recursive: true, force: true }),
  }
}

describeLogPort('Kafka, exactly once', () => harness('exactly_once'))
describeLogPort('Kafka, at least once', () => harness('at_least_once'))
