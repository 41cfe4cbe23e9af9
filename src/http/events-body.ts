/** What a body of events holds: JSON objects, each with its own verdict. */

export interface Rejection {
  /** Place in the array, or among the lines that are not blank. */
  readonly index: number
  readonly reason: 'decode' | 'too_large'
}

export interface ParsedEvents {
  /** As they go into the log: JSON in UTF-8. */
  readonly events: readonly Uint8Array[]
  readonly rejected: readonly Rejection[]
}

const eventBytesMax = 1_024 * 1_024
const newline = 10
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** A sentence, if the body as a whole is not what its type says. */
export function parseEvents(body: Uint8Array, type: 'json' | 'ndjson'): ParsedEvents | string {
  if (type === 'ndjson') return judge(lines(body), parseLine)
  const value = parse(body)
  if (Array.isArray(value)) return judge(value as readonly unknown[], encodeEvent)
  if (isObject(value)) return judge([body], parseLine)
  return 'The body is neither a JSON object nor a JSON array, in UTF-8.'
}

function judge<T>(
  items: readonly T[],
  take: (item: T) => Uint8Array | Rejection['reason']
): ParsedEvents {
  const events: Uint8Array[] = []
  const rejected: Rejection[] = []
  for (const [index, item] of items.entries()) {
    const taken = take(item)
    if (typeof taken === 'string') rejected.push({ index, reason: taken })
    else events.push(taken)
  }
  return { events, rejected }
}

function parseLine(line: Uint8Array): Uint8Array | Rejection['reason'] {
  if (line.byteLength > eventBytesMax) return 'too_large'
  return isObject(parse(line)) ? line : 'decode'
}

function encodeEvent(event: unknown): Uint8Array | Rejection['reason'] {
  if (!isObject(event)) return 'decode'
  try {
    const bytes = encoder.encode(JSON.stringify(event))
    return bytes.byteLength > eventBytesMax ? 'too_large' : bytes
  } catch {
    // Nested too deeply to be written, though it could be read.
    return 'decode'
  }
}

/** Without the blank ones; a carriage return at the end is white space to JSON. */
function lines(body: Uint8Array): readonly Uint8Array[] {
  const found: Uint8Array[] = []
  for (let start = 0; start < body.byteLength; ) {
    const at = body.indexOf(newline, start)
    const end = at < 0 ? body.byteLength : at
    const line = body.subarray(start, end)
    if (line.some((byte) => byte > 32)) found.push(line)
    start = end + 1
  }
  return found
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch {
    return undefined
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
