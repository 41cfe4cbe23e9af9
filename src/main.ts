/** The process: settings, application, signals, and the status it ends with. */
import { type Config, isLoopback, readConfig, redacted } from './config.ts'
import { ConfigError } from './errors.ts'
import { createLogger, type Logger } from './log.ts'
import { ShopApp } from './shop-app.ts'
import { onTermination } from './signals.ts'

const status = { stopped: 0, failed: 1, misconfigured: 78 } as const
/** Closing may take this long; what is not committed by then is read again after the next start. */
const closeMsMax = 9_500

const pretty = process.stderr.isTTY === true
let logger = createLogger({ level: 'info', pretty })

process.on('unhandledRejection', (error) => fail(error))
process.on('uncaughtException', (error) => fail(error))

try {
  const config = readConfig(process.env)
  logger = createLogger({ level: config.logLevel, pretty })
  await run(config, logger)
} catch (error) {
  fail(error)
}

async function run(config: Config, log: Logger): Promise<void> {
  const shop = new ShopApp(config, { logger: log })
  let isStopping = false
  onTermination({
    stop: (signal) => {
      isStopping = true
      log.info('Stopping', { signal })
      setTimeout(() => {
        log.warn('Closing took too long: ended without it', { afterMs: closeMsMax })
        process.exit(status.stopped)
      }, closeMsMax).unref()
      shop.close().then(() => end(log), fail)
    },
    force: (code) => process.exit(code),
  })
  // Whoever reads this line may send a signal already.
  log.info('Starting', { pid: process.pid, ...redacted(config) })
  if (!isLoopback(config.httpHost) && config.apiToken === null) {
    log.warn('HTTP answers to other machines, and no API_TOKEN is set', { host: config.httpHost })
  }
  await shop.start()
  if (!isStopping) log.info('Running', { url: shop.url })
  await shop.done
}

function end(log: Logger): void {
  log.info('Stopped')
  process.exit(status.stopped)
}

function fail(error: unknown): void {
  if (error instanceof ConfigError) {
    for (const fault of error.faults) logger.error(fault)
    process.exit(status.misconfigured)
  }
  logger.error('The application has failed', { error })
  process.exit(status.failed)
}
