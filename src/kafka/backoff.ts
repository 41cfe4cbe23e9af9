/** Waiting between attempts: longer each time, never in step with others. */
import { setTimeout as delay } from 'node:timers/promises'

export interface BackoffOptions {
  /** Default 20. */
  readonly firstMs?: number
  /** Default 500. */
  readonly maxMs?: number
}

/** 20, 40, 80, … ms for attempt 0, 1, 2, …, each shortened by up to a quarter at random. */
export function backoffMs(attempt: number, options: BackoffOptions = {}): number {
  const { firstMs = 20, maxMs = 500 } = options
  return Math.min(firstMs * 2 ** Math.min(attempt, 20), maxMs) * (1 - Math.random() / 4)
}

/** Rejects with the reason of the signal when it is aborted. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  try {
    await delay(ms, undefined, signal ? { signal } : {})
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  }
}
