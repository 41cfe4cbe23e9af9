/**
 * A task's event time as the text beside a committed offset, the only place that a task without a
 * store has. Compact JSON, one per source partition; the marks are repeated in each.
 */
import { FatalError } from '../errors.ts'
import type { Timestamp } from '../ids.ts'

/** The bound of the log's port, in bytes of UTF-8. */
const bytesMax = 4_096
const version = 1

export interface TimeMetadata {
  readonly commitNumber: number
  /** Of the partition; -Infinity before its first record. */
  readonly watermark: Timestamp
  /** What was announced for each aggregate. */
  readonly marks: Readonly<Record<string, Timestamp | 'empty'>>
  /** Of the layouts of the task's stores and repartition topics; '' if it has none. */
  readonly fingerprints: string
}

interface Json {
  readonly v: number
  readonly n: number
  readonly w?: Timestamp
  readonly m?: Readonly<Record<string, Timestamp | 'empty'>>
  readonly f?: string
}

export function encodeTimeMetadata(metadata: TimeMetadata): string {
  const { commitNumber, watermark, marks, fingerprints } = metadata
  const json: Json = {
    v: version,
    n: commitNumber,
    ...(Number.isFinite(watermark) ? { w: watermark } : {}),
    ...(Object.keys(marks).length > 0 ? { m: marks } : {}),
    ...(fingerprints === '' ? {} : { f: fingerprints }),
  }
  const text = JSON.stringify(json)
  if (Buffer.byteLength(text) <= bytesMax) return text
  throw new FatalError(
    'MILLRACE_METADATA_TOO_LARGE',
    `The marks of ${Object.keys(marks).length} aggregates and ${fingerprints.length} bytes of ` +
      `fingerprints do not fit into ${bytesMax} bytes of offset metadata: give the aggregates ` +
      'shorter names, or read the topic in two applications.'
  )
}

const nothingKnown: TimeMetadata = {
  commitNumber: 0,
  watermark: Number.NEGATIVE_INFINITY,
  marks: {},
  fingerprints: '',
}

/** Of a partition that was never committed, or by somebody else: as if nothing was known. */
export function decodeTimeMetadata(text: string): TimeMetadata {
  return readTimeMetadata(text) ?? nothingKnown
}

/** Undefined: it is not ours. */
export function readTimeMetadata(text: string): TimeMetadata | undefined {
  const json = parse(text)
  if (json === undefined) return undefined
  const { n: commitNumber, w: watermark = Number.NEGATIVE_INFINITY, m: marks = {} } = json
  return { commitNumber, watermark, marks, fingerprints: json.f ?? '' }
}

function parse(text: string): Json | undefined {
  if (text === '') return undefined
  try {
    const json = JSON.parse(text) as Json | null
    return json?.v === version && typeof json.n === 'number' ? json : undefined
  } catch {
    return undefined
  }
}
