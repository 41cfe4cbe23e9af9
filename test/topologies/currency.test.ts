import { describe, expect, it } from 'vitest'
import {
  currencyDecimals,
  formatMinor,
  majorUnits,
  roundedMajorUnits,
} from '../../topologies/currency.ts'

describe('a currency', () => {
  it('has the decimals that ISO 4217 gives it', () => {
    const decimals = ['EUR', 'USD', 'JPY', 'KRW', 'KWD', 'IQD', 'CLF', 'HUF'].map(currencyDecimals)
    expect(decimals).toEqual([2, 2, 0, 0, 3, 3, 4, 2])
  })

  it('writes amounts exactly, beyond what a double holds', () => {
    expect(formatMinor(18490n, 2)).toBe('184.90')
    expect(formatMinor(5n, 2)).toBe('0.05')
    expect(formatMinor(0n, 3)).toBe('0.000')
    expect(formatMinor(1234n, 0)).toBe('1234')
    expect(formatMinor(-5n, 2)).toBe('-0.05')
    expect(formatMinor(900719925474099301n, 2)).toBe('9007199254740993.01')
  })

  it('divides into major units with one rounding', () => {
    expect(majorUnits(18490n, 2)).toBe(184.9)
    expect(majorUnits(10n, 2, 3)).toBe(10 / 300)
    expect(majorUnits(1234n, 0, 2)).toBe(617)
  })

  it('rounds what a gauge shows to two decimals, halves up', () => {
    expect(roundedMajorUnits(1n, 2, 2)).toBe(0.01)
    expect(roundedMajorUnits(1005n, 3)).toBe(1.01)
    expect(roundedMajorUnits(1004n, 3)).toBe(1)
    expect(roundedMajorUnits(100n, 2, 3)).toBe(0.33)
    expect(roundedMajorUnits(7n, 0, 3)).toBe(2.33)
    expect(roundedMajorUnits(0n, 2)).toBe(0)
  })
})
