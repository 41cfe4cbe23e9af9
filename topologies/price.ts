/** Prices as shops send them: read strictly or not at all. */

const digitsMax = 15

/**
 * A price in minor units, or null if it is not one. Strings and numbers such as `12`, `12.3`,
 * `12.34`, with blanks around and a leading `+` allowed; at most `decimals` decimals (further zeros
 * do not count) and 15 digits (zeros at either end do not count). Anything else is no price: a
 * grouped `1,299.00`, a currency sign, an exponent, a negative amount, the empty text.
 */
export function parsePrice(price: unknown, decimals: number): bigint | null {
  if (typeof price !== 'string' && typeof price !== 'number') return null
  const match = /^\+?(\d+)(?:\.(\d+))?$/.exec(String(price).trim())
  if (match === null) return null
  const whole = (match[1] ?? '').replace(/^0+/, '')
  const fraction = withoutTrailingZeros(match[2] ?? '')
  if (fraction.length > decimals || whole.length + fraction.length > digitsMax) return null
  return BigInt(whole + fraction.padEnd(decimals, '0'))
}

/** By hand: `/0+$/` takes quadratic time on a long run of zeros that something else follows. */
function withoutTrailingZeros(digits: string): string {
  let end = digits.length
  while (end > 0 && digits.charCodeAt(end - 1) === 48) end--
  return digits.slice(0, end)
}
