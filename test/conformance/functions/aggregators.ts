/** Aggregators of cases: from a value and what there is to what there is next. */
import { type AnyValue, lookUp, numberOf, textOf } from './text.ts'

export type Step = (kept: AnyValue, value: AnyValue) => AnyValue

export function step(call: string): Step {
  return lookUp('aggregator', steps, call)
}

const steps: Readonly<Record<string, (x: string | undefined) => Step>> = {
  concat:
    (x = '+') =>
    (kept, value) =>
      textOf(kept) + x + textOf(value),
  concatMinus: () => (kept, value) => `${textOf(kept)}-${textOf(value)}`,
  concatNullOn: (x) => (kept, value) =>
    value !== null && textOf(value) === x ? null : `${textOf(kept)}+${textOf(value)}`,
  sum: () => (kept, value) => numberOf(kept) + numberOf(value),
  minus: () => (kept, value) => numberOf(kept) - numberOf(value),
  max: () => (kept, value) => Math.max(numberOf(kept), numberOf(value)),
  count: () => (kept) => numberOf(kept) + 1,
  uncount: () => (kept) => numberOf(kept) - 1,
  sumLen: () => (kept, value) => numberOf(kept) + lengthOf(value),
  minusLen: () => (kept, value) => numberOf(kept) - lengthOf(value),
  last: () => (_kept, value) => value,
  first: () => (kept) => kept,
}

function lengthOf(value: AnyValue): number {
  return value === null ? 0 : textOf(value).length
}
