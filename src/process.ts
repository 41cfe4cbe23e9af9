/** What every process of ours does about signals, faults of its settings, and its end. */
import { isLoopback } from './config.ts'
import { ConfigError } from './errors.ts'
import type { Logger } from './log.ts'
import { onTermination } from './signals.ts'

/** Statuses that a process ends with; a second signal ends it with 128 and the signal's number. */
export const exitStatus = { ok: 0, failed: 1, misconfigured: 78 } as const

/** Closing may take this long; what is not committed by then is read again after the next start. */
const closeMsMax = 9_500

/** Whoever reaches a port that asks for no token reads all that it answers. */
export function warnOfOpenPort(host: string, apiToken: string | null, logger: Logger): void {
  if (isLoopback(host) || apiToken !== null) return
  logger.warn('HTTP answers to other machines, and no API_TOKEN is set', { host })
}

export interface Ending {
  /** Whether the first signal has come. */
  readonly isUnderWay: boolean
}

/** At SIGTERM or SIGINT the application is closed, and the process ends: 0, or 1 if that failed. */
export function endOnSignals(app: { close(): Promise<void> }, logger: Logger): Ending {
  let isUnderWay = false
  onTermination({
    stop: (signal) => {
      isUnderWay = true
      logger.info('Stopping', { signal })
      setTimeout(() => {
        logger.warn('Closing took too long: ended without it', { afterMs: closeMsMax })
        process.exit(exitStatus.ok)
      }, closeMsMax).unref()
      app.close().then(
        () => {
          logger.info('Stopped')
          process.exit(exitStatus.ok)
        },
        (error) => failProcess(error, logger)
      )
    },
    force: (code) => process.exit(code),
  })
  return {
    get isUnderWay() {
      return isUnderWay
    },
  }
}

/** What nobody has caught ends the process, too. */
export function endOnFailures(logger: () => Logger): void {
  process.on('unhandledRejection', (error) => failProcess(error, logger()))
  process.on('uncaughtException', (error) => failProcess(error, logger()))
}

export function failProcess(error: unknown, logger: Logger): never {
  if (error instanceof ConfigError) {
    for (const fault of error.faults) logger.error(fault)
    process.exit(exitStatus.misconfigured)
  }
  logger.error('The application has failed', { error })
  process.exit(exitStatus.failed)
}
