/** Lines of runs to medians, medians to ratios, ratios to a table. */
import type { CaseName } from '../options.ts'
import type { Fields } from './process.ts'

export interface Sample {
  readonly cpuMicros: number
  readonly wallSeconds: number
  readonly rssMb: number
}

export interface Side {
  readonly runs: number
  readonly lines: readonly Fields[]
  readonly median: Sample
  /** Of the last run: rows that are right, and those that are due. */
  readonly right: number | undefined
  readonly due: number | undefined
}

export interface Pair {
  readonly name: CaseName
  readonly label: string
  readonly ours: Side | undefined
  readonly theirs: Side | undefined
}

/** Undefined without a run. */
export function sideOf(lines: readonly Fields[]): Side | undefined {
  const last = lines.at(-1)
  if (last === undefined) return undefined
  const middle = (name: string): number => median(lines.map((line) => Number(line[name])))
  const sample = { cpuMicros: 'cpu_us_per_rec', wallSeconds: 'wall_s', rssMb: 'rss_mb' } as const
  const { cpuMicros, wallSeconds, rssMb } = sample
  return {
    runs: lines.length,
    lines,
    median: {
      cpuMicros: middle(cpuMicros),
      wallSeconds: middle(wallSeconds),
      rssMb: middle(rssMb),
    },
    right: numberOf(last['rows_right']),
    due: numberOf(last['rows_due']),
  }
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const high = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const low = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
  return (low + high) / 2
}

/** How many times less `ours` is, to two digits; `–` without one of them. */
export function ratio(ours: number | undefined, theirs: number | undefined): string {
  if (ours === undefined || theirs === undefined || !(ours > 0)) return '–'
  const times = theirs / ours
  return times >= 10 ? times.toFixed(0) : times.toFixed(times >= 1 ? 1 : 2)
}

/** The rows of a comparison, as Markdown. */
export function pairsTable(pairs: readonly Pair[]): string {
  const head = [
    ...['case', 'runs', 'CPU µs a record, Kafka Streams', 'millrace', 'times less'],
    ...['wall s, both', 'times less', 'peak MB, both', 'times less', 'rows right, both'],
  ]
  return markdown(head, pairs.map(pairRow))
}

/** What the cases that go by a clock measure, and how it is called in a table. */
const liveColumns: Readonly<Record<string, string>> = {
  startup_s: 'start s',
  rebalance_s: 'rebalance s',
  append_p50_ms: 'append p50 ms',
  append_p99_ms: 'append p99 ms',
  visible_p50_ms: 'visible p50 ms',
  visible_p99_ms: 'visible p99 ms',
  app_cores: 'cores',
  cpu_us_per_rec: 'CPU µs a record',
  rss_mb: 'peak MB',
}

/** A row for each side; as Markdown. */
export function liveTable(pairs: readonly Pair[]): string {
  const names = Object.keys(liveColumns)
  const row = (label: string, peer: string, side: Side | undefined): readonly string[] => {
    const cells = names.map((name) => {
      const found = (side?.lines ?? []).map((line) => Number(line[name] ?? Number.NaN))
      const middle = median(found)
      return text(middle, middle < 10 ? 2 : 0)
    })
    return [label, peer, String(side?.runs ?? 0), ...cells]
  }
  const rows = pairs.flatMap(({ label, ours, theirs }) => [
    row(label, 'Kafka Streams', theirs),
    row(label, 'millrace', ours),
  ])
  return markdown(['case', 'whose', 'runs', ...Object.values(liveColumns)], rows)
}

function pairRow({ label, ours, theirs }: Pair): readonly string[] {
  const [mine, other] = [ours?.median, theirs?.median]
  const both = (name: keyof Sample, digits: number): string =>
    `${text(other?.[name], digits)} / ${text(mine?.[name], digits)}`
  return [
    ...[label, String(ours?.runs ?? theirs?.runs ?? 0)],
    ...[text(other?.cpuMicros, 2), text(mine?.cpuMicros, 2)],
    ratio(mine?.cpuMicros, other?.cpuMicros),
    ...[both('wallSeconds', 2), ratio(mine?.wallSeconds, other?.wallSeconds)],
    ...[both('rssMb', 0), ratio(mine?.rssMb, other?.rssMb)],
    `${rightOf(theirs)} / ${rightOf(ours)}`,
  ]
}

function rightOf(side: Side | undefined): string {
  if (side?.due === undefined || side.right === undefined) return '–'
  return side.right === side.due ? 'all' : `${side.right} of ${side.due}`
}

export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

export function text(value: number | undefined, digits: number): string {
  return value === undefined || Number.isNaN(value) ? '–' : value.toFixed(digits)
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}
