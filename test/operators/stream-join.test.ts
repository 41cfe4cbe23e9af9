/** Stream–stream joins against a model that keeps everything and looks at all of it. */
import { describe, expect, it } from 'vitest'
import { SelfJoinOperator } from '../../src/operators/self-join.ts'
import {
  JoinSideOperator,
  StreamJoinOperator,
  type StreamJoinSpec,
} from '../../src/operators/stream-join.ts'
import type { Side, UnmatchedLimits } from '../../src/operators/unmatched-rows.ts'
import { string } from '../../src/serde/primitives.ts'
import { type JoinWindow, within } from '../../src/windows/join-window.ts'
import { Random } from '../support/random.ts'
import { collect, FakeTask, type Row } from './fake-task.ts'

type How = StreamJoinSpec['how']

function specOf(how: How, window: JoinWindow): StreamJoinSpec {
  return {
    how,
    window,
    key: string() as StreamJoinSpec['key'],
    values: { left: string() as StreamJoinSpec['key'], right: string() as StreamJoinSpec['key'] },
    joiner: (left, right) => `${left}+${right}`,
    buffers: { left: 'left', right: 'right' },
    unmatched: how === 'inner' ? undefined : 'unmatched',
  }
}

/** The operators of one join in one task, which may be made anew over the same stores. */
class Join {
  readonly task = new FakeTask()
  readonly #spec: StreamJoinSpec
  readonly #limits: UnmatchedLimits
  readonly sides = { left: new JoinSideOperator('left'), right: new JoinSideOperator('right') }
  rows: Row[] = []

  constructor(how: How, window: JoinWindow, limits: UnmatchedLimits = {}) {
    this.#spec = specOf(how, window)
    this.#limits = limits
  }

  async start(): Promise<void> {
    const join = new StreamJoinOperator(this.#spec, this.#limits)
    const rows = this.rows
    this.rows = collect(join)
    this.rows.push(...rows)
    this.sides.left.next = join
    this.sides.right.next = join
    await join.init(this.task)
    await this.task.drain()
  }

  /** What comes of one record. */
  async take(side: Side, key: string | null, value: string | null, at: number): Promise<Row[]> {
    this.sides[side].process(key, value, at)
    await this.task.drain()
    return this.rows.splice(0)
  }
}

interface Kept {
  readonly side: Side
  readonly key: string
  readonly value: string
  readonly at: number
}

/** The rules in their plainest form. */
class Model {
  readonly #how: How
  readonly #window: JoinWindow
  readonly #kept: Kept[] = []
  #pending: Kept[] = []
  #time = -1
  #newest = { left: Number.NEGATIVE_INFINITY, right: Number.NEGATIVE_INFINITY }

  constructor(how: How, window: JoinWindow) {
    this.#how = how
    this.#window = window
  }

