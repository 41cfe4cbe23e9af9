/**
 * Spans of time as literals: `'250ms'`, `'30s'`, `'5m'`, `'1.5h'`, `'7d'`. The compiler refuses
 * words (`'5 minutes'`), a bare number and an unknown unit; what a template type cannot refuse
 * (`'-5m'`, `'5 m'`, `'1e3s'`) is refused when the window is made, before `build()`.
 */

export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** The milliseconds of a duration; undefined if it is not one. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  if (match === null) return undefined
  const ms = Number(match[1]) * unitMs[match[2] as keyof typeof unitMs]
  return Number.isSafeInteger(ms) ? ms : undefined
}

export function durationMs(duration: Duration): number {
  const ms = parseDuration(duration)
  if (ms === undefined) {
    throw new TypeError(`Expected a duration in whole milliseconds such as '5m', got '${duration}'`)
  }
  return ms
}

/** ISO 8601, as the API shows it: 3,600,000 → `PT1H`. */
export function isoDuration(ms: number): string {
  let rest = ms / 1_000
  const hours = Math.floor(rest / 3_600)
  rest -= hours * 3_600
  const minutes = Math.floor(rest / 60)
  rest -= minutes * 60
  const text = `${hours ? `${hours}H` : ''}${minutes ? `${minutes}M` : ''}${rest ? `${rest}S` : ''}`
  return text === '' ? 'PT0S' : `PT${text}`
}
