/** The shop metrics on a real broker in this process, with a directory and topics of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { silentLogger } from '../../src/log.ts'
import { ShopApp } from '../../src/shop-app.ts'

/** Not started yet; it reads `<id>.events` and goes with the test. */
export async function openKafkaShop(
  brokers: string,
  id: string,
  settings: Readonly<Record<string, string>> = {}
): Promise<ShopApp> {
  const stateDir = await mkdtemp(join(tmpdir(), 'millrace-shop-'))
  onTestFinished(() => rm(stateDir, { recursive: true, force: true }))
  const config = readConfig({
    KAFKA_BROKERS: brokers,
    APPLICATION_ID: id,
    EVENTS_TOPIC: `${id}.events`,
    METRICS_TOPIC: `${id}.metrics`,
    STATE_DIR: stateDir,
    HTTP_PORT: '0',
    IDLE_AFTER: '1s',
    ...settings,
  })
  const app = new ShopApp(config, { logger: silentLogger })
  onTestFinished(() => app.close())
  return app
}

/** What an attempt finds; it may fail, or find nothing, for half a minute. */
export async function untilFound<T>(
  attempt: () => Promise<T | undefined>,
  what: string
): Promise<T> {
  for (let i = 0; i < 600; i++) {
    const found = await attempt().catch(() => undefined)
    if (found !== undefined) return found
    await sleep(50)
  }
  throw new Error(`never: ${what}`)
}