  take(side: Side, key: string | null, value: string | null, at: number): Row[] {
    const { beforeMs, afterMs, graceMs } = this.#window
    const keeps = this.#how === 'outer' || (this.#how === 'left' && side === 'left')
    const alone = { left: `${value}+null`, right: `null+${value}` }[side]
    this.#time = Math.max(this.#time, at)
    if (key === null && value !== null && keeps) return [[key, alone, at]]
    if (key === null || value === null) return []
    const rows = at === this.#time ? this.#due() : []
    const other = side === 'left' ? 'right' : 'left'
    const [back, ahead] = side === 'left' ? [beforeMs, afterMs] : [afterMs, beforeMs]
    const to = Math.max(0, at + ahead)
    const retention = beforeMs + afterMs + graceMs
    const matches = this.#kept
      .filter((one) => one.side === other && one.key === key)
      .filter((one) => one.at >= Math.max(0, at - back) && one.at <= to)
      .filter((one) => one.at > this.#newest[other] - retention)
      .sort((a, b) => a.at - b.at)
    for (const match of matches) {
      this.#pending = this.#pending.filter(
        (one) => one.side !== other || one.key !== key || one.at !== match.at
      )
      const pair = side === 'left' ? `${value}+${match.value}` : `${match.value}+${value}`
      rows.push([key, pair, Math.max(at, match.at)])
    }
    const own = { side, key, value, at }
    if (matches.length === 0 && keeps && to < this.#time) rows.push([key, alone, at])
    else if (matches.length === 0 && keeps) this.#pending.push(own)
    this.#kept.push(own)
    this.#newest[side] = Math.max(this.#newest[side], at)
    return rows
  }

  #due(): Row[] {
    const { beforeMs, afterMs, graceMs } = this.#window
    const isDue = ({ side, at }: Kept): boolean =>
      at + (side === 'left' ? afterMs : beforeMs) + graceMs < this.#time
    const due = this.#pending.filter(isDue)
    this.#pending = this.#pending.filter((one) => !isDue(one))
    const rank = ({ side, key }: Kept): string => (side === 'right' ? '0' : '1') + key
    return due
      .sort((a, b) => a.at - b.at || (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0))
      .map(({ side, key, value, at }) => [
        key,
        side === 'left' ? `${value}+null` : `null+${value}`,
        at,
      ])
  }
}

const windows = [
  within('10ms'),
  within('10ms', { grace: '15ms' }),
  within('0ms', { grace: '3ms' }),
  within('0ms', { before: '20ms', after: '-5ms' }),
  within('0ms', { before: '-3ms', after: '12ms', grace: '4ms' }),
  within('4s', { before: '1s', grace: '2s' }),
] as const

async function compareWithModel(how: How, seed: number, limits: UnmatchedLimits): Promise<void> {
  const random = new Random(seed)
  const window = random.pick([...windows] as [JoinWindow, ...JoinWindow[]])
  const scale = window.afterMs > 1_000 ? 300 : 1
  const join = new Join(how, window, limits)
  const model = new Model(how, window)
  await join.start()
  const sorted = (rows: Row[]): Row[] => rows.sort((a, b) => (String(a) < String(b) ? -1 : 1))
  let now = 0
  for (let turn = 0; turn < 150; turn++) {
    if (random.chance(0.05)) await join.start()
    now += random.chance(0.03) ? 200 * scale : random.below(6) * scale
    const at = Math.max(0, random.chance(0.7) ? now : now - random.below(40) * scale)
    const side = random.pick<Side>(['left', 'right'])
    const key = random.chance(0.04) ? null : random.pick(['a', 'b', 'ab'])
    const value = random.chance(0.04) ? null : `v${turn}`
    const rows = await join.take(side, key, value, at)
    const wanted = model.take(side, key, value, at)
    const [found, expected] =
      limits.keysMax === undefined ? [rows, wanted] : [sorted(rows), sorted(wanted)]
    expect(found, `seed ${seed}, turn ${turn}`).toEqual(expected)
  }
}

const seeds = Array.from({ length: 25 }, (_, index) => index + 1)

describe.each(['inner', 'left', 'outer'] as const)('%s joins', (how) => {
  it('find every pair, and let unmatched rows out in time, whatever comes when', async () => {
    for (const seed of seeds) await compareWithModel(how, seed, {})
  })

  it('do the same where memory has but few of the unmatched rows', async () => {
    for (const seed of seeds) await compareWithModel(how, seed + 100, { keysMax: 2 })
  })
})

describe('what a join keeps', () => {
  it('goes once nothing can join it, and long lists stay in pieces', async () => {
    const join = new Join('outer', within('100ms'))
    await join.start()
    for (let at = 0; at < 40_000; at += 10) {
      await join.take(at % 20 === 0 ? 'left' : 'right', 'k', 'v'.repeat(100), at)
    }
    const sizes = [...join.task.stores.values()].map(({ entries }) => entries.size)
    expect(Math.max(...sizes)).toBeLessThan(100)
    const bytes = [...join.task.stores.values()].flatMap(({ entries }) =>
      [...entries.values()].map(({ length }) => length)
    )
    expect(Math.max(...bytes)).toBeLessThan(10_000)
  })
})

describe('an optimized self-join', () => {
  it('puts out what an inner join of the stream with itself does', async () => {
    for (const seed of seeds) {
      const random = new Random(seed)
      const window = random.pick([
        within('10ms', { grace: '5ms' }),
        within('3ms', { after: '20ms' }),
      ])
      const join = new Join('inner', window)
      await join.start()
      const self = new SelfJoinOperator(specOf('inner', window))
      const rows = collect(self)
      const task = new FakeTask()
      self.init(task)
      for (let turn = 0; turn < 60; turn++) {
        const [key, at] = [random.pick(['a', 'b']), turn * 2 + random.below(10)]
        const left = await join.take('left', key, `v${turn}`, at)
        const right = await join.take('right', key, `v${turn}`, at)
        self.process(key, `v${turn}`, at)
        await task.drain()
        const all = [...left, ...right].map(String).sort()
        expect(rows.splice(0).map(String).sort(), `seed ${seed}`).toEqual(all)
      }
    }
  })
})
