/** One log line per reason and minute for records that do not contribute, with coordinates. */
import type { Clock } from '../clock.ts'
import type { LogFields, Logger } from '../log.ts'

const minuteMs = 60_000

export class DropLog {
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #last = new Map<string, { minute: number; unreported: number }>()

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger
    this.#clock = clock
  }

  /** `fields` is called only if a line is due. */
  note(reason: string, count: number, fields: () => LogFields): void {
    const minute = Math.floor(this.#clock.now() / minuteMs)
    const last = this.#last.get(reason)
    if (last !== undefined && last.minute === minute) {
      last.unreported += count
      return
    }
    this.#last.set(reason, { minute, unreported: 0 })
    const since = last === undefined ? {} : { sinceLastLine: last.unreported }
    this.#logger.warn('A record was dropped', { reason, ...fields(), count, ...since })
  }
}
