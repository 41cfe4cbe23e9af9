/** Currencies: how many decimals an amount has, and how minor units are written. */

/** ISO 4217 codes whose minor unit is not a hundredth; all others have two decimals. */
const exceptions: Readonly<Record<string, number>> = Object.freeze({
  ...decimals(0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'),
  ...decimals(3, 'BHD IQD JOD KWD LYD OMR TND'),
  ...decimals(4, 'CLF UYW'),
})

/** Decimals of an ISO 4217 code in capitals: `EUR` 2, `JPY` 0, `KWD` 3. */
export function currencyDecimals(code: string): number {
  return exceptions[code] ?? 2
}

/** Minor units as an exact decimal: `18490n` with two decimals is `'184.90'`. */
export function formatMinor(minor: bigint, decimals: number): string {
  if (decimals === 0) return String(minor)
  const sign = minor < 0n ? '-' : ''
  const digits = String(minor < 0n ? -minor : minor).padStart(decimals + 1, '0')
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
}

/**
 * Minor units divided among `parts`, in major units: the nearest double, rounded once as long as
 * both sides of the division are below 2^53.
 */
export function majorUnits(minor: bigint, decimals: number, parts = 1): number {
  return Number(minor) / (parts * 10 ** decimals)
}

/** Major units rounded to two decimals, half up, exactly: what a gauge shows of money. */
export function roundedMajorUnits(minor: bigint, decimals: number, parts = 1): number {
  const whole = BigInt(parts) * 10n ** BigInt(decimals)
  return Number((200n * minor + whole) / (2n * whole)) / 100
}

function decimals(count: number, codes: string): Record<string, number> {
  return Object.fromEntries(codes.split(' ').map((code) => [code, count]))
}
