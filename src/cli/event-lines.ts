/** Events out of a file: lines of JSON, or one JSON array; which of both its first sign tells. */

export interface EventLine {
  /** From 1 on: the line that is not blank, or the place in the array. */
  readonly line: number
  readonly bytes: Uint8Array
  /** Undefined: it is no JSON object. */
  readonly value: Readonly<Record<string, unknown>> | undefined
}

const newline = 10
const bracket = 91

export async function* readEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<EventLine> {
  let pending: Uint8Array[] = []
  let isArray: boolean | undefined
  let line = 0
  for await (const chunk of chunks) {
    isArray ??= chunk.find((byte) => byte > 32) === bracket ? true : undefined
    if (isArray === undefined && chunk.some((byte) => byte > 32)) isArray = false
    if (isArray !== false) {
      pending.push(chunk)
      continue
    }
    let start = 0
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, start)) {
      const bytes = Buffer.concat([...pending, chunk.subarray(start, at)])
      pending = []
      start = at + 1
      if (!isBlank(bytes)) yield eventOf(++line, bytes)
    }
    pending.push(chunk.subarray(start))
  }
  const rest = Buffer.concat(pending)
  if (isBlank(rest)) return
  if (isArray === true) yield* elementsOf(rest)
  else yield eventOf(++line, rest)
}

function* elementsOf(bytes: Uint8Array): Generator<EventLine> {
  const elements = parse(bytes)
  if (!Array.isArray(elements)) {
    yield { line: 1, bytes, value: undefined }
    return
  }
  for (const [index, element] of elements.entries()) {
    const value = objectOf(element)
    yield { line: index + 1, bytes: Buffer.from(JSON.stringify(element)), value }
  }
}

function eventOf(line: number, bytes: Uint8Array): EventLine {
  return { line, bytes, value: objectOf(parse(bytes)) }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Readonly<Record<string, unknown>>) : undefined
}

const decoder = new TextDecoder('utf-8', { fatal: true })

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes)) as unknown
  } catch {
    return undefined
  }
}

function isBlank(bytes: Uint8Array): boolean {
  return !bytes.some((byte) => byte > 32)
}
