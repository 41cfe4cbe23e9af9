/** The functions of cases: a name, and what follows its first colon. */
import { CaseError, type CaseValue } from '../case.ts'

export type AnyValue = CaseValue | null
/** A key as cases know it: plain, or with its window. */
export interface WindowedKey {
  readonly key: string
  readonly window: { readonly start: number; readonly end: number }
}
export type AnyKey = string | WindowedKey | null

export function split(call: string): readonly [name: string, argument: string | undefined] {
  const colon = call.indexOf(':')
  return colon < 0 ? [call, undefined] : [call.slice(0, colon), call.slice(colon + 1)]
}

/** Finds a function by its call, and gives it its argument. */
export function lookUp<F>(
  what: string,
  known: Readonly<Record<string, (argument: string | undefined) => F>>,
  call: string
): F {
  const [name, argument] = split(call)
  const make = Object.hasOwn(known, name) ? known[name] : undefined
  if (make === undefined) throw new CaseError(`unknown ${what} '${call}'`)
  return make(argument)
}

export function textOf(value: AnyKey | AnyValue): string {
  if (value === null || typeof value !== 'object') return String(value)
  const { key, window } = value
  // Java's greatest number stands for no end.
  const end = Number.isFinite(window.end) ? window.end : 2n ** 63n - 1n
  return `${key}@${window.start}/${end}`
}

export function numberOf(value: AnyValue): number {
  return value === null ? 0 : (value as number)
}
