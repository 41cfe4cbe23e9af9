/** Windows by key in the compatible layer: Kafka Streams' own cases, and a naive model. */
import { describe, expect, test } from 'vitest'
import { count, distinct } from '../../src/aggregators/aggregators.ts'
import type { AggregationPlan } from '../../src/operators/specs.ts'
import { FakeState } from '../simulation/fake-state.ts'
import { Random, seedOfRun } from '../support/random.ts'
import { show, text, WindowedFixture, windowedSpec } from './windowed-fixture.ts'

/** `A1@0 B2@5` → what was sent for each record. */
async function run(fixture: WindowedFixture, records: string): Promise<string[][]> {
  const sent: string[][] = []
  for (const record of records.split(' ')) {
    const [, key = '', value, at] = /^([A-Z])(\d+)@(\d+)$/.exec(record) ?? []
    sent.push((await fixture.pipe(key, value, Number(at))).map(show))
  }
  return sent
}

test('every update goes out, dated by the greatest record of its row', async () => {
  const f = new WindowedFixture(windowedSpec([10, 5, 100], 'updates'))
  const records = 'A1@0 B2@1 C3@2 D4@3 A1@4 A1@5 B2@6 D4@7 B2@8 C3@9 A1@10 B2@11 D4@12 B2@13 C3@14'
  const sent = (await run(f, `${records} B1@3 B2@2 B3@9`)).flat()
  expect(sent).toHaveLength(29)
  expect(sent.slice(-6)).toEqual([
    'C[5,15) = 0+3+3@14',
    'C[10,20) = 0+3@14',
    'B[0,10) = 0+2+2+2+1@8',
    'B[0,10) = 0+2+2+2+1+2@8',
    'B[0,10) = 0+2+2+2+1+2+3@9',
    'B[5,15) = 0+2+2+2+2+3@13',
  ])
})

test('a record is dropped for each of its windows that is closed', async () => {
  const f = new WindowedFixture(windowedSpec([10, 5, 90], 'updates'))
  const records = 'K0@100 K0@0 K1@1 K2@2 K3@3 K4@4 K5@5 K6@6 K7@105 K8@106'
  const sent = (await run(f, records)).flat()
  expect(f.context.drops).toEqual({ late: 7 })
  expect(sent.filter((row) => row.includes('[5,15)'))).toEqual([
    'K[5,15) = 0+5@5',
    'K[5,15) = 0+5+6@6',
  ])
})

test('final rows come with the record whose time passes end and grace', async () => {
  const f = new WindowedFixture(windowedSpec([10, 5, 5], 'final'))
  expect(await run(f, 'A1@0 B2@5 C3@15 C4@15 C5@19')).toEqual([
    [],
    [],
    ['A[0,10) = 0+1@0', 'B[0,10) = 0+2@5'],
    [],
    [],
  ])
})

test('final rows go by window, then by the bytes of the key', async () => {
  const f = new WindowedFixture(windowedSpec([10, 5, 0], 'final'))
  const sent = await run(f, 'Z1@0 A1@0 A1@5 B1@10 C1@40')
  expect(sent.at(-1)).toEqual(['A[5,15) = 0+1@5', 'B[5,15) = 0+1@10', 'B[10,20) = 0+1@10'])
  expect(sent[3]).toEqual(['A[0,10) = 0+1+1@5', 'Z[0,10) = 0+1@0'])
})

test('nothing of a window that opens and closes between two commits is written', async () => {
  const f = new WindowedFixture(windowedSpec([10, 10, 0], 'final'))
  await f.commit()
  await run(f, 'A1@0 B1@5 A1@15 B1@18 A1@35')
  const [, changes] = await f.commit()
  expect(changes.map(({ value }) => value?.length)).toHaveLength(2)
  const [, later] = await (async () => {
    await run(f, 'A1@60')
    return f.commit()
  })()
  expect(later.filter(({ value }) => value === null)).toHaveLength(1)
})

