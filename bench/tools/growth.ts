/**
 * What a record costs as things grow: keys, partitions, windows that are refreshed as often however
 * long they are. A bend is a step that costs more than the step before it explains.
 */
import { parseArgs } from 'node:util'
import { parseOptions } from '../options.ts'
import { type BenchBroker, openBroker } from './broker.ts'
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
}

/** More than runs differ by on a quiet machine. */
const bendRatio = 1.5

const usage = `usage: npm run bench -- growth [--keys 10000,100000,1000000,10000000]
  [--partitions 1,16,64] [--windows 1h,6h,24h,7d,30d] [--records N] [--repeat 1] [--brokers LIST]`

export async function growth(args: readonly string[]): Promise<boolean> {
  const { series, repeat, brokers } = planOf(args)
  const broker = await openBroker(brokers)
  let isFine = true
  try {
    for (const { name, steps } of series) {
      const sides: (Side | undefined)[] = []
      for (const step of steps) {
        const lines = await measure(broker, step, repeat, name)
        isFine &&= lines.length === repeat
        sides.push(sideOf(lines))
      }
      console.log(`\n${growthTable(name, steps, sides)}\n`)
    }
  } finally {
    await broker.close()
  }
  return isFine
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

function planOf(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      keys: { type: 'string', default: '10000,100000,1000000,10000000' },
      partitions: { type: 'string', default: '1,16,64' },
      windows: { type: 'string', default: '1h,6h,24h,7d,30d' },
      records: { type: 'string', default: '1000000' },
      repeat: { type: 'string', default: '1' },
      brokers: { type: 'string', default: process.env['KAFKA_BROKERS'] ?? '' },
    } as const,
  })
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
  return { series: series.filter(({ steps }) => steps.length > 0), repeat, brokers }
}

/** All keys as often, and each of them at least twice. */
function keyStep(keys: string, records: string): Step {
  const enough = String(Math.max(Number(records), 2 * Number(keys)))
  return {
    what: keys,
    flags: ['--case', 'count', '--keys', keys, '--zipf', '0', '--records', enough],
  }
}
