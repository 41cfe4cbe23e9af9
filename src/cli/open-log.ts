/** The log behind the engine's own port, for commands that read records, or write them. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
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
export async function openLogCopy(
  { directory, applicationId }: Settings,
  group = applicationId
): Promise<LogCopy> {
  const { path, release } = await copyOfLog(directory)
  try {
    const log = await EmbeddedLog.open({ path, group, upkeepEveryMs: neverMs })
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

export interface OpenedLog {
  readonly log: Log
  close(): Promise<void>
}

/** Only to be read from, with the offsets of a group. */
export async function openToRead(
  settings: Settings,
  group = settings.applicationId
): Promise<OpenedLog> {
  if (settings.kafka === null) return await openLogCopy(settings, group)
  return await openedLog(connect(settings, group, 'at_least_once'))
}

/** For records from outside of any task. */
export async function openToAppend(settings: Settings): Promise<Log> {
  return await connect(settings, settings.applicationId, 'at_least_once')
}

/** To join a group, and to commit records with its offsets: the embedded log itself. */
export async function openToCommit(settings: Settings, group: string): Promise<OpenedLog> {
  const { kafka, directory } = settings
  if (kafka !== null) return await openedLog(connect(settings, group, 'exactly_once'))
  return await openedLog(EmbeddedLog.open({ path: join(directory, 'log'), group }))
}

async function openedLog(opening: Promise<Log>): Promise<OpenedLog> {
  const log = await opening
  return { log, close: () => log.close() }
}

/** Brokers, with a group of this name. */
async function connect(
  { kafka }: Settings,
  groupId: string,
  guarantee: 'exactly_once' | 'at_least_once'
): Promise<Log> {
  if (kafka === null) throw new TypeError('there are brokers to connect to')
  const { KafkaLog } = await import('../kafka/kafka-log.ts')
  // The instance id is the application's own: whoever joined with it would push that out.
  const { instanceId: _, ...settings } = kafkaSettings(kafka)
  return await KafkaLog.connect({
    connectMs,
    ...settings,
    leaveOnClose: true,
    clientId: `${groupId}-command`,
    applicationId: groupId,
    instance: randomUUID(),
    guarantee,
    logger: silentLogger,
  })
}
