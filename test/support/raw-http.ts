/** One connection as bytes: what was written, and the answers that came, read by the letter. */
import { connect } from 'node:net'
import type { Attack } from './fuzz-http.ts'

export interface RawAnswer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

const patienceMs = 30_000
const quietMs = 2_000

/**
 * Resolves with all that came until the connection was closed; it is closed from here as soon as
 * a stream of events has begun. Rejects if neither side closes it.
 */
export function exchange(
  port: number,
  { parts, end }: Pick<Attack, 'parts' | 'end'>
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const chunks: Buffer[] = []
    let tail = ''
    let quiet: NodeJS.Timeout | undefined
    const waitForQuiet = (): void => {
      clearTimeout(quiet)
      if (end === 'quiet') quiet = setTimeout(() => socket.end(), quietMs)
    }
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`The connection stays open behind: ${String(Buffer.concat(chunks))}`))
    }, patienceMs)
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      waitForQuiet()
      tail = `${tail}${chunk.toString('latin1')}`.slice(-4_000)
      if (tail.includes('\r\n\r\n') && tail.includes('retry: ')) socket.destroy()
    })
    // Whoever writes on after the other has hung up is told so by an error.
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      clearTimeout(timer)
      clearTimeout(quiet)
      resolve(Buffer.concat(chunks))
    })
    const write = (index: number): void => {
      const part = parts[index]
      if (part !== undefined) {
        socket.write(part)
        setImmediate(() => write(index + 1))
      } else if (end === 'half') socket.end()
      else if (end === 'all') socket.destroy()
      else waitForQuiet()
    }
    socket.on('connect', () => write(0))
  })
}

/** Throws if the bytes are not whole answers of HTTP/1.1, one behind the other. */
export function answersIn(bytes: Buffer): readonly RawAnswer[] {
  const answers: RawAnswer[] = []
  for (let at = 0; at < bytes.length; ) {
    const { answer, next } = answerAt(bytes, at)
    at = next
    if (answer.status >= 200) answers.push(answer)
  }
  return answers
}

function answerAt(bytes: Buffer, start: number): { answer: RawAnswer; next: number } {
  const headEnd = bytes.indexOf('\r\n\r\n', start)
  if (headEnd < 0) throw new Error(`no head: ${bytes.toString('latin1', start)}`)
  const [line = '', ...fields] = bytes.toString('latin1', start, headEnd).split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3}) [ -~]*$/.exec(line)?.[1])
  if (!(status >= 100 && status < 600)) throw new Error(`no status line: ${line}`)
  const headers = new Map<string, string>()
  for (const field of fields) {
    const [, name = '', value = ''] =
      /^([!#-'*+\-.^-z|~0-9A-Z]+): ?([\t -~\x80-\xff]*)$/.exec(field) ?? []
    if (name === '' || headers.has(name.toLowerCase())) throw new Error(`odd header: ${field}`)
    headers.set(name.toLowerCase(), value)
  }
  const from = headEnd + 4
  const { body, next } = bodyAt(bytes, from, status, headers)
  return { answer: { status, headers, body }, next }
}

function bodyAt(
  bytes: Buffer,
  from: number,
  status: number,
  headers: ReadonlyMap<string, string>
): { body: Buffer; next: number } {
  const none = { body: Buffer.alloc(0), next: from }
  if (status < 200 || status === 204 || status === 304) return none
  // What follows HEAD has the headers of a body, and no body.
  if (from === bytes.length || bytes.toString('latin1', from, from + 9) === 'HTTP/1.1 ') return none
  const length = headers.get('content-length')
  if (length !== undefined) {
    const next = from + Number(length)
    if (!(next <= bytes.length)) throw new Error(`${length} bytes said, fewer there`)
    return { body: bytes.subarray(from, next), next }
  }
  if (headers.get('transfer-encoding') === 'chunked') return chunks(bytes, from, headers)
  return { body: bytes.subarray(from), next: bytes.length }
}

function chunks(
  bytes: Buffer,
  from: number,
  headers: ReadonlyMap<string, string>
): { body: Buffer; next: number } {
  const parts: Buffer[] = []
  for (let at = from; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const isStream = headers.get('content-type')?.startsWith('text/event-stream') === true
    if (lineEnd < 0 && isStream) return { body: Buffer.concat(parts), next: bytes.length }
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    const next = lineEnd + 2 + size
    if (!(size >= 0) || next + 2 > bytes.length) throw new Error('a chunk is cut')
    parts.push(bytes.subarray(lineEnd + 2, next))
    at = next + 2
    if (size === 0) return { body: Buffer.concat(parts), next: at }
  }
}
