/** The shop metrics processor as a process: settings, application, signals, status. */
import { type Config, readConfig, redacted } from './config.ts'
import type { Variables } from './environment.ts'
import { createLogger, type Logger } from './log.ts'
import { endOnFailures, endOnSignals, failProcess, warnOfOpenPort } from './process.ts'
import { ShopApp } from './shop-app.ts'

/** Ends the process, unless it runs until something else does. */
export async function runShop(variables: Variables): Promise<void> {
  const pretty = process.stderr.isTTY === true
  let logger = createLogger({ level: 'info', pretty })
  endOnFailures(() => logger)
  try {
    const config = readConfig(variables)
    logger = createLogger({ level: config.logLevel, pretty })
    await run(config, logger)
  } catch (error) {
    failProcess(error, logger)
  }
}

async function run(config: Config, logger: Logger): Promise<void> {
  const shop = new ShopApp(config, { logger })
  const ending = endOnSignals(shop, logger)
  // Whoever reads this line may send a signal already.
  logger.info('Starting', { pid: process.pid, ...redacted(config) })
  warnOfOpenPort(config.httpHost, config.apiToken, logger)
  await shop.start()
  if (!ending.isUnderWay) logger.info('Running', { url: shop.url })
  await shop.done
}
