/** The log of a run: embedded in a directory, or Kafka. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { KafkaLog } from '../src/kafka/kafka-log.ts'
import { EmbeddedLog } from '../src/log/embedded-log.ts'
import { createLogger } from '../src/log.ts'
import type { Log } from '../src/runtime/ports.ts'
import { fill } from './events.ts'
import type { BenchOptions } from './options.ts'

export const logger = createLogger({ level: 'warn' })
export const neverDeleted: Readonly<Record<string, string>> = { 'retention.ms': '-1' }

export async function openLog(options: BenchOptions, directory: string, id: string): Promise<Log> {
  const { brokers, guarantee } = options
  if (options.log === 'embedded') {
    return await EmbeddedLog.open({ path: join(directory, 'log'), group: id, logger })
  }
  const instance = randomUUID()
  return await KafkaLog.connect({
    ...{ brokers, clientId: id, applicationId: id, instance, guarantee, logger },
  })
}

/** Opened, used, and closed whatever happens. */
export async function withLog<T>(
  options: BenchOptions,
  directory: string,
  id: string,
  use: (log: Log) => Promise<T>
): Promise<T> {
  const log = await openLog(options, directory, id)
  try {
    return await use(log)
  } finally {
    await log.close()
  }
}

/** Makes the topic of the options' shape; in the idle case it stays empty. */
export async function fillTopic(log: Log, topic: string, options: BenchOptions): Promise<void> {
  const { partitions, shape, name } = options
  const config = neverDeleted
  await log.prepare([{ name: topic, role: 'sink', partitions, config, create: true }])
  if (name !== 'idle') await fill(log, topic, shape)
}
