/** A serde on top of another. */
import { describe, expect, it } from 'vitest'
import { RejectedRecordError } from '../../src/errors.ts'
import { converted } from '../../src/serde/converted.ts'
import { string } from '../../src/serde/primitives.ts'

const numbers = converted('number', string(), { read: parsed, write: String })

function parsed(text: string): number {
  if (text === '') throw new RejectedRecordError('no_number')
  return Number(text)
}

describe('a converted serde', () => {
  it('writes and reads values in a form of their own', () => {
    const bytes = numbers.serialize(17) as Uint8Array
    expect(Buffer.from(bytes).toString()).toBe('17')
    expect([numbers.name, numbers.deserialize(bytes)]).toEqual(['number', 17])
  })

  it('refuses what the conversion refuses, and null unless it says what that is', () => {
    expect(() => numbers.deserialize(new Uint8Array())).toThrow(RejectedRecordError)
    expect(numbers.deserializeNull).toBeUndefined()
    const options = { read: parsed, write: String, readNull: () => 0 }
    expect(converted('n', string(), options).deserializeNull?.()).toBe(0)
  })
})
