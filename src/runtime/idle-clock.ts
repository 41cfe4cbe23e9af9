/**
 * How long a task's sources have been silent. Silence must be observed: what counts is a fetch that
 * was sent after it and found nothing unread, never the mere passing of time.
 *
 *     last record ──────── idle ────────▶ fetch sent at S ── answered: nothing unread ──▶ silent
 *
 * Invariants: the clock starts anew with every record, and with the first answer after the start or
 * after a gap without answers (an outage is not silence), or a clock that was set; it is never
 * persisted.
 */
import type { Clock } from '../clock.ts'
import type { Offset, Timestamp } from '../ids.ts'
import type { FetchAnswer } from './ports.ts'

interface Watched {
  position: Offset
  answer: FetchAnswer | undefined
  answeredAt: Timestamp
  /** Sending time of the first fetch since when it was always found empty; undefined: it is not. */
  emptySince: Timestamp | undefined
}

export class IdleClock {
  readonly #clock: Clock
  readonly #gapMs: number
  readonly #partitions: readonly Watched[]
  #silentSince: Timestamp
  #heard = false

  constructor(clock: Clock, partitions: number, gapMs: number) {
    this.#clock = clock
    this.#gapMs = gapMs
    this.#silentSince = clock.now()
    this.#partitions = Array.from({ length: partitions }, () => ({
      position: -1,
      answer: undefined,
      answeredAt: Number.NEGATIVE_INFINITY,
      emptySince: undefined,
    }))
  }

  /** A record was taken. Cheap: the time is read by the next `watch`. */
  heard(): void {
    this.#heard = true
  }

  /** Where a partition's reader stands, and what its latest fetch said. */
  watch(index: number, position: Offset, answer: FetchAnswer | undefined): void {
    this.#settle()
    const partition = this.#partitions[index] as Watched
    partition.position = position
    if (answer === undefined) return
    const passedMs = answer.answeredAt - partition.answeredAt
    const isSetBack = passedMs < -this.#gapMs
    const isAfterGap = isSetBack || passedMs > this.#gapMs
    if (isSetBack) this.#silentSince = answer.answeredAt
    else if (isAfterGap) this.#startAt(answer.answeredAt)
    partition.answer = answer
    partition.answeredAt = answer.answeredAt
    const isEmpty = position === answer.logStart && isReadUp(position, answer)
    if (!isEmpty) partition.emptySince = undefined
    else if (isAfterGap) partition.emptySince = sendingTime(answer)
    else partition.emptySince ??= sendingTime(answer)
  }

  /**
   * Fetches have confirmed that the partition holds no record at all, and has held none for this
   * long: traffic that is about to begin everywhere does not find its slower partitions given up.
   */
  isEmpty(index: number, forMs: number): boolean {
    const { answer, emptySince } = this.#partitions[index] as Watched
    if (answer === undefined || emptySince === undefined) return false
    return sendingTime(answer) >= emptySince + forMs
  }

  /**
   * The time up to which nothing more can be under way, for this idle time: `S − idle`, where S is
   * when the oldest of the latest fetches was sent. Undefined: not silent for that long.
   */
  silentUntil(idleMs: number): Timestamp | undefined {
    this.#settle()
    let sentAt = Number.POSITIVE_INFINITY
    for (const { position, answer } of this.#partitions) {
      if (answer === undefined || !isReadUp(position, answer)) return undefined
      sentAt = Math.min(sentAt, sendingTime(answer))
    }
    const isSilent = Number.isFinite(sentAt) && sentAt >= this.#silentSince + idleMs
    return isSilent ? sentAt - idleMs : undefined
  }

  #settle(): void {
    if (!this.#heard) return
    this.#heard = false
    // Never earlier than before, unless the clock was set back.
    this.#silentSince = this.#clock.now()
  }

  #startAt(time: Timestamp): void {
    this.#silentSince = Math.max(this.#silentSince, time)
  }
}

/** Compared with the high watermark: what an open transaction wrote is unread data too. */
function isReadUp(position: Offset, answer: FetchAnswer): boolean {
  return position === answer.highWatermark
}

/** A clock that was set back in between must not make it later than the answer. */
function sendingTime({ sentAt, answeredAt }: FetchAnswer): Timestamp {
  return Math.min(sentAt, answeredAt)
}
