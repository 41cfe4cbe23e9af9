/** Avro's decimals: big-endian two's complement, as the text of an exact decimal and back. */

/** No amount needs more: what does is no decimal, and would take its time. */
const bytesMax = 256

/** `[0x48, 0x3a]` with scale 2 is `'184.90'`. */
export function decimalText(bytes: Uint8Array, scale: number): string {
  const { length } = bytes
  if (length > bytesMax) throw new TypeError(`Avro: a decimal of ${length} bytes`)
  const value = BigInt.asIntN(8 * length, BigInt(`0x0${Buffer.from(bytes).toString('hex')}`))
  const sign = value < 0n ? '-' : ''
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0')
  if (scale === 0) return sign + digits
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** The shortest bytes, or `size` of them. Refuses what is no such decimal, or does not fit. */
export function decimalBytes(text: unknown, scale: number, size?: number): Uint8Array {
  const match = typeof text === 'string' ? /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) : null
  const decimals = match?.[3] ?? ''
  if (match === null || decimals.length > scale) {
    throw new TypeError(`expected a decimal text with up to ${scale} decimals`)
  }
  const unscaled = BigInt(`${match[2]}${decimals.padEnd(scale, '0')}`)
  const value = match[1] === '-' ? -unscaled : unscaled
  const width = size ?? widthOf(value)
  const bits = 8 * width
  if (BigInt.asIntN(bits, value) !== value) throw new TypeError(`it has no room in ${width} bytes`)
  const hex = BigInt.asUintN(bits, value)
    .toString(16)
    .padStart(2 * width, '0')
  return Uint8Array.from(Buffer.from(hex, 'hex'))
}

function widthOf(value: bigint): number {
  let width = 1
  while (BigInt.asIntN(8 * width, value) !== value) width++
  return width
}
