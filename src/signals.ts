/** The end of the process: asked for by a signal, and insisted on by another. */
import { constants } from 'node:os'
import { type Clock, systemClock } from './clock.ts'

export interface Ending {
  /** The first signal: end in order. */
  readonly stop: (signal: NodeJS.Signals) => void
  /** A later one: end at once, with this status. */
  readonly force: (status: number) => void
}

/** A terminal sends Ctrl-C to the whole process group, and npm passes it on once more. */
const repeatMs = 1_000

/** Listens to SIGTERM and SIGINT; answers with the way to stop listening. */
export function onTermination(ending: Ending, clock: Clock = systemClock): () => void {
  let firstAt: number | undefined
  const listen = (signal: NodeJS.Signals): void => {
    const now = clock.now()
    if (firstAt === undefined) {
      firstAt = now
      ending.stop(signal)
    } else if (now - firstAt > repeatMs) {
      ending.force(128 + constants.signals[signal])
    }
  }
  process.on('SIGTERM', listen).on('SIGINT', listen)
  return () => process.off('SIGTERM', listen).off('SIGINT', listen)
}
