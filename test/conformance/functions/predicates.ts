/** Predicates of cases: `(value, key) => boolean`. */
import { type AnyKey, type AnyValue, lookUp, textOf } from './text.ts'

export type Predicate = (value: AnyValue, key: AnyKey) => boolean

export function predicate(call: string): Predicate {
  return lookUp('predicate', predicates, call)
}

const predicates: Readonly<Record<string, (x: string | undefined) => Predicate>> = {
  true: () => () => true,
  false: () => () => false,
  keyNotNull: () => (_value, key) => key !== null,
  valueNotNull: () => (value) => value !== null,
  keyEq: (x) => (_value, key) => key !== null && textOf(key) === x,
  valueEq: (x) => (value) => value !== null && textOf(value) === x,
  valueContains: (x) => (value) => value !== null && textOf(value).includes(x ?? ''),
  valueLengthGt: (n) => (value) => value !== null && textOf(value).length > Number(n),
  valueGt: (n) => (value) => value !== null && (value as number) > Number(n),
  valueEven: () => (value) => value !== null && (value as number) % 2 === 0,
}
