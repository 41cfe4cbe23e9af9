/** Keys and values as people and programs read them, whatever they are. */

/** Text where the bytes are text that can be printed, otherwise `0x` and hexadecimal digits. */
export function bytesText(bytes: Uint8Array): string {
  const text = readableText(bytes)
  return text ?? `0x${Buffer.from(bytes).toString('hex')}`
}

/** JSON where the bytes are that, otherwise as `bytesText`. */
export function bytesValue(bytes: Uint8Array): unknown {
  const text = readableText(bytes)
  if (text === undefined) return bytesText(bytes)
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true })

function readableText(bytes: Uint8Array): string | undefined {
  try {
    const text = decoder.decode(bytes)
    return /^[^\p{Cc}\p{Co}\p{Cn}]*$/u.test(text) ? text : undefined
  } catch {
    return undefined
  }
}

/** For `JSON.stringify`: what JSON has no place for, as the nearest that it has. */
export function plain(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return bytesText(value)
  if (value instanceof Map) return Object.fromEntries(value)
  if (value instanceof Set) return [...value]
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  return value
}

/** One line. */
export function valueText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value, plain) ?? 'undefined')
}
