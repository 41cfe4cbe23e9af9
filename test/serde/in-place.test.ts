import fc from 'fast-check'
import { expect, test } from 'vitest'
import { plainBytes } from '../../src/dsl/passes/repartitions.ts'
import { converted } from '../../src/serde/converted.ts'
import { inPlaceReader } from '../../src/serde/in-place.ts'
import { json } from '../../src/serde/json.ts'
import { nullable } from '../../src/serde/nullable.ts'
import { boolean, bytes, float64, int32, int64, string } from '../../src/serde/primitives.ts'
import type { Serde } from '../../src/serde/serde.ts'

const schema = {
  '~standard': {
    version: 1,
    vendor: 'odd',
    validate: (value: unknown) =>
      typeof value === 'string' ? { value } : { issues: [{ message: 'no text' }] },
  },
} as const

const unwrap = (value: unknown): unknown => (value as unknown[])[0]

const serdes: readonly (readonly [string, Serde<never>])[] = [
  ['string', string()],
  ['bytes', bytes()],
  ['boolean', boolean()],
  ['int32', int32()],
  ['int64', int64()],
  ['float64', float64()],
  ['json', json<unknown>()],
  ['json with a schema', json(schema)],
  ['nullable string', nullable(string())],
  ['nullable json', nullable(json<unknown>())],
  ['strict json', json<unknown>({ malformed: 'reject' })],
  ['converted json', converted('n', json<unknown>(), { read: (value) => [value], write: unwrap })],
].map(([name, serde]) => [name as string, serde as Serde<never>])

/** The value, or what was thrown. */
function outcome(run: () => unknown): unknown {
  try {
    return { value: run() }
  } catch (error) {
    return { thrown: String(error) }
  }
}

test.each(serdes)('%s reads in place what it reads of a view', (_, serde) => {
  const read = inPlaceReader(serde)
  const text = fc.string({ unit: 'binary', maxLength: 30 })
  const encoded = fc.oneof(
    text.map((one) => Buffer.from(one)),
    text.map((one) => Buffer.from(JSON.stringify(one))),
    fc.constantFrom(0, 1, 2).map((one) => Buffer.of(one)),
    fc.jsonValue().map((one) => Buffer.from(JSON.stringify(one))),
    fc.uint8Array({ maxLength: 30 }).map((one) => Buffer.from(one))
  )
  fc.assert(
    fc.property(encoded, fc.uint8Array(), fc.uint8Array(), (inner, before, after) => {
      const all = Buffer.concat([before, inner, after])
      const [start, end] = [before.length, before.length + inner.length]
      expect(outcome(() => read?.(all, start, end))).toEqual(
        outcome(() => serde.deserialize(all.subarray(start, end)))
      )
    })
  )
  expect(read).toBeDefined()
})

test.each([bytes(), plainBytes])('$name are read as a copy, which stays what it is', (serde) => {
  const lent = Buffer.from('abcdef')
  const read = inPlaceReader(serde)?.(lent, 1, 4)
  const other = serde.deserialize(lent.subarray(1, 4))
  lent.fill(0)
  expect([read, other].map((one) => Buffer.from(one ?? []).toString())).toEqual(['bcd', 'bcd'])
})

test('a copy with another way to read does not read as the original', () => {
  expect(inPlaceReader({ ...string(), deserialize: () => 'mine' })).toBeUndefined()
})

test('what may keep the bytes, or was written elsewhere, is given a view', () => {
  const own: Serde<Uint8Array> = { ...bytes(), name: 'own' }
  const ofOwn = converted('of own', own, { read: (value) => value, write: (value) => value })
  const others = [own, nullable(own), ofOwn] as readonly Serde<unknown>[]
  expect(others.map(inPlaceReader)).toEqual(others.map(() => undefined))
})
