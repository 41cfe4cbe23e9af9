/** How the application is doing, in the words that the stream, the status and the page share. */
import type { Timestamp } from '../ids.ts'
import { isRestoring, isStale } from './conversion.ts'
import type { HttpPorts } from './ports.ts'

export const healthStates = ['ready', 'restoring', 'unavailable', 'stale'] as const

export interface Health {
  readonly state: (typeof healthStates)[number]
  /** Why it is not ready, in sentences; empty when it is. */
  readonly reasons: readonly string[]
  /** Time of the newest event that is known of; null before the first. */
  readonly lastEventAt: Timestamp | null
  /** The server's own clock. */
  readonly now: Timestamp
}

export function healthOf(ports: HttpPorts): Health {
  const reasons = ports.reasons()
  const base = { reasons, lastEventAt: ports.lastEventAt(), now: ports.clock.now() }
  if (isRestoring(ports.snapshot()) || !ports.rows.caughtUp) return { state: 'restoring', ...base }
  if (reasons.length > 0) return { state: 'unavailable', ...base }
  return { state: ports.metrics.some((info) => isStale(ports, info)) ? 'stale' : 'ready', ...base }
}