test('null takes a row away; a reduce may begin with it', async () => {
  const plan: AggregationPlan = {
    kind: 'reduce',
    reducer: (kept, value) => (value === 'gone' ? null : `${kept}${value}`),
    serde: text,
  }
  const f = new WindowedFixture(windowedSpec([10, 10, 0], 'updates', { plan }))
  const pairs = async (value: unknown, at: number) =>
    (await f.pipe('a', value, at)).map(({ row, before, timestamp }) => [row, before, timestamp])
  expect(await pairs(null, 1)).toEqual([[null, null, 1]])
  expect(await pairs('x', 3)).toEqual([['x', null, 3]])
  expect(await pairs('y', 2)).toEqual([['xy', 'x', 3]])
  expect(await pairs('gone', 4)).toEqual([[null, 'xy', 4]])
  const [, changes] = await f.commit()
  expect(changes.filter(({ value }) => value === null)).toEqual([])
  expect(await f.pipe(null, 'x', 5)).toEqual([])
  expect(f.context.drops).toEqual({ null_key: 1 })
})

test('members are counted once per window and key, and go with their window', async () => {
  const plan: AggregationPlan = {
    kind: 'named',
    aggregators: { n: count(), users: distinct((value: string) => value) },
  }
  const spec = windowedSpec([10, 10, 0], 'final', { plan })
  const f = new WindowedFixture(spec)
  for (const user of ['u', 'v', 'u']) await f.pipe('a', user, 3)
  await f.pipe('b', 'u', 4)
  await f.commit()
  const g = new WindowedFixture(spec, { state: new FakeState(f.entries) })
  await g.pipe('a', 'v', 5)
  await g.pipe('a', 'w', 6)
  const rows = await g.pipe('a', 'u', 10)
  expect(rows.map(({ key, row }) => [key, row])).toEqual([
    ['a', { n: 5, users: 3 }],
    ['b', { n: 1, users: 1 }],
  ])
  await g.commit()
  await g.pipe('a', 'u', 30)
  await g.commit()
  const left = [...g.entries.keys()].filter((key) => key !== 'n/\xff')
  expect(left).toHaveLength(2)
})

test('what Kafka Streams throttles may be throttled by the wall clock', async () => {
  const { windows, ...spec } = windowedSpec([10, 10, 0], 'final')
  const f = new WindowedFixture({ ...spec, windows: { ...windows, emitIntervalMs: 100 } })
  expect(await run(f, 'A1@0 A1@10 A1@20')).toEqual([[], [], []])
  f.context.clock.advance(100)
  expect(await run(f, 'A2@25')).toEqual([['A[0,10) = 0+1@0', 'A[10,20) = 0+1@10']])
})

test('by its own marks a window closes after the commit that announced the mark', async () => {
  const time = { streamTime: 0, mark: () => mark, nextMark: () => mark }
  let mark = Number.NEGATIVE_INFINITY
  const spec = windowedSpec([10, 10, 5], 'final', { watermarks: 'own' })
  const f = new WindowedFixture(spec, { time })
  expect(await run(f, 'A1@3 B1@40 A1@4')).toEqual([[], [], []])
  // An idle close: no record comes, only a commit with a greater mark.
  mark = 15
  expect(await f.commit()).toMatchObject([[], [{}, {}, {}]])
  expect(f.take().map(show)).toEqual(['A[0,10) = 0+1+1@4'])
  expect(await run(f, 'A1@4')).toEqual([[]])
  expect(f.context.drops).toEqual({ late: 1 })
  await f.commit()
  const g = new WindowedFixture(spec, { time, state: new FakeState(f.entries) })
  await g.context.settle()
  expect(g.take()).toEqual([])
})

