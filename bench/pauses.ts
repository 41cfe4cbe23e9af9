/** Pauses between looks at an application that may end meanwhile. */
import { setTimeout as delay } from 'node:timers/promises'

/**
 * Each waits so many ms, and rejects if the application has failed. A race with its end, which is
 * not there for hours, would leave something behind every time: of ten a second 6 MB an hour.
 */
export function pausesOf({
  done,
}: {
  readonly done: Promise<void>
}): (ms: number) => Promise<void> {
  let hasEnded = false
  const end = (): void => void (hasEnded = true)
  done.then(end, end)
  return async (ms) => {
    await delay(ms)
    if (hasEnded) await done
  }
}
