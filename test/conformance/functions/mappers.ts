/** Mappers, selectors and joiners of cases. */
import { type AnyKey, type AnyValue, lookUp, textOf } from './text.ts'

export type ValueMapper = (value: AnyValue, key: AnyKey) => AnyValue
export type KeySelector = (value: AnyValue, key: AnyKey) => string | null
export type FlatValueMapper = (value: AnyValue) => readonly AnyValue[]
export type Joiner = (left: AnyValue, right: AnyValue, key: AnyKey) => AnyValue
export interface Pair {
  readonly key: string | null
  readonly value: AnyValue
}
export type PairMapper = (value: AnyValue, key: AnyKey) => Pair

export function valueMapper(call: string): ValueMapper {
  return lookUp('value mapper', valueMappers, call)
}

export function keySelector(call: string): KeySelector {
  return lookUp('key selector', keySelectors, call)
}

export function flatValueMapper(call: string): FlatValueMapper {
  return lookUp('flat value mapper', flatValueMappers, call)
}

/** `swap`, or any key selector. */
export function pairMapper(call: string): PairMapper {
  if (call === 'swap') return (value, key) => ({ key: textOrNull(value), value: textOrNull(key) })
  const select = keySelector(call)
  return (value, key) => ({ key: select(value, key), value })
}

export function joiner(call: string): Joiner {
  return lookUp('joiner', joiners, call)
}

const unlessNull =
  (map: (value: NonNullable<AnyValue>) => AnyValue): ValueMapper =>
  (value) =>
    value === null ? null : map(value)

const valueMappers: Readonly<Record<string, (x: string | undefined) => ValueMapper>> = {
  identity: () => (value) => value,
  upper: () => unlessNull((value) => textOf(value).toUpperCase()),
  append: (x = '') => unlessNull((value) => textOf(value) + x),
  len: () => unlessNull((value) => textOf(value).length),
  toStr: () => unlessNull((value) => textOf(value)),
  plus: (n) => unlessNull((value) => (value as number) + Number(n)),
  nullIf: (x) => unlessNull((value) => (textOf(value) === x ? null : value)),
  nullToStr: () => (value) => textOf(value),
  withKey: () => (value, key) => `${textOf(key)}=${textOf(value)}`,
}

const keySelectors: Readonly<Record<string, (x: string | undefined) => KeySelector>> = {
  key: () => (_value, key) => key as string | null,
  value: () => (value) => textOrNull(value),
  firstChar: () => (_value, key) => firstChar(key),
  valueFirstChar: () => (value) => firstChar(value),
  const:
    (x = '') =>
    () =>
      x,
  nullIfValue: (x) => (value, key) =>
    value !== null && textOf(value) === x ? null : (key as string | null),
  flattenWindow: () => (_value, key) => textOf(key),
  windowKey: () => (_value, key) => partsOf(key).key,
  windowStart: () => (_value, key) => String(partsOf(key).window.start),
}

const flatValueMappers: Readonly<Record<string, (n: string | undefined) => FlatValueMapper>> = {
  chars: () => (value) => (value === null ? [] : [...textOf(value)]),
  repeat: (n) => (value) =>
    value === null
      ? []
      : Array.from({ length: Number(n) }, (_, index) => `${textOf(value)}#${index}`),
}

const joiners: Readonly<Record<string, (x: string | undefined) => Joiner>> = {
  concat:
    (x = '+') =>
    (left, right) =>
      textOf(left) + x + textOf(right),
  withKey: () => (left, right, key) => `${textOf(key)}:${textOf(left)}+${textOf(right)}`,
  nullOnRight: (x) => (left, right) =>
    right !== null && textOf(right) === x ? null : `${textOf(left)}+${textOf(right)}`,
}

function textOrNull(value: AnyKey | AnyValue): string | null {
  return value === null ? null : textOf(value)
}

function firstChar(value: AnyKey | AnyValue): string | null {
  const [first] = value === null ? '' : textOf(value)
  return first ?? null
}

function partsOf(key: AnyKey): Exclude<AnyKey, string | null> {
  if (key === null || typeof key === 'string') throw new TypeError(`${key} is in no window`)
  return key
}
