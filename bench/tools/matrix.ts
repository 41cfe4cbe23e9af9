/** The cells of a comparison: flags of one run each, for both sides. */
import type { CaseName } from '../options.ts'

export interface Cell {
  readonly name: CaseName
  readonly label: string
  /** As `dist/bench/main.js` takes them. */
  readonly flags: readonly string[]
}

export interface Axes {
  readonly cases: readonly CaseName[]
  readonly guarantees: readonly string[]
  readonly partitions: readonly string[]
  readonly caches: readonly string[]
  readonly bytes: readonly string[]
  readonly records: string | undefined
  /** Of the shape, and whatever else is the same for all. */
  readonly others: readonly string[]
}

/** Kafka Streams updates 48 windows with each record: a million of them take it minutes. */
const fewRecords = '20000'
const recordsDefault = '1000000'
const guarantees = ['eos', 'alos'] as const

/** Every combination of the axes. */
export function cellsOf(axes: Axes): readonly Cell[] {
  const cells: Cell[] = []
  for (const name of axes.cases) {
    for (const guarantee of axes.guarantees) {
      for (const partitions of axes.partitions) {
        for (const cache of axes.caches) {
          for (const bytes of axes.bytes) {
            const how = { guarantee, partitions, cache, bytes, records: axes.records }
            cells.push(cellOf(name, how, axes.others))
          }
        }
      }
    }
  }
  return cells
}

type How = Readonly<Partial<Record<'guarantee' | 'partitions' | 'cache' | 'bytes', string>>> & {
  readonly records?: string | undefined
}

/** `--case all`: what the page of the benchmarks shows. */
export function wholeMatrix(records: string | undefined): readonly Cell[] {
  const some: readonly (readonly [CaseName, How, ...string[]])[] = [
    ['pass', {}],
    ['pass', { bytes: '1024' }],
    ['pass', { guarantee: 'alos' }],
    ['pass', { partitions: '4' }],
    ['pass', { records: '4000000' }],
    ['count', {}],
    ['count', { guarantee: 'alos' }],
    ['count', { cache: 'off' }],
    ['count', { cache: 'off', guarantee: 'alos' }],
    ['count', { bytes: '1024' }],
    ['count', { partitions: '4' }],
    ['count', { records: '4000000' }],
    ['count', {}, '--lazy'],
    ['count', { records: '4000000' }, '--lazy'],
    ['wcount', {}],
    ['wcount-final', { cache: 'off' }],
    ['wcount-final', { cache: 'off', guarantee: 'alos' }],
    ['wcount-final', { cache: 'off', partitions: '4' }],
    ['wcount-suppress', {}],
    ['hop', {}],
    ['hop-final', {}],
    ['hop-shard-final', {}],
    ['hop-all', {}],
    ['hop-all-final', {}],
    ['shop', {}],
    ['shop', { guarantee: 'alos' }],
    ['shop', { partitions: '4' }],
    ['shop-app', {}],
    ['shop-app', { partitions: '4' }],
    ['restore', {}],
    ['restore', { partitions: '4' }],
  ]
  const batch = some.map(([name, how, ...others]) => {
    return cellOf(name, { ...how, records: how.records ?? records }, others)
  })
  const four = { partitions: '4' }
  const rates = ['5000', '50000', '200000']
  return [
    ...batch,
    ...guarantees.map((guarantee) => cellOf('startup', { ...four, guarantee }, [])),
    ...guarantees.map((guarantee) => cellOf('rebalance', { ...four, guarantee }, [])),
    ...guarantees.map((guarantee) => cellOf('latency', { ...four, guarantee }, [])),
    ...rates.map((rate) => cellOf('live', {}, ['--rate', rate, '--seconds', '30'])),
  ]
}

function cellOf(name: CaseName, how: How, others: readonly string[]): Cell {
  const { guarantee = 'eos', partitions = '1', cache = 'on', bytes = '100' } = how
  const usual = name.startsWith('hop-all') ? fewRecords : recordsDefault
  const records = how.records ?? usual
  const parts = [
    ...(guarantee === 'eos' ? [] : [guarantee]),
    ...(partitions === '1' ? [] : [`${partitions} partitions`]),
    ...(cache === 'on' ? [] : ['cache off']),
    ...(bytes === '100' ? [] : [`${bytes} bytes`]),
    ...(records === recordsDefault ? [] : [`${records} records`]),
    // Pairs of a flag and its value, and flags alone.
    others.join(' ').replaceAll('--', ''),
  ]
  return {
    name,
    label: [`\`${name}\``, ...parts].filter((part) => part !== '').join(', '),
    flags: [
      ...['--case', name, '--guarantee', guarantee, '--partitions', partitions],
      ...['--cache', cache, '--bytes', bytes, '--records', records, ...others],
    ],
  }
}
