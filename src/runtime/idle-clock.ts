/**
 * How long the sources of a task have been silent, each for itself. Silence must be observed: what
 * counts is a fetch that was sent after it and found nothing unread, not that time has passed.
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
  silentSince: Timestamp
  /** A record was taken since it was settled. */
  isHeard: boolean
  /** Sending time of the first fetch since when it was always found empty; undefined: it is not. */
  emptySince: Timestamp | undefined
}

export class IdleClock {
  readonly #clock: Clock
  readonly #gapMs: number
  readonly #partitions: readonly Watched[]

  constructor(clock: Clock, partitions: number, gapMs: number) {
    this.#clock = clock
    this.#gapMs = gapMs
    const silentSince = clock.now()
    this.#partitions = Array.from({ length: partitions }, () => ({
      position: -1,
      answer: undefined,
      answeredAt: Number.NEGATIVE_INFINITY,
      silentSince,
      isHeard: false,
      emptySince: undefined,
    }))
  }

  /** A record of the partition was taken. Cheap: the time is read by the next `watch`. */
  heard(index: number): void {
    ;(this.#partitions[index] as Watched).isHeard = true
  }

  /** Where a partition's reader stands, and what its latest fetch said. */
  watch(index: number, position: Offset, answer: FetchAnswer | undefined): void {
    const partition = this.#partitions[index] as Watched
    this.#settle(partition)
    partition.position = position
    if (answer === undefined) return
    const passedMs = answer.answeredAt - partition.answeredAt
    const isSetBack = passedMs < -this.#gapMs
    const isAfterGap = isSetBack || passedMs > this.#gapMs
    if (isSetBack) partition.silentSince = answer.answeredAt
    else if (isAfterGap) partition.silentSince = Math.max(partition.silentSince, answer.answeredAt)
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
   * The time up to which nothing more can be under way in these partitions, for this idle time:
   * `S − idle`, where S is when the oldest of their latest fetches was sent. Undefined: not silent
   * for that long.
   */
  silentUntil(idleMs: number, partitions: readonly number[]): Timestamp | undefined {
    let sentAt = Number.POSITIVE_INFINITY
    let silentSince = Number.NEGATIVE_INFINITY
    for (const index of partitions) {
      const partition = this.#partitions[index] as Watched
      this.#settle(partition)
      const { position, answer } = partition
      if (answer === undefined || !isReadUp(position, answer)) return undefined
      sentAt = Math.min(sentAt, sendingTime(answer))
      silentSince = Math.max(silentSince, partition.silentSince)
    }
    const isSilent = Number.isFinite(sentAt) && sentAt >= silentSince + idleMs
    return isSilent ? sentAt - idleMs : undefined
  }

  #settle(partition: Watched): void {
    if (!partition.isHeard) return
    partition.isHeard = false
    // Never earlier than before, unless the clock was set back.
    partition.silentSince = this.#clock.now()
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
