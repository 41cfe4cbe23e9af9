/**
 * What a topic takes, by its settings: so that a record which the broker would refuse is dropped
 * and counted where it comes up, and not sent, refused, and sent again for ever.
 */
import type { Clock } from '../clock.ts'
import type { Timestamp } from '../ids.ts'
import { steadyOf } from '../steady-clock.ts'

export interface TopicLimits {
  /** Of one batch, as it is sent. */
  readonly bytesMax: number
  /** Compacted topics have no place for a record without a key. */
  readonly needsKey: boolean
  /** How far from the broker's time a record may be dated, in ms; Infinity: it may be anything. */
  readonly agoMaxMs: number
  readonly aheadMaxMs: number
}

/** What has to be known of a topic for `limitsOf`. */
export const limitSettings: readonly string[] = [
  'cleanup.policy',
  'max.message.bytes',
  'message.timestamp.type',
  'message.timestamp.before.max.ms',
  'message.timestamp.after.max.ms',
]

export function limitsOf(settings: ReadonlyMap<string, string | null>): TopicLimits {
  const number = (name: string): number => {
    const value = Number(settings.get(name) ?? Number.NaN)
    return Number.isFinite(value) && value < Number.MAX_SAFE_INTEGER ? value : Infinity
  }
  // The broker dates such records itself, whatever they say.
  const isFree = settings.get('message.timestamp.type') === 'LogAppendTime'
  return {
    bytesMax: number('max.message.bytes'),
    needsKey: settings.get('cleanup.policy')?.includes('compact') === true,
    agoMaxMs: isFree ? Infinity : number('message.timestamp.before.max.ms'),
    aheadMaxMs: isFree ? Infinity : number('message.timestamp.after.max.ms'),
  }
}

/** The reason to drop a record, its size apart; undefined if there is none. */
export function refusalOf(
  { needsKey, agoMaxMs, aheadMaxMs }: TopicLimits,
  key: Uint8Array | null,
  timestamp: Timestamp,
  clock: Clock
): 'null_key' | 'refused_timestamp' | undefined {
  if (needsKey && key === null) return 'null_key'
  if (agoMaxMs === Infinity && aheadMaxMs === Infinity) return undefined
  // The broker's clock decides; a jump of ours must not.
  const isBeyond = (now: Timestamp): boolean =>
    timestamp - now > aheadMaxMs || now - timestamp > agoMaxMs
  const isRefused = isBeyond(clock.now()) && isBeyond(steadyOf(clock).now())
  return isRefused ? 'refused_timestamp' : undefined
}
