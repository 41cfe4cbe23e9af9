/**
 * What a record costs as things grow: keys, partitions, windows that are refreshed as often however
 * long they are. A bend is a step that costs more than the step before it explains.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { parseOptions } from '../options.ts'
import { type BenchBroker, openBroker } from './broker.ts'
import { growthPlot, type PlotSeries } from './growth-plot.ts'
import { type Fields, millrace } from './process.ts'
import { markdown, type Side, sideOf, text } from './table.ts'

export interface Step {
  readonly what: string
  readonly flags: readonly string[]
}

export interface Series {
  readonly name: string
  readonly steps: readonly Step[]
}

interface Plan {
  readonly series: readonly Series[]
  readonly repeat: number
  readonly brokers: string
  /** Where the picture goes. */
  readonly svg: string | undefined
}

/** What was measured of a step. */
interface Measured {
  readonly name: string
  readonly steps: readonly Step[]
  readonly sides: readonly (Side | undefined)[]
}

/** More than runs differ by on a quiet machine. */
const bendRatio = 1.5

export const usage = `usage: npm run bench -- growth [--keys 10000,100000,1000000,10000000]
  [--partitions 1,16,64] [--windows 1h,6h,24h,7d,30d] [--records N] [--repeat 1] [--brokers LIST]
  [--svg FILE]   draws what was measured
  [--from FILE]  measures nothing: takes the lines that other runs have printed`

export async function growth(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({ args: [...args], options: flags })
  const printed = values.from === undefined ? undefined : await readFile(values.from, 'utf8')
  const plan = planOf(values)
  const measured = printed === undefined ? await measureAll(plan) : growthOf(printed)
  if (printed !== undefined) for (const one of measured) show(one)
  if (plan.svg !== undefined)
    await writeFile(plan.svg, growthPlot(measured.map(plotted).filter(hasPoints)))
  return printed !== undefined || measured.every(({ sides }) => sides.every(isWhole(plan)))
}

const isWhole =
  ({ repeat }: Plan) =>
  (side: Side | undefined): boolean =>
    side?.runs === repeat

async function measureAll({ series, repeat, brokers }: Plan): Promise<readonly Measured[]> {
  const broker = await openBroker(brokers)
  const measured: Measured[] = []
  try {
    for (const { name, steps } of series) {
      const sides: (Side | undefined)[] = []
      for (const step of steps) sides.push(sideOf(await measure(broker, step, repeat, name)))
      const one = { name, steps, sides }
      show(one)
      measured.push(one)
    }
  } finally {
    await broker.close()
  }
  return measured
}

function show({ name, steps, sides }: Measured): void {
  console.log(`\n${growthTable(name, steps, sides)}\n`)
}

/** Of lines as they are printed, in their order; what else is among them is passed over. */
export function growthOf(printed: string): readonly Measured[] {
  const series = new Map<string, Map<string, Fields[]>>()
  for (const text of printed.split('\n')) {
    if (!text.startsWith('{')) continue
    const line = JSON.parse(text) as Fields
    const [name, step] = [String(line['series']), String(line['step'])]
    const steps = series.get(name) ?? new Map<string, Fields[]>()
    series.set(name, steps)
    steps.set(step, [...(steps.get(step) ?? []), line])
  }
  return [...series].map(([name, steps]) => ({
    name,
    steps: [...steps.keys()].map((what) => ({ what, flags: [] })),
    sides: [...steps.values()].map(sideOf),
  }))
}

function hasPoints({ points }: PlotSeries): boolean {
  return points.length > 0
}

function plotted({ name, steps, sides }: Measured): PlotSeries {
  const points = steps.flatMap(({ what }, i) => {
    const cpuMicros = sides[i]?.median.cpuMicros
    return cpuMicros === undefined ? [] : [{ what, cpuMicros }]
  })
  return { name, points }
}

/** The rows of a series, as Markdown, and a line for each bend. */
export function growthTable(
  name: string,
  steps: readonly Step[],
  sides: readonly (Side | undefined)[]
): string {
  const bends: string[] = []
  const rows = steps.map(({ what }, i) => {
    const [before, side] = [sides[i - 1]?.median.cpuMicros, sides[i]]
    const now = side?.median
    const times = before === undefined || now === undefined ? undefined : now.cpuMicros / before
    if (times !== undefined && times >= bendRatio) {
      bends.push(`bend: ${name} ${steps[i - 1]?.what} to ${what} costs ${times.toFixed(1)} times`)
    }
    return [
      ...[what, text(now?.cpuMicros, 2), text(times, 2)],
      ...[text(now?.wallSeconds, 2), text(now?.rssMb, 0)],
    ]
  })
  const head = [name, 'CPU µs a record', 'times the one before', 'wall s', 'peak MB']
  return [markdown(head, rows), ...(bends.length === 0 ? ['no bend'] : bends)].join('\n')
}

async function measure(
  broker: BenchBroker,
  { what, flags }: Step,
  repeat: number,
  series: string
): Promise<readonly Fields[]> {
  const lines: Fields[] = []
  const prefix = `growth-${process.pid}-${series}-${what}`
  const topic = `${prefix}-in`
  const all = [...flags, '--brokers', broker.addresses, '--topic', topic]
  const filled = await millrace([...all, '--step', 'fill'])
  for (let run = 0; filled.ok && run < repeat; run++) {
    const { line, ok } = await millrace([...all, '--id', `${prefix}-${run}`])
    if (!ok || line === undefined) continue
    lines.push(line)
    console.log(JSON.stringify({ series, step: what, ...line }))
  }
  await broker.forget(prefix)
  return lines
}

const flags = {
  keys: { type: 'string', default: '10000,100000,1000000,10000000' },
  partitions: { type: 'string', default: '1,16,64' },
  windows: { type: 'string', default: '1h,6h,24h,7d,30d' },
  records: { type: 'string', default: '1000000' },
  repeat: { type: 'string', default: '1' },
  brokers: { type: 'string', default: process.env['KAFKA_BROKERS'] ?? '' },
  svg: { type: 'string' },
  from: { type: 'string' },
} as const

type Values = ReturnType<typeof parseArgs<{ options: typeof flags }>>['values']

function planOf(values: Values): Plan {
  const list = (texts: string): readonly string[] => texts.split(',').filter((one) => one !== '')
  const { brokers, records } = values
  const repeat = Number(values.repeat)
  if (!(repeat >= 1)) throw new Error(usage)
  const series: readonly Series[] = [
    { name: 'keys', steps: list(values.keys).map((keys) => keyStep(keys, records)) },
    {
      name: 'partitions',
      steps: list(values.partitions).map((partitions) => ({
        what: partitions,
        flags: ['--case', 'count', '--partitions', partitions, '--records', records],
      })),
    },
    {
      name: 'windows',
      steps: list(values.windows).map((window) => ({
        what: window,
        flags: ['--case', 'hop-all-final', '--window', window, '--records', records],
      })),
    },
  ]
  // A fault should be told before anything is started.
  for (const { flags } of series.flatMap(({ steps }) => steps)) {
    parseOptions([...flags, '--log', 'embedded'])
  }
  return {
    series: series.filter(({ steps }) => steps.length > 0),
    repeat,
    brokers,
    svg: values.svg,
  }
}

/** All keys as often, and each of them at least twice. */
function keyStep(keys: string, records: string): Step {
  const enough = String(Math.max(Number(records), 2 * Number(keys)))
  return {
    what: keys,
    flags: ['--case', 'count', '--keys', keys, '--zipf', '0', '--records', enough],
  }
}
