/** Both phases of a window without a key, message by message. */
import { expect, test } from 'vitest'
import { count, distinct, sum } from '../../src/aggregators/aggregators.ts'
import { RowAggregation } from '../../src/aggregators/row.ts'
import { GlobalFinalOperator } from '../../src/operators/global-final.ts'
import { GlobalMessages, type PartialMessage } from '../../src/operators/global-messages.ts'
import { GlobalPartialOperator } from '../../src/operators/global-partial.ts'
import { MemberBlock } from '../../src/operators/member-blocks.ts'
import { MemberSet } from '../../src/operators/member-set.ts'
import type { GlobalAggregateSpec } from '../../src/operators/specs.ts'
import type { Change } from '../../src/processor/change.ts'
import type { TaskTime } from '../../src/processor/operator.ts'
import type { Emission, Windowed } from '../../src/windows/windows.ts'
import type { KeyValueState, StoreDefinition } from '../../state/contract.ts'
import { FakeContext } from '../simulation/fake-context.ts'
import { FakeState } from '../simulation/fake-state.ts'

const minute = 60_000
const hour = 60 * minute
const never = Number.NEGATIVE_INFINITY

interface Visit {
  readonly session: string
  readonly price?: number
}

const aggregators = {
  visits: count(),
  sessions: distinct((visit: Visit) => visit.session),
  revenue: sum((visit: Visit) => visit.price),
}

function specOf(
  [sizeMs, advanceMs]: readonly [sizeMs: number, advanceMs: number],
  emission: Emission,
  emptyWindows = true
): GlobalAggregateSpec {
  const shape = sizeMs === advanceMs ? 'tumbling' : 'hopping'
  const windows = { shape, emission, sizeMs, advanceMs, graceMs: 0, idleMs: null, emptyWindows }
  return { name: 'g', topic: 'g', aggregators, windows } as GlobalAggregateSpec
}

/** Marks as the test sets them. */
class Marks implements TaskTime {
  streamTime = never
  announced = never
  next: number | 'empty' | undefined

  mark(): number {
    return this.announced
  }

  nextMark(): number | 'empty' | undefined {
    return this.next ?? (this.announced === never ? undefined : this.announced)
  }
}

class First {
  readonly time = new Marks()
  readonly context: FakeContext
  readonly operator: GlobalPartialOperator
  readonly state: FakeState
  #offset = 0

  constructor(spec: GlobalAggregateSpec, state = new FakeState()) {
    this.state = state
    this.context = new FakeContext({ time: this.time, state })
    this.operator = new GlobalPartialOperator(spec)
  }

  visit(t: number, session: string, price?: number): void {
    this.context.record.offset = this.#offset++
    this.operator.process(null, { session, ...(price === undefined ? {} : { price }) }, t)
    this.context.record.watermark = Math.max(this.context.record.watermark, t)
  }

  commit(next?: number | 'empty'): Uint8Array[] {
    this.time.next = next
    this.operator.flush()
    this.state.seal()
    if (typeof next === 'number') this.time.announced = next
    return this.context.takeSent().map(({ value }) => value as Uint8Array)
  }
}

class Second {
  readonly context: FakeContext
  readonly operator: GlobalFinalOperator
  readonly state: FakeState
  #rows: string[] = []

  constructor(spec: GlobalAggregateSpec, caching = false, state = new FakeState()) {
    this.state = state
    this.context = new FakeContext({ state, caching })
    this.operator = new GlobalFinalOperator(spec)
    this.operator.next = {
      process: (key, change, timestamp) => {
        const { end } = (key as Windowed<null>).window
        const { newValue, oldValue } = change as Change<Record<string, number>>
        const [now, before] = [newValue, oldValue].map((row) => row && Object.values(row).join())
        this.#rows.push(`${end}: ${now} (${before}) @${timestamp}`)
      },
    }
  }

  async take(...messages: readonly Uint8Array[]): Promise<string[]> {
    for (const message of messages) {
      await this.context.settle()
      this.operator.process(null, message)
    }
    await this.context.settle()
    return this.rows()
  }

  rows(): string[] {
    const rows = this.#rows
    this.#rows = []
    return rows
  }

  commit(): string[] {
    this.operator.flush()
    this.state.seal()
    return this.rows()
  }
}

async function pair(spec: GlobalAggregateSpec, caching = false): Promise<[First, Second]> {
  const [first, second] = [new First(spec), new Second(spec, caching)]
  await first.operator.init(first.context)
  await second.operator.init(second.context)
  return [first, second]
}

