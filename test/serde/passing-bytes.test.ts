/** Bytes that are valid until the next call are those that `serialize` answers. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { json } from '../../src/serde/json.ts'
import { nullable } from '../../src/serde/nullable.ts'
import { passingWriter } from '../../src/serde/passing-bytes.ts'
import { string } from '../../src/serde/primitives.ts'
import type { Serde } from '../../src/serde/serde.ts'

const text = fc.oneof(fc.string({ maxLength: 70 }), fc.string({ unit: 'binary', maxLength: 70 }))
const number = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))
const value = fc.oneof(text, number, fc.jsonValue())

test.each([
  ['string', string(), text],
  ['json', json<unknown>(), value],
  ['nullable json', nullable(json<unknown>()), fc.oneof(value, fc.constant(null))],
] as readonly (readonly [string, Serde<unknown>, fc.Arbitrary<unknown>])[])(
  '%s writes in passing what it serializes, whatever came before',
  (_, serde, values) => {
    const write = passingWriter(serde)
    fc.assert(
      fc.property(fc.array(values, { maxLength: 20 }), (all) => {
        for (const one of all) expect(write(one)).toEqual(bufferOf(serde.serialize(one)))
      })
    )
  }
)

test('a serde of somebody else is asked itself, and so is a copy', () => {
  const own = { ...string(), serialize: () => Buffer.from('mine') }
  expect(passingWriter(own)('yours')).toEqual(Buffer.from('mine'))
})

function bufferOf(bytes: Uint8Array | null): Buffer | null {
  return bytes && Buffer.from(bytes)
}
