/** data() keeps more than JSON, and is JSON where JSON is enough. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { data } from '../../src/serde/data.ts'

const serde = data<unknown>()
const text = (value: unknown): string => Buffer.from(serde.serialize(value) ?? []).toString()
const back = (value: unknown): unknown => serde.deserialize(serde.serialize(value) as Uint8Array)

describe('data', () => {
  it('is plain JSON for values that JSON keeps', () => {
    const value = { a: [1, 'x', true, null, { b: -1.5 }], $c: 1, d: {} }
    expect(text(value)).toBe(JSON.stringify(value))
    expect(back(value)).toEqual(value)
  })

  it.each<[string, unknown]>([
    ['bigint', 12345678901234567890n],
    ['Date', new Date(1_700_000_000_000)],
    ['bytes', Uint8Array.of(0, 255, 3)],
    [
      'Map',
      new Map<unknown, unknown>([
        ['a', 1n],
        [{ k: 1 }, new Set([1])],
      ]),
    ],
    ['Set', new Set(['a', 2n])],
    ['NaN', Number.NaN],
    ['infinities', [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
    ['minus zero', -0],
    ['undefined, in objects and arrays', { a: undefined, b: [undefined, 1] }],
    ['all of it, deep down', { rows: [{ cents: 5n, at: new Date(0), tags: new Set(['x']) }] }],
  ])('keeps %s', (_what, value) => {
    expect(back(value)).toStrictEqual(value)
  })

  it('keeps an invalid date invalid', () => {
    expect(back(new Date(Number.NaN))).toEqual(new Date(Number.NaN))
  })

  it('does not take objects of the user for its tags', () => {
    const lookalikes = [{ $bigint: '1' }, { $date: 0 }, { $object: { $set: [1] } }, { $x: 1n }]
    expect(back(lookalikes)).toStrictEqual(lookalikes)
    expect(back({ text: '"$bigint"' })).toStrictEqual({ text: '"$bigint"' })
  })

  it('keeps a key named __proto__ without touching a prototype', () => {
    const value = JSON.parse('{"__proto__":{"polluted":true},"n":{"$bigint":"1","b":2}}') as object
    const read = back(value) as object
    expect(JSON.stringify(read)).toBe(JSON.stringify(value))
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
  })

  it('refuses what would come back as something else', () => {
    class Money {
      readonly cents = 1
    }
    expect(() => serde.serialize(new Money())).toThrow('data() keeps no instance of Money')
    expect(() => serde.serialize({ run: () => 1 })).toThrow('data() keeps no function')
    expect(() => serde.serialize([Symbol('s')])).toThrow('data() keeps no symbol')
    expect(() => serde.serialize(new Float32Array(1))).toThrow('Float32Array')
  })

  it('refuses a tag it does not know', () => {
    const bytes = new TextEncoder().encode('{"$constructor":1}')
    expect(() => serde.deserialize(bytes)).toThrow('knows no tag $constructor')
  })

  it('round-trips whatever is made of these', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      key: fc.oneof(fc.string(), fc.constantFrom('$bigint', '$object', '$x')),
    })
    fc.assert(
      fc.property(anything, (value) => {
        expect(back(value)).toStrictEqual(value)
      })
    )
  })
})