function typesOf(spec: GlobalAggregateSpec, messages: readonly Uint8Array[]): string[] {
  const reader = new GlobalMessages(new RowAggregation('g', spec.aggregators), 'g')
  return messages.map((message) => {
    let type = ''
    reader.read(
      message,
      ({ pane, at, fresh }) => {
        type = `partial ${pane} at ${at}, ${fresh} new`
        return undefined
      },
      ({ mark }) => {
        type = `mark ${mark}`
      }
    )
    return type
  })
}

test('a final partial is sent when its pane has passed, and when it changes later', async () => {
  const spec = specOf([10, 10], 'final')
  const [first] = await pair(spec)
  expect(first.commit()).toEqual([])
  expect(typesOf(spec, first.commit('empty'))).toEqual(['mark empty'])
  first.visit(3, 'a')
  first.visit(4, 'b')
  expect(typesOf(spec, first.commit(4))).toEqual(['mark 4'])
  expect(typesOf(spec, first.commit(4))).toEqual([])
  first.visit(12, 'a')
  expect(typesOf(spec, first.commit(12))).toEqual(['partial 0 at 2, 2 new', 'mark 12'])
  // Of the first pane nothing was written, for it came and went before the commit; the second has
  // a record and a block of members.
  expect(first.state.entries.size).toBe(2)
})

test('members are written once, in blocks, and are there again after a restart', async () => {
  const spec = specOf([10, 10], 'final', false)
  const [first] = await pair(spec)
  for (let i = 0; i < 5_000; i++) first.visit(3, `session-${i}`)
  first.commit(3)
  const blocks = [...first.state.entries.keys()].filter((key) => key.includes('\x01\x01'))
  expect(blocks.length).toBeGreaterThan(3)
  expect(blocks.length).toBeLessThan(10)
  for (const bytes of first.state.entries.values()) expect(bytes.length).toBeLessThan(20_000)
  for (let i = 4_990; i < 5_010; i++) first.visit(4, `session-${i}`)
  first.commit(4)

  const again = new First(spec, new FakeState(first.state.entries))
  again.time.announced = 4
  await again.operator.init(again.context)
  again.visit(5, 'session-1')
  again.visit(6, 'new')
  const [, second] = await pair(spec)
  again.visit(20, 'later')
  expect(await second.take(...again.commit(20))).toEqual(['10: 5022,5011,0 (null) @10'])
  // The commit that has closed the window has deleted its partial, too.
  expect(again.state.entries.size).toBe(2)
})

test('a member that came twice counts once', async () => {
  const spec = specOf([10, 10], 'final', false)
  const [first, second] = await pair(spec)
  for (const session of ['a', 'b', 'a']) first.visit(3, session)
  const [partial = new Uint8Array(), mark = new Uint8Array()] = first.commit(12)
  expect(await second.take(partial, partial, mark)).toEqual(['10: 3,2,0 (null) @10'])
})

test('a pane between two ends goes when its own end is closed, no sooner', async () => {
  const spec = specOf([10, 6], 'final', false)
  const [first, second] = await pair(spec)
  first.visit(1, 'a')
  const rows = await second.take(...first.commit(3))
  first.visit(3, 'b')
  first.visit(1, 'c')
  rows.push(...(await second.take(...first.commit(5))))
  first.visit(3, 'd')
  first.visit(30, 'e')
  rows.push(...(await second.take(...first.commit(30))))
  expect(rows).toEqual(['4: 3,3,0 (null) @4', '10: 4,4,0 (null) @10'])
  expect([...first.state.entries]).toHaveLength(2)
})

test('updates are sent with every commit, and members only once', async () => {
  const spec = specOf([10, 10], 'updates')
  const [first, second] = await pair(spec)
  first.visit(3, 'a')
  const [one = new Uint8Array()] = first.commit()
  first.visit(4, 'a')
  const [two = new Uint8Array()] = first.commit()
  expect(two.length).toBeLessThan(one.length)
  expect(await second.take(one, two)).toEqual(['10: 1,1,0 (null) @3', '10: 2,1,0 (1,1,0) @4'])
})

test('with caching the final task sends one update per window and commit', async () => {
  const [first, second] = await pair(specOf([10, 5], 'updates'), true)
  first.visit(3, 'a', 5)
  const one = first.commit()
  first.visit(7, 'b', 6)
  expect(await second.take(...one, ...first.commit(7))).toEqual(['5: 1,1,5 (null) @3'])
  expect(second.commit()).toEqual(['10: 2,2,11 (null) @7', '15: 1,1,6 (null) @7'])
})

