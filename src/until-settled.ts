/** Waits for a promise whose outcome does not matter, or for the end of the waiting. */

/** Resolves when it is settled, one way or the other, or the signal aborts. */
export async function untilSettled(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  let cut = (): void => {}
  const aborted = new Promise<void>((resolve) => (cut = resolve))
  signal.addEventListener('abort', cut, { once: true })
  await Promise.race([promise.catch(() => {}), aborted])
  signal.removeEventListener('abort', cut)
}
