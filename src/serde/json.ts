/** JSON in UTF-8, its type taken from a validator or asserted. */
import { RejectedRecordError } from '../errors.ts'
import { ShortViews } from '../short-views.ts'
import type { JsonCheck } from './checks.ts'
import { readsInPlace } from './in-place.ts'
import { shapedJson } from './json-shape.ts'
import { type PassingWriter, writesPassing } from './passing-bytes.ts'
import type { Serde } from './serde.ts'
import { decodeUtf8, encodeUtf8 } from './text.ts'

/** What `json(schema)` needs of a validator: the standard-schema contract (zod, valibot, …). */
export interface StandardSchema<In, Out> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => unknown
    readonly types?: { readonly input: In; readonly output: Out } | undefined
  }
}

type Validate = (value: unknown) => unknown

const plain: Serde<unknown> = Object.freeze({
  name: 'json',
  serialize: (value: unknown) => encodeUtf8(stringify(value)),
  deserialize: (bytes: Uint8Array): unknown => JSON.parse(decodeUtf8(bytes)),
})
readsInPlace(plain, () => shapedJson())
writesPassing(plain, passingJson)

const strict: Serde<unknown> = Object.freeze({
  name: plain.name,
  serialize: plain.serialize,
  deserialize: (bytes: Uint8Array): unknown => parseStrictly(bytes),
})
readsInPlace(strict, () =>
  shapedJson((bytes, start, end) => parseStrictly(bytes.subarray(start, end)))
)
writesPassing(strict, passingJson)

export interface JsonOptions {
  /**
   * Bytes that are no UTF-8: `replace` reads U+FFFD in their place, as Java does (default);
   * `reject` rejects the record as `decode`.
   */
  readonly malformed?: 'replace' | 'reject'
}

/**
 * `json<Order>()` trusts the writer; `json(orderSchema)` checks what is read: a record that does
 * not fit is rejected as `decode`. A type that JSON would damage does not compile: see `data()`.
 */
export function json<In, Out>(schema: StandardSchema<In, Out> & JsonCheck<In>): Serde<Out>
export function json<T>(this: JsonCheck<T>, options?: JsonOptions): Serde<T>
export function json(
  this: unknown,
  given: StandardSchema<unknown, unknown> | JsonOptions = {}
): unknown {
  if (!('~standard' in given)) return given.malformed === 'reject' ? strict : plain
  const standard = given['~standard']
  const validate: Validate = (value) => standard.validate(value)
  const serde = Object.freeze({
    name: `json(${standard.vendor})`,
    serialize: plain.serialize,
    deserialize: (bytes: Uint8Array) => checked(validate, plain.deserialize(bytes)),
  })
  writesPassing(serde, passingJson)
  return readsInPlace(serde, () => {
    const read = shapedJson()
    return (bytes, start, end) => checked(validate, read(bytes, start, end))
  })
}

const strictDecoder = new TextDecoder('utf-8', { fatal: true })

function parseStrictly(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(strictDecoder.decode(bytes))
  } catch (cause) {
    throw new RejectedRecordError('decode', { cause })
  }
}

function passingJson(): PassingWriter<unknown> {
  const views = new ShortViews()
  return (value) => {
    const text = stringify(value)
    return views.ofAscii(text) ?? encodeUtf8(text)
  }
}

function stringify(value: unknown): string {
  // Counts are most of what is written, and need no search for `toJSON`.
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null'
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined)
    throw new TypeError(`JSON has no form for a value of type ${typeof value}`)
  return text
}

function checked(validate: Validate, value: unknown): unknown {
  const result = validate(value) as { value?: unknown; issues?: readonly { message: string }[] }
  if (result instanceof Promise) throw new TypeError('json() needs a schema that answers at once')
  if (result.issues === undefined) return result.value
  const issues = result.issues.map(({ message }) => message).join('; ')
  throw new RejectedRecordError('decode', { cause: new TypeError(issues) })
}