test('windows without data have rows if asked for, and are passed over if not', async () => {
  for (const [emptyWindows, ends] of [
    [true, ['10', '20', '30', '40']],
    [false, ['10', '40']],
  ] as const) {
    const [first, second] = await pair(specOf([10, 10], 'final', emptyWindows))
    first.visit(3, 'a')
    first.visit(35, 'b')
    const rows = await second.take(...first.commit(49))
    expect(rows.map((row) => row.split(':')[0])).toEqual(ends)
    expect(rows[0]).toBe('10: 1,1,0 (null) @10')
    first.visit(10_000, 'c')
    const later = await second.take(...first.commit(9_999))
    expect(later).toHaveLength(emptyWindows ? 995 : 0)
  }
})

test('a partial with many members travels in messages below 256 KiB', async () => {
  const spec = specOf([10, 10], 'final')
  const [first, second] = await pair(spec)
  for (let i = 0; i < 30_000; i++) first.visit(3, `session-number-${i}`)
  const messages = first.commit(12)
  expect(messages.length).toBeGreaterThan(3)
  for (const { length } of messages) expect(length).toBeLessThan(256 * 1024)
  const fresh = typesOf(spec, messages).map((type) => Number(/(\d+) new/.exec(type)?.[1] ?? 0))
  expect(fresh.filter((n) => n > 0)).toEqual([30_000])
  expect(await second.take(...messages)).toEqual(['10: 30000,30000,0 (null) @10'])
})

test('a stale partial adds its members only, and a resend after the row is no loss', async () => {
  const spec = specOf([10, 10], 'final')
  const [, second] = await pair(spec)
  const head: Omit<PartialMessage, 'type'> = {
    producer: 0,
    pane: 0,
    end: 10,
    topic: 'in',
    partition: 0,
    at: 5,
    fresh: 5,
    n: 5,
    first: 1,
    last: 9,
    row: [0, 0, 5],
  }
  const messages = new GlobalMessages(new RowAggregation('g', aggregators), 'g')
  const write = (message: Partial<typeof head>, members: string[] = []): Uint8Array => {
    let written = new Uint8Array()
    const unsent = new MemberSet(members).tail(0)
    messages.writePartial({ ...head, ...message }, [undefined, unsent], (bytes) => {
      written = bytes.slice()
    })
    return written
  }
  const stale = write({ at: 3, row: [0, 0, 3] }, ['sb'])
  const mark = messages.writeMark({ producer: 0, mark: 12 })
  expect(await second.take(write({}, ['sa']), stale, mark)).toEqual(['10: 5,2,0 (null) @10'])
  expect(await second.take(write({ at: 9, fresh: 4 }))).toEqual([])
  expect(second.context.drops).toEqual({})
  expect(() => second.operator.process(null, Uint8Array.of(9, 9))).toThrow(/cannot read/)
})

test('1,000,000 sessions in one hour are counted exactly, and not rewritten', async () => {
  const spec = specOf([hour, 5 * minute], 'final')
  const [writes, later] = [new WriteCounts(), new WriteCounts()]
  const first = new First(spec, writes)
  const second = new Second(spec, false, later)
  await first.operator.init(first.context)
  await second.operator.init(second.context)
  const sessions = 1_000_000
  const start = 100 * hour
  const rows: string[] = []
  for (let i = 0; i < sessions; i++) {
    const t = start + Math.floor((i / sessions) * hour)
    first.visit(t, `session-${i}`)
    // Most sessions are seen twice, some of them in two panes.
    if (i >= 40_000) first.visit(t, `session-${i - 40_000}`)
    if (i % 50_000 !== 49_999) continue
    rows.push(...(await second.take(...first.commit(t))))
    second.commit()
  }
  rows.push(...(await second.take(...first.commit(start + hour))))
  const last = `${start + hour}: ${2 * sessions - 40_000},${sessions},0 (null) @${start + hour}`
  expect(rows.at(-1)).toBe(last)
  // Each member once per pane it is seen in: a set that grows is never written again.
  for (const { members, puts } of [writes, later]) {
    expect(members).toBeLessThan(sessions * 1.7)
    expect(puts).toBeLessThan(sessions / 200)
  }
  // What has come since the last commit when a pane is closed is not written at all.
  expect(writes.members).toBeGreaterThan(sessions / 2)
})

/** Takes everything, and keeps nothing. */
class WriteCounts extends FakeState {
  puts = 0
  members = 0

  override store<V>(definition: StoreDefinition<V>): KeyValueState<V> {
    const empty = super.store(definition)
    return {
      name: definition.name,
      get: () => undefined,
      getFresh: () => undefined,
      put: (_key, value) => {
        this.puts += 1
        if (value instanceof MemberBlock) this.members += value.size
      },
      delete: () => {},
      range: () => empty.range(),
    }
  }

  override seal(): [] {
    return []
  }
}