describe('against a naive model', () => {
  const seed = seedOfRun()
  const cases = ['updates', 'final'] as const
  test.each(cases)(
    '%s are the same, whatever commits, restarts and memory do',
    async (emission) => {
      for (let life = 0; life < 60; life++) {
        const random = new Random((seed + life) * 7_919)
        const shape = random.pick<readonly [number, number, number]>([
          [10, 10, 0],
          [10, 3, 4],
          [12, 4, 9],
          [7, 7, 3],
        ])
        await compareLife(random, windowedSpec(shape, emission), `SEED=${seed + life}`)
      }
    }
  )
})

async function compareLife(
  random: Random,
  spec: ReturnType<typeof windowedSpec>,
  message: string
): Promise<void> {
  const model = new Model(spec)
  const caching = spec.windows.emission === 'final' && random.chance(0.5)
  const limits = random.chance(0.5) ? { rowsMax: 3 } : {}
  let f = new WindowedFixture(spec, { caching }, limits)
  let t = random.below(30)
  let late = 0
  for (let step = 0; step < 60; step++) {
    t += random.below(random.chance(0.1) ? 60 : 4)
    const at = Math.max(0, t - random.below(25))
    const key = random.pick(['a', 'b', 'c', 'é'])
    const value = String(step)
    const sent = (await f.pipe(key, value, at)).map(show)
    expect(sent, `${message} step ${step}`).toEqual(model.pipe(key, value, at))
    const isRestart = random.chance(0.15)
    if (!isRestart && !random.chance(0.3)) continue
    expect((await f.commit())[0]).toEqual([])
    if (!isRestart) continue
    late += f.context.drops['late'] ?? 0
    f = new WindowedFixture(spec, { caching, state: new FakeState(f.entries) }, limits)
    await f.context.settle()
    expect(f.take()).toEqual([])
  }
  expect(late + (f.context.drops['late'] ?? 0), message).toBe(model.late)
  await f.commit()
  expect(f.entries.size, message).toBeLessThan(model.open + 2)
}

/** All windows of all times, looked at with every record. */
class Model {
  late = 0
  readonly #windows: ReturnType<typeof windowedSpec>['windows']
  readonly #rows = new Map<string, { start: number; key: string; value: string; at: number }>()
  #time = 0
  #newest = 0

  constructor({ windows }: ReturnType<typeof windowedSpec>) {
    this.#windows = windows
  }

  pipe(key: string, value: string, at: number): string[] {
    const { sizeMs, advanceMs, graceMs, emission } = this.#windows
    const before = this.#time
    this.#time = Math.max(before, at)
    const sent: string[] = []
    for (let start = 0; start <= at; start += advanceMs) {
      if (start + sizeMs <= at) continue
      if (start + sizeMs + graceMs <= this.#time) {
        this.late += 1
        continue
      }
      this.#newest = Math.max(this.#newest, start)
      const id = `${start}|${key}`
      const row = this.#rows.get(id) ?? { start, key, value: '0', at }
      const next = { ...row, value: `${row.value}+${value}`, at: Math.max(row.at, at) }
      this.#rows.set(id, next)
      if (emission === 'updates') sent.push(this.#show(next))
    }
    if (emission === 'updates') return sent
    const closed = [...this.#rows.values()].filter(({ start }) => {
      const end = start + sizeMs + graceMs
      return end <= this.#time && end > before
    })
    const bytes = (text: string): string => Buffer.from(text).toString('latin1')
    closed.sort((a, b) => a.start - b.start || (bytes(a.key) < bytes(b.key) ? -1 : 1))
    return closed.map((row) => this.#show(row))
  }

  /** Rows that a store may still hold. */
  get open(): number {
    const { sizeMs, graceMs, emission } = this.#windows
    const more = emission === 'final' ? 1 : 0
    const rows = [...this.#rows.values()]
    return rows.filter(({ start }) => start > this.#newest - sizeMs - graceMs - more).length
  }

  #show({ start, key, value, at }: { start: number; key: string; value: string; at: number }) {
    return `${key}[${start},${start + this.#windows.sizeMs}) = ${value}@${at}`
  }
}
