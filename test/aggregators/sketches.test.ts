/** Sketches against what they estimate: within the error that they promise, in whatever parts. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { approxDistinct, quantiles } from '../../src/aggregators/aggregators.ts'
import { ByteReader, ByteWriter } from '../../src/aggregators/bytes.ts'
import { HyperLogLog } from '../../src/aggregators/hyper-log-log.ts'
import { memberKey } from '../../src/aggregators/member.ts'
import { QuantileSketch } from '../../src/aggregators/quantile-sketch.ts'
import { type Row, RowAggregation } from '../../src/aggregators/row.ts'
import { Random } from '../support/random.ts'

interface Sketch {
  write(writer: ByteWriter): void
}

function bytesOf(sketch: Sketch): Uint8Array {
  const writer = new ByteWriter()
  sketch.write(writer)
  return writer.take()
}

function counted(members: Iterable<string | number>): HyperLogLog {
  const sketch = new HyperLogLog()
  for (const member of members) sketch.add(memberKey(member) as string)
  return sketch
}

function measured(values: Iterable<number>): QuantileSketch {
  const sketch = new QuantileSketch()
  for (const value of values) sketch.add(value)
  return sketch
}

const forms = [
  (n: number) => `session-${n}`,
  (n: number) => n,
  (n: number) => n / 7,
  (n: number) => String.fromCharCode(97 + (n % 26)).repeat(1 + (n % 5)) + n,
]

test('a count of different members errs by 1.6 % of them, and no more than chance does', () => {
  const errors: number[] = []
  for (const [form, member] of forms.entries()) {
    for (const size of [2_000, 10_000, 60_000]) {
      for (let round = 0; round < 4; round++) {
        const from = (form * 10 + round) * 1_000_003
        const members = Array.from({ length: size }, (_, n) => member(from + n))
        errors.push(counted(members).estimate() / new Set(members).size - 1)
      }
    }
  }
  const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length
  const deviation = Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length)
  expect(Math.abs(mean)).toBeLessThan(0.008)
  expect(deviation).toBeGreaterThan(0.005)
  expect(deviation).toBeLessThan(0.022)
  expect(Math.max(...errors.map(Math.abs))).toBeLessThan(0.06)
})

test('few members are counted as good as exactly', () => {
  expect(new HyperLogLog().estimate()).toBe(0)
  for (const size of [1, 2, 10, 50, 200]) {
    const members = Array.from({ length: size }, (_, n) => `user-${n}`)
    const estimate = counted([...members, ...members]).estimate()
    expect(Math.abs(estimate - size)).toBeLessThanOrEqual(Math.ceil(size * 0.03))
  }
})

test('what was counted decides the bytes: not its order, nor how it was split', () => {
  const lists = fc.array(fc.array(fc.nat(6_000), { maxLength: 900 }), { maxLength: 5 })
  fc.assert(
    fc.property(lists, (parts) => {
      const whole = counted(parts.flat())
      const merged = new HyperLogLog()
      for (const part of parts.toReversed()) {
        const sketch = counted(part)
        const before = bytesOf(sketch)
        merged.merge(HyperLogLog.read(new ByteReader(before)))
        expect(bytesOf(sketch)).toEqual(before)
      }
      expect(bytesOf(merged)).toEqual(bytesOf(whole))
      expect(merged.estimate()).toBe(whole.estimate())
    }),
    { numRuns: 30 }
  )
})

test('the bytes of a count are few, and those that were always written', () => {
  expect([...bytesOf(counted([]))]).toEqual([0, 0])
  expect(bytesOf(counted(['ann'])).length).toBeLessThanOrEqual(5)
  expect(Buffer.from(bytesOf(counted(['ann', 'bob', 3]))).toString('hex')).toBe(
    '0003e20201ab0301e30b05'
  )
  const many = counted(Array.from({ length: 50_000 }, (_, n) => n))
  expect(bytesOf(many).length).toBe(1 + 3_072)
  expect(bytesOf(HyperLogLog.read(new ByteReader(bytesOf(many))))).toEqual(bytesOf(many))
})

/** What `floor(rank × (n − 1))` of all values in order is. */
function exact(values: readonly number[], rank: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(rank * (values.length - 1))] as number
}

