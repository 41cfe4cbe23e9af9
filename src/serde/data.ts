/**
 * The default for values that a topology makes: JSON as long as the value is JSON, and objects
 * with one tag, such as `{"$bigint":"12"}`, for what JSON has no form for.
 */
import type { Serde } from './serde.ts'
import { decodeUtf8, encodeUtf8 } from './text.ts'

const serde: Serde<unknown> = Object.freeze({
  name: 'data',
  serialize: (value: unknown) => encodeUtf8(JSON.stringify(isJson(value) ? value : tagged(value))),
  deserialize(bytes: Uint8Array): unknown {
    const text = decodeUtf8(bytes)
    const value: unknown = JSON.parse(text)
    return text.includes('"$') ? untagged(value) : value
  },
})

/**
 * Keeps strings, numbers (NaN, infinities and -0 too), bigint, booleans, null, undefined, Date,
 * Uint8Array, Map, Set, arrays and plain objects. Anything else (functions, instances of classes)
 * is refused when it is written.
 */
export function data<T>(): Serde<T> {
  return serde as Serde<T>
}

/** Whether JSON keeps the value whole, and nothing in it looks like a tag. */
function isJson(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      if (value === null) return true
      if (Array.isArray(value)) return value.every(isJson)
      return isPlain(value) && !isTag(Object.keys(value)) && Object.values(value).every(isJson)
    default:
      return false
  }
}

function tagged(value: unknown): unknown {
  if (typeof value === 'bigint') return { $bigint: String(value) }
  if (value === undefined) return { $undefined: true }
  if (typeof value === 'number' && !isJson(value)) {
    return { $number: Object.is(value, -0) ? '-0' : String(value) }
  }
  if (typeof value === 'function' || typeof value === 'symbol') throw refused(typeof value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(tagged)
  if (value instanceof Date)
    return { $date: Number.isNaN(value.getTime()) ? null : value.getTime() }
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') }
  if (value instanceof Map) return { $map: [...value].map((entry) => entry.map(tagged)) }
  if (value instanceof Set) return { $set: [...value].map(tagged) }
  if (!isPlain(value)) throw refused(`instance of ${value.constructor?.name ?? 'a class'}`)
  const entries = Object.entries(value).map(([name, member]) => [name, tagged(member)])
  const copy = Object.fromEntries(entries)
  return isTag(Object.keys(value)) ? { $object: copy } : copy
}

function untagged(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(untagged)
  const names = Object.keys(value)
  if (!isTag(names)) return members(value)
  const tag = names[0] as keyof typeof readers
  const content = (value as Record<string, unknown>)[tag]
  if (!Object.hasOwn(readers, tag)) throw new TypeError(`data() knows no tag ${tag}`)
  return readers[tag](content)
}

const readers = {
  $bigint: (text: unknown) => BigInt(text as string),
  $undefined: () => undefined,
  $number: (text: unknown) => Number(text),
  $date: (ms: unknown) => new Date(ms === null ? Number.NaN : (ms as number)),
  $bytes: (text: unknown) => Uint8Array.from(Buffer.from(text as string, 'base64')),
  $map: (entries: unknown) => new Map(untagged(entries) as [unknown, unknown][]),
  $set: (items: unknown) => new Set(untagged(items) as unknown[]),
  $object: (value: unknown) => members(value as object),
}

function members(value: object): object {
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, untagged(member)]))
}

function isTag(names: readonly string[]): boolean {
  return names.length === 1 && (names[0] as string).startsWith('$')
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function refused(what: string): TypeError {
  return new TypeError(`data() keeps no ${what}: give this value a serde of its own`)
}
