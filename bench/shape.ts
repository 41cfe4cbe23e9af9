/** What the input looks like: how many keys and how often each, how large, how disordered. */
import { parseDuration } from '../src/durations.ts'

export interface EventShape {
  readonly records: number
  readonly partitions: number
  readonly keys: number
  /** Exponent: the greater, the fewer keys have most of the records; 0: all alike. */
  readonly zipf: number
  /** Share of the records that go to one key alone. */
  readonly hotShare: number
  /** Every key once, instead of Zipf. */
  readonly unique: boolean
  /** Of a value, at least: below the fields' own length (about 95) nothing is added. */
  readonly bytes: number
  readonly disorder: Disorder
  readonly seed: number
  /** Event time from one record to the next. */
  readonly stepMs: number
}

/** A record of this share is dated back by up to so much. */
export interface Disorder {
  readonly share: number
  readonly spanMs: number
}

/** Of an input, whatever the number of its records. */
export const eventSpanMs = 48 * 3_600_000

export const shapeFlags = {
  keys: { type: 'string' },
  zipf: { type: 'string', default: '1' },
  hot: { type: 'string', default: '0' },
  unique: { type: 'boolean', default: false },
  disorder: { type: 'string', default: '1:5s' },
  seed: { type: 'string', default: '42' },
} as const

export const shapeUsage = `[--keys N] [--zipf 0.5…1.5] [--hot SHARE] [--unique] [--bytes B]
  [--disorder SHARE:SPAN, such as 0.01:10m] [--seed N]`

/** As given on the command line. */
export interface ShapeTexts {
  readonly keys?: string | undefined
  readonly zipf: string
  readonly hot: string
  readonly unique: boolean
  readonly disorder: string
  readonly seed: string
}

const keysDefault = 10_000

/** Every fault is added to `faults`. */
export function shapeOf(
  texts: ShapeTexts,
  size: Pick<EventShape, 'records' | 'partitions' | 'bytes'>,
  faults: string[]
): EventShape {
  const number = (flag: string, text: string, least: number, most: number): number => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (value >= least && value <= most) return value
    faults.push(`${flag}: expected ${least} to ${most}, got ${text}`)
    return least
  }
  const keys = texts.keys ?? String(texts.unique ? size.records : keysDefault)
  const [share = '', span = ''] = texts.disorder.split(':')
  const spanMs = parseDuration(span)
  if (spanMs === undefined) {
    faults.push(`--disorder: expected SHARE:SPAN such as 0.01:10m, got ${texts.disorder}`)
  }
  return {
    ...size,
    keys: Math.floor(number('--keys', keys, 1, 100_000_000)),
    zipf: number('--zipf', texts.zipf, 0, 3),
    hotShare: number('--hot', texts.hot, 0, 1),
    unique: texts.unique,
    disorder: { share: number('--disorder', share, 0, 1), spanMs: spanMs ?? 0 },
    seed: Math.floor(number('--seed', texts.seed, 0, 4_294_967_295)),
    stepMs: eventSpanMs / size.records,
  }
}

/** The flags that give this shape, for a process of its own. */
export function shapeArgs(shape: EventShape): readonly string[] {
  const { keys, zipf, hotShare, unique, bytes, disorder, seed, records, partitions } = shape
  return [
    ...['--records', records, '--partitions', partitions, '--keys', keys, '--zipf', zipf],
    ...['--hot', hotShare, '--bytes', bytes, '--seed', seed],
    ...['--disorder', `${disorder.share}:${disorder.spanMs}ms`],
    ...(unique ? ['--unique'] : []),
  ].map(String)
}

/** What differs from the usual shape, as fields of a line. */
export function shapeFields(shape: EventShape): Readonly<Record<string, unknown>> {
  const { keys, zipf, hotShare, unique, bytes, disorder, seed } = shape
  const { share, spanMs } = disorder
  return {
    ...(keys === keysDefault ? {} : { keys }),
    ...(zipf === 1 || unique ? {} : { zipf }),
    ...(hotShare === 0 ? {} : { hot: hotShare }),
    ...(unique ? { unique } : {}),
    ...(bytes === 100 ? {} : { bytes }),
    ...(share === 1 && spanMs === 5_000 ? {} : { disorder: `${share}:${spanMs}ms` }),
    ...(seed === 42 ? {} : { seed }),
  }
}