const ranks = [0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1]

function expectWithin(values: readonly number[], sketch: QuantileSketch): void {
  for (const [index, found] of sketch.quantiles(ranks).entries()) {
    const wanted = exact(values, ranks[index] as number)
    const off = Math.abs((found as number) - wanted)
    expect(off).toBeLessThanOrEqual(Math.abs(wanted) * 0.010_000_1 + 1e-12)
  }
}

test('a quantile is within 1 % of the value, whatever the values are', () => {
  const seeded = new Random(7)
  const random = (): number => seeded.next()
  const shapes = [
    () => random() * 1_000,
    () => Math.exp(random() * 20 - 5),
    () => Math.round(random() * 50) - 25,
    () => -Math.log(random()) * 80,
  ]
  for (const shape of shapes) {
    const values = Array.from({ length: 5_000 }, shape)
    expectWithin(values, measured(values))
  }
  const near = fc.double({ min: -1e6, max: 1e6, noNaN: true })
  fc.assert(
    fc.property(fc.array(near, { minLength: 1, maxLength: 60 }), (values) => {
      const tame = values.filter((value) => Math.abs(value) > 1e-9 || value === 0)
      if (tame.length > 0) expectWithin(tame, measured(tame))
    })
  )
})

test('the bins of parts are those of the whole, in any order and after any storage', () => {
  const value = fc.double({ noNaN: true, noDefaultInfinity: true })
  fc.assert(
    fc.property(fc.array(fc.array(value, { maxLength: 40 }), { maxLength: 5 }), (parts) => {
      const whole = measured(parts.flat())
      const merged = new QuantileSketch()
      for (const part of parts.toReversed()) {
        merged.merge(QuantileSketch.read(new ByteReader(bytesOf(measured(part)))))
      }
      expect(bytesOf(merged)).toEqual(bytesOf(whole))
    })
  )
})

test('the bytes of quantiles are few, and those that were always written', () => {
  const seeded = new Random(3)
  const random = (): number => seeded.next()
  const latencies = Array.from({ length: 20_000 }, () => -Math.log(random()) * 80)
  expect(bytesOf(measured(latencies)).length).toBeLessThan(3_000)
  const extremes = measured([-1e300, -1e-11, 0, 1e-11, 1, 1e300])
  expect(bytesOf(extremes).length).toBeLessThan(60)
  expect(Buffer.from(bytesOf(measured([-3, 0, 1, 2.5]))).toString('hex')).toBe(
    '01c00800000000000040040000000000000100370102000001002e01'
  )
})

test('they are fields of a row as any other, and skip what is not there', () => {
  interface Call {
    readonly user: string | null
    readonly ms: number | bigint | null
  }
  const rows = new RowAggregation('calls', {
    users: approxDistinct((call: Call) => call.user),
    ms: quantiles((call: Call) => call.ms, [0, 0.5, 1]),
  })
  const none = { addMember: () => false }
  const row: Row = rows.init()
  expect(rows.result(row)).toEqual({ users: 0, ms: { 0: null, 0.5: null, 1: null } })
  for (const call of [
    { user: 'ann', ms: 3 },
    { user: null, ms: 100n },
    { user: 'ann', ms: null },
    { user: 'bob', ms: Number.NaN },
    { user: 'cid', ms: Number.POSITIVE_INFINITY },
    { user: 'cid', ms: -20 },
  ]) {
    rows.add(row, call, none)
  }
  const merged = rows.init()
  rows.merge(merged, row)
  const shown = rows.result(merged)
  expect(shown).toEqual({ users: 3, ms: { 0: -20, 0.5: expect.closeTo(3, 1), 1: 100 } })
})

test('ranks that are none are refused at the call', () => {
  const value = (n: number): number => n
  expect(() => quantiles(value, [0.5, 50])).toThrow(/numbers from 0 to 1/)
  expect(() => quantiles(value, [Number.NaN])).toThrow(/numbers from 0 to 1/)
})
