/** JSON: what goes in comes out, and a validator has the last word. */
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { RejectedRecordError } from '../../src/errors.ts'
import { json, type StandardSchema } from '../../src/serde/json.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A validator in the standard-schema form: an object with a name. */
const named: StandardSchema<{ name: string }, { name: string; length: number }> = {
  '~standard': {
    version: 1,
    vendor: 'by-hand',
    validate(value) {
      const { name } = value as { name?: unknown }
      if (typeof name !== 'string') return { issues: [{ message: 'name: expected a string' }] }
      return { value: { name, length: name.length } }
    },
  },
}

describe('json', () => {
  it('writes UTF-8 and reads it, from the middle of a buffer too', () => {
    const serde = json<{ name: string }>()
    const bytes = serde.serialize({ name: 'Zoë' }) as Uint8Array
    expect(new TextDecoder().decode(bytes)).toBe('{"name":"Zoë"}')
    const inside = new Uint8Array([0, ...bytes, 0]).subarray(1, bytes.length + 1)
    expect(serde.deserialize(inside)).toEqual({ name: 'Zoë' })
  })

  it('throws at what is no JSON, and at values without a form in JSON', () => {
    expect(() => json<string>().deserialize(utf8('{'))).toThrow(SyntaxError)
    expect(() => json<undefined>().serialize(undefined)).toThrow(TypeError)
  })

  it('reads null as the value null', () => {
    expect(json<string | null>().deserialize(utf8('null'))).toBeNull()
  })

  it('reads what the schema makes of it', () => {
    expect(json(named).deserialize(utf8('{"name":"ann"}'))).toEqual({ name: 'ann', length: 3 })
  })

  it('rejects what the schema refuses, with its reasons', () => {
    const read = (): unknown => json(named).deserialize(utf8('{"name":1}'))
    expect(read).toThrow(RejectedRecordError)
    expect(read).toThrow(
      expect.objectContaining({
        reason: 'decode',
        cause: expect.objectContaining({ message: 'name: expected a string' }),
      })
    )
  })

  it('reads bytes that are no UTF-8 as U+FFFD, or rejects them', () => {
    const malformed = Uint8Array.of(0x22, 0xff, 0x22)
    const strict = json<string>({ malformed: 'reject' })
    expect(json<string>().deserialize(malformed)).toBe('\ufffd')
    expect(() => strict.deserialize(malformed)).toThrow(RejectedRecordError)
    expect(() => strict.deserialize(utf8('{'))).toThrow(
      expect.objectContaining({ reason: 'decode', cause: expect.any(SyntaxError) })
    )
    expect(strict.deserialize(utf8('"\ufffd"'))).toBe('\ufffd')
  })

  it('refuses a schema that answers later', () => {
    const later = {
      '~standard': { ...named['~standard'], validate: () => Promise.resolve({ value: 1 }) },
    }
    expect(() => json(later).deserialize(utf8('1'))).toThrow('answers at once')
  })
})

test('numbers are written as JSON.stringify writes them', () => {
  const numbers = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(-0, 1e21, 1e-7, 2 ** 53))
  fc.assert(
    fc.property(numbers, (value) => {
      const bytes = json<number>().serialize(value)
      expect(Buffer.from(bytes ?? []).toString()).toBe(JSON.stringify(value))
    })
  )
})
