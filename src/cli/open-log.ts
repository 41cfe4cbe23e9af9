/** The log behind the engine's own port, for commands that read records, or write them. */
import { randomUUID } from 'node:crypto'
import { kafkaSettings } from '../kafka/kafka-settings.ts'
import { EmbeddedLog } from '../log/embedded-log.ts'
import { silentLogger } from '../log.ts'
import type { Log } from '../runtime/ports.ts'
import { copyOfLog } from './reading.ts'
import type { Settings } from './settings.ts'

/** For a person who waits. */
const connectMs = 15_000
/** So that nothing is removed while a command looks. */
const neverMs = 2 ** 31 - 1

export interface LogCopy {
  readonly log: EmbeddedLog
  /** Closes the log, and removes the copy. */
  close(): Promise<void>
}

/** A copy of the embedded log: whoever has that may go on. */
export async function openLogCopy({ directory, applicationId }: Settings): Promise<LogCopy> {
  const { path, release } = await copyOfLog(directory)
  try {
    const log = await EmbeddedLog.open({ path, group: applicationId, upkeepEveryMs: neverMs })
    return {
      log,
      close: async () => {
        await log.close()
        await release()
      },
    }
  } catch (error) {
    await release()
    throw error
  }
}

/** Only to be read from. */
export async function openToRead(
  settings: Settings
): Promise<{ readonly log: Log; close(): Promise<void> }> {
  if (settings.kafka === null) return await openLogCopy(settings)
  const log = await connect(settings, settings.applicationId)
  return { log, close: () => log.close() }
}

/** Brokers, with a group of this name; nothing is transactional, and nobody's transaction ended. */
async function connect({ kafka }: Settings, groupId: string): Promise<Log> {
  if (kafka === null) throw new TypeError('there are brokers to connect to')
  const { KafkaLog } = await import('../kafka/kafka-log.ts')
  // The instance id is the application's own: whoever joined with it would push that out.
  const { instanceId: _, ...settings } = kafkaSettings(kafka)
  return await KafkaLog.connect({
    connectMs,
    ...settings,
    clientId: `${groupId}-command`,
    applicationId: groupId,
    instance: randomUUID(),
    guarantee: 'at_least_once',
    logger: silentLogger,
  })
}
