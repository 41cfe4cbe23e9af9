/** What a test on a real broker begins with: a log beside the application's, and a directory. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { KafkaLog, type KafkaLogOptions } from '../../src/kafka/kafka-log.ts'
import { silentLogger } from '../../src/log.ts'

type Settings = Omit<KafkaLogOptions, 'clientId' | 'applicationId' | 'instance' | 'logger'>

/** Both are gone when the test is over. */
export async function openTestLog(id: string, kafka: Settings) {
  const path = await mkdtemp(join(tmpdir(), 'millrace-kafka-'))
  const log = await KafkaLog.connect({
    ...kafka,
    clientId: 'test',
    applicationId: `${id}-test`,
    instance: 'test',
    logger: silentLogger,
  })
  onTestFinished(async () => {
    await log.close()
    await rm(path, { recursive: true, force: true })
  })
  return { log, path }
}
