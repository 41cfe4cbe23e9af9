/** `POST /api/events`: events for the embedded log, acknowledged once they are durable. */
import type { Context } from 'hono'
import { MillraceError } from '../errors.ts'
import { type ParsedEvents, parseEvents } from './events-body.ts'
import type { HttpPorts } from './ports.ts'
import { notYet, problem } from './problem.ts'

const bodyBytesMax = 8 * 1_024 * 1_024

export function ingestEvents(ports: HttpPorts): (context: Context) => Promise<Response> {
  return async (context) => {
    const { ingest } = ports
    if (ingest === null) {
      return problem(context, 409, 'Events come from the configured broker: send them there.')
    }
    const reasons = ports.reasons()
    if (reasons.length > 0) return notYet(context, reasons.join(' '))
    const type = mediaType(context)
    if (type === undefined || context.req.header('content-encoding') !== undefined) {
      const detail = 'Send application/json or application/x-ndjson, in UTF-8, uncompressed.'
      return problem(context, 415, detail, { accept: 'application/json, application/x-ndjson' })
    }
    const body = await readBody(context.req.raw, bodyBytesMax)
    if (body === 'cut') return problem(context, 400, 'The body ended before it was whole.')
    if (body === 'too long') {
      return problem(context, 413, 'At most 8 MiB at a time.', { connection: 'close' })
    }
    const parsed = parseEvents(body, type)
    if (typeof parsed === 'string') return problem(context, 400, parsed)
    return await store(context, ingest, parsed)
  }
}

async function store(
  context: Context,
  ingest: NonNullable<HttpPorts['ingest']>,
  { events, rejected }: ParsedEvents
): Promise<Response> {
  try {
    if (events.length > 0) await ingest(events)
  } catch (error) {
    if (error instanceof MillraceError)
      return notYet(context, `Nothing was stored: ${error.message}`)
    throw error
  }
  return context.json({ accepted: events.length, rejected }, 202)
}

function mediaType(context: Context): 'json' | 'ndjson' | undefined {
  const [type = '', ...parameters] = (context.req.header('content-type') ?? '').split(';')
  const charset = parameters.map((text) => text.trim().toLowerCase()).find(isCharset)
  if (charset !== undefined && !/^charset="?utf-8"?$/.test(charset)) return undefined
  const name = type.trim().toLowerCase()
  if (name === 'application/json') return 'json'
  return name === 'application/x-ndjson' || name === 'application/ndjson' ? 'ndjson' : undefined
}

function isCharset(parameter: string): boolean {
  return parameter.startsWith('charset=')
}

/** What is beyond the bound is not read; one that is cut is nobody's fault here. */
async function readBody(request: Request, bytesMax: number): Promise<Buffer | 'too long' | 'cut'> {
  if (Number(request.headers.get('content-length') ?? 0) > bytesMax) return 'too long'
  const chunks: Uint8Array[] = []
  let bytes = 0
  const reader = request.body?.getReader()
  for (;;) {
    const read = await reader?.read().catch(() => 'cut' as const)
    if (read === 'cut') return 'cut'
    const { done = true, value } = read ?? {}
    if (done || value === undefined) return Buffer.concat(chunks)
    bytes += value.byteLength
    chunks.push(value)
    if (bytes <= bytesMax) continue
    await reader?.cancel()
    return 'too long'
  }
}
