/** Log lines about a cluster in trouble: once per cause and minute, with the number left out. */
import type { Clock } from '../clock.ts'
import type { LogFields, Logger } from '../log.ts'

const quietMs = 60_000

export class ThrottledLog {
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #causes = new Map<string, { until: number; left: number }>()

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger
    this.#clock = clock
  }

  /** `message` is the cause: what varies from line to line belongs into the fields. */
  warn(message: string, fields: LogFields = {}): void {
    const now = this.#clock.now()
    const cause = this.#causes.get(message)
    if (cause !== undefined && now < cause.until) {
      cause.left++
      return
    }
    const left = cause?.left ?? 0
    this.#causes.set(message, { until: now + quietMs, left: 0 })
    this.#logger.warn(message, left === 0 ? fields : { ...fields, repeatedSinceLastLine: left })
  }
}
