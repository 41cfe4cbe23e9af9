/** Assertions guard invariants of our own; what the world does wrong gets an error with a code. */

export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(`Broken invariant: ${message}`)
}

/** The value, which must be there: for look-ups whose absence would be a bug of ours. */
export function present<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new AssertionError(`Missing: ${what}`)
  return value
}
