import { describe, expect, it } from 'vitest'
import { parseOptions } from '../../bench/options.ts'
import { slope } from '../../bench/soak.ts'
import { comparisonOf } from '../../bench/tools/compare.ts'
import { growthOf, growthTable } from '../../bench/tools/growth.ts'
import { growthPlot } from '../../bench/tools/growth-plot.ts'
import { cellsOf, wholeMatrix } from '../../bench/tools/matrix.ts'
import { liveTable, median, pairsTable, ratio, sideOf } from '../../bench/tools/table.ts'

const line = (cpu: number, more: object = {}) => ({
  ...{ cpu_us_per_rec: cpu, wall_s: 2 * cpu, rss_mb: 100, ...more },
})

describe('the tables of a comparison', () => {
  it('take the median of the runs', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([4, 1, 9, 6])).toBe(5)
    expect(sideOf([line(3), line(1), line(2)])?.median).toEqual({
      ...{ cpuMicros: 2, wallSeconds: 4, rssMb: 100 },
    })
    expect(sideOf([])).toBeUndefined()
  })

  it('show how many times less the one side takes, and whose rows are wrong', () => {
    const ours = sideOf([line(2, { rows_due: 10, rows_right: 10 })])
    const theirs = sideOf([line(9, { rows_due: 10, rows_right: 7 })])
    const table = pairsTable([{ name: 'count', label: '`count`', ours, theirs }])
    expect(table.split('\n').at(-1)).toBe(
      '| `count` | 1 | 9.00 | 2.00 | 4.5 | 18.00 / 4.00 | 4.5 | 100 / 100 | 1.0 | 7 of 10 / all |'
    )
    expect(ratio(2, undefined)).toBe('–')
    expect(ratio(2, 1)).toBe('0.50')
  })

  it('leave out what a side did not measure', () => {
    const ours = sideOf([line(2, { startup_s: 0.5 })])
    const table = liveTable([{ name: 'startup', label: '`startup`', ours, theirs: undefined }])
    expect(table).toContain('| `startup` | Kafka Streams | 0 | – | – |')
    expect(table).toContain('| `startup` | millrace | 1 | 0.50 | – |')
  })

  it('name the steps at which a cost bends', () => {
    const steps = ['10', '100', '1000'].map((what) => ({ what, flags: [] }))
    const sides = [1, 1.2, 2.4].map((cpu) => sideOf([line(cpu)]))
    expect(growthTable('keys', steps, sides)).toContain('bend: keys 100 to 1000 costs 2.0 times')
    expect(growthTable('keys', steps.slice(0, 2), sides)).toContain('no bend')
  })
})

describe('the picture of a growth', () => {
  const printed = [10_000, 10_000_000].map((keys, i) =>
    JSON.stringify({ series: 'keys', step: String(keys), ...line(2 + i) })
  )

  it('is of the lines that were printed, each step the median of its runs', () => {
    const again = JSON.stringify({ series: 'keys', step: '10000', ...line(4) })
    const [keys] = growthOf(['| keys |', ...printed, again, 'no bend'].join('\n'))
    expect(keys?.steps.map(({ what }) => what)).toEqual(['10000', '10000000'])
    expect(keys?.sides.map((side) => side?.median.cpuMicros)).toEqual([3, 3])
  })

  it('has a point for each step, as high as what a record costs', () => {
    const points = [10_000, 10_000_000].map((keys, i) => ({
      what: `${keys}`,
      cpuMicros: 2 + 2 * i,
    }))
    const svg = growthPlot([{ name: 'keys', points }])
    expect(svg).toContain('<title>CPU µs a record, by keys: 10000 2, 10000000 4</title>')
    expect(svg).toContain('>10 k<')
    expect(svg).toContain('>10 M<')
    const heights = [...svg.matchAll(/ cy="([\d.]+)"/g)].map(([, y]) => Number(y))
    // The axis begins at 0, here at 200, and ends at 4.
    expect(heights).toEqual([122, 44])
    expect(svg).toContain('prefers-color-scheme:dark')
  })

  it('is of series of any name', () => {
    const svg = growthPlot([{ name: 'a<b&c', points: [{ what: '1', cpuMicros: 0.004 }] }])
    expect(svg).toContain('>a&lt;b&amp;c<')
    expect(svg).toContain('>0.004<')
  })
})

describe('the cells of a comparison', () => {
  it('are every combination of the axes', () => {
    const axes = { guarantees: ['eos', 'alos'], partitions: ['1', '4'], caches: ['on'] }
    const cells = cellsOf({
      ...{ ...axes, cases: ['count', 'hop-all-final'], bytes: ['100'], records: undefined },
      others: ['--zipf', '1.5'],
    })
    expect(cells).toHaveLength(8)
    expect(cells[3]?.label).toBe('`count`, alos, 4 partitions, zipf 1.5')
    expect(cells[4]?.flags).toEqual(expect.arrayContaining(['--records', '20000']))
  })

  it('have the shape that was asked for', () => {
    const shapeOf = (...flags: string[]) => {
      const all = ['--case', 'count', '--records', '5000', ...flags]
      const [cell] = comparisonOf(all).cells
      expect(cell?.label).toContain(flags[0]?.slice(2))
      return parseOptions([...(cell?.flags ?? []), '--brokers', 'any:1']).shape
    }
    expect(shapeOf('--unique')).toMatchObject({ unique: true, keys: 5_000 })
    expect(shapeOf('--zipf', '0.5')).toMatchObject({ unique: false, zipf: 0.5, keys: 10_000 })
    expect(shapeOf('--hot', '0.9')).toMatchObject({ hotShare: 0.9 })
    expect(shapeOf('--disorder', '0.2:5m')).toMatchObject({
      disorder: { share: 0.2, spanMs: 300_000 },
    })
    expect(() => comparisonOf(['--case', 'count', '--hot', '2'])).toThrow('--hot: expected 0 to 1')
  })

  it('leave undecoded what nobody reads where that was asked for', () => {
    const isLazy = (...flags: string[]) => {
      const [cell] = comparisonOf(['--case', 'count', ...flags]).cells
      return parseOptions([...(cell?.flags ?? []), '--brokers', 'any:1']).lazy
    }
    expect([isLazy(), isLazy('--lazy')]).toEqual([false, true])
    expect(comparisonOf(['--case', 'count', '--lazy']).cells[0]?.label).toBe('`count`, lazy')
  })

  it('kill nobody who may have nothing', () => {
    const rebalance = ['--case', 'rebalance', '--brokers', 'any:1']
    expect(() => parseOptions(rebalance)).toThrow('--partitions: rebalance takes 2 or more')
    expect(parseOptions([...rebalance, '--partitions', '2']).partitions).toBe(2)
  })

  it('have labels of their own in the whole table', () => {
    const labels = wholeMatrix(undefined).map(({ label }) => label)
    expect(new Set(labels).size).toBe(labels.length)
  })
})

describe('the slope of a soak', () => {
  it('is that of the line closest to the points', () => {
    const points = [0, 10, 20, 30].map((seconds) => ({
      ...{ seconds, rssMb: 100 + seconds * 0.5, heapMb: 40 - seconds * 0.1 },
    }))
    expect(slope(points, ({ rssMb }) => rssMb)).toBeCloseTo(0.5)
    expect(slope(points, ({ heapMb }) => heapMb)).toBeCloseTo(-0.1)
    expect(slope(points.slice(0, 1), ({ rssMb }) => rssMb)).toBe(0)
  })
})
