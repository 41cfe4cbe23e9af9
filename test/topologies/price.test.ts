import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatMinor } from '../../topologies/currency.ts'
import { parsePrice } from '../../topologies/price.ts'

describe('a price', () => {
  it.each<[unknown, bigint]>([
    ['12', 1200n],
    ['12.3', 1230n],
    ['12.34', 1234n],
    ['+12.34', 1234n],
    [' 12.34\t', 1234n],
    ['0', 0n],
    ['0.05', 5n],
    ['00012.10', 1210n],
    ['3.100000', 310n],
    ['9999999999999.99', 999999999999999n],
    ['999999999999999', 99999999999999900n],
    [`${'0'.repeat(40)}1.5${'0'.repeat(40)}`, 150n],
    [12, 1200n],
    [12.3, 1230n],
    [1e3, 100000n],
  ])('of %s is read as %s minor units', (price, minor) => {
    expect(parsePrice(price, 2)).toBe(minor)
  })

  it.each<[unknown]>([
    [''],
    [' '],
    ['null'],
    ['1,299.00'],
    ['1 299'],
    ['€5'],
    ['5 EUR'],
    ['-3'],
    ['+-3'],
    ['+ 3'],
    ['++3'],
    ['NaN'],
    ['Infinity'],
    ['1e3'],
    ['0x10'],
    ['.5'],
    ['7.'],
    ['1.2.3'],
    ['12.345'],
    ['12.0001'],
    ['1234567890123456'],
    ['99999999999999.99'],
    ['١٢'],
    [-3],
    [12.345],
    [1e21],
    [1e-7],
    [0.1 + 0.2],
    [Number.NaN],
    [null],
    [undefined],
    [true],
    [{}],
    [['12']],
    [12n],
  ])('of %o is none', (price) => {
    expect(parsePrice(price, 2)).toBeNull()
  })

  it('has as many decimals as its currency', () => {
    expect(parsePrice('12', 0)).toBe(12n)
    expect(parsePrice('12.0', 0)).toBe(12n)
    expect(parsePrice('12.5', 0)).toBeNull()
    expect(parsePrice('12.345', 3)).toBe(12345n)
    expect(parsePrice('12.3456', 3)).toBeNull()
    expect(parsePrice('0', 0)).toBe(0n)
  })

  it('is read back from what it is written as', () => {
    const amounts = fc.bigInt({ min: 0n, max: 999_999_999_999_999n })
    fc.assert(
      fc.property(amounts, fc.integer({ min: 0, max: 4 }), (minor, decimals) => {
        expect(parsePrice(formatMinor(minor, decimals), decimals)).toBe(minor)
      })
    )
  })

  it('is refused in linear time, however long', () => {
    const zeros = '0'.repeat(500_000)
    expect(parsePrice(`1.${zeros}1`, 2)).toBeNull()
    expect(parsePrice(`${zeros}.${zeros}x`, 2)).toBeNull()
  })
})
