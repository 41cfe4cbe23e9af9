/** The lines of JSON: who, which case, what differs from the defaults, and the figures. */
import type { Verdict } from './check.ts'
import type { Figures } from './measure.ts'
import type { BenchOptions } from './options.ts'
import { shapeFields } from './shape.ts'

export function lineOf(options: BenchOptions, figures: Figures, verdict?: Verdict): string {
  if (options.name === 'idle') return idleLine(options, figures)
  const { records, name, log } = options
  const isRaw = name.startsWith('raw-')
  return JSON.stringify({
    peer: 'millrace',
    case: name,
    guarantee: options.guarantee === 'exactly_once' ? 'eos' : 'alos',
    log,
    n: records,
    ...(isRaw ? { bytes: options.bytes } : { p: options.partitions }),
    ...(options.threads === 1 ? {} : { threads: options.threads }),
    ...(options.caching ? {} : { cache: 'off' }),
    ...(options.lazy ? { lazy: true } : {}),
    ...(options.commitMs === undefined ? {} : { commit_ms: options.commitMs }),
    ...(isRaw ? {} : shapeFields(options.shape)),
    ...caseFields(options),
    wall_s: round(figures.wallSeconds),
    rps: Math.round(records / figures.wallSeconds),
    cpu_s: round(figures.cpuSeconds),
    cpu_us_per_rec: round((figures.cpuSeconds * 1e6) / records),
    rss_mb: Math.round(figures.rssMb),
    ...(figures.startSeconds === undefined
      ? {}
      : { start_to_first_s: round(figures.startSeconds) }),
    ...(figures.closeSeconds === undefined ? {} : { close_s: round(figures.closeSeconds) }),
    ...(figures.otherSeconds === undefined ? {} : { other_cpu_s: round(figures.otherSeconds) }),
    out_records: verdict?.rows ?? figures.outRecords,
    dropped: figures.dropped,
    ...(verdict === undefined ? {} : { rows_due: verdict.due, rows_right: verdict.right }),
  })
}

function caseFields({ name, window, advance, refresh }: BenchOptions): Record<string, string> {
  const isUsual = window === '24h' && advance === '30m'
  if (name.startsWith('hop') && !isUsual) return { window, advance }
  return name === 'shop-app' && refresh !== '5m' ? { refresh } : {}
}

/** `cores`: how much of a core it takes. */
function idleLine({ log, partitions }: BenchOptions, figures: Figures): string {
  const { wallSeconds, cpuSeconds, rssMb } = figures
  const cores = round(cpuSeconds / wallSeconds)
  const cost = { wall_s: round(wallSeconds), cpu_s: round(cpuSeconds), cores }
  return JSON.stringify({
    ...{ peer: 'millrace', case: 'idle', log, p: partitions },
    ...cost,
    rss_mb: Math.round(rssMb),
  })
}

export function round(value: number): number {
  return Number(value.toFixed(3))
}
