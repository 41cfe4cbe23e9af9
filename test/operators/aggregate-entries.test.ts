/** How rows lie in their store, for those who read it from outside. */
import { expect, test } from 'vitest'
import { count, distinct } from '../../src/aggregators/aggregators.ts'
import { findWindowedRows, rowEntryKey } from '../../src/operators/aggregate-entries.ts'
import { makeAggregation } from '../../src/operators/aggregation.ts'
import type { AggregationPlan } from '../../src/operators/specs.ts'
import { string } from '../../src/serde/primitives.ts'
import { WindowGrid } from '../../src/windows/grid.ts'
import { FakeState } from '../simulation/fake-state.ts'
import { concat, WindowedFixture, windowedSpec } from './windowed-fixture.ts'

test('a count is what Java writes: timestamp, then a long', async () => {
  const f = new WindowedFixture(windowedSpec([10, 10, 0], 'updates', { plan: { kind: 'count' } }))
  await f.pipe('key', 'x', 1_700_000_000_005)
  await f.pipe('key', 'x', 1_700_000_000_003)
  await f.commit()
  const entry = [...f.entries].find(([key]) => key.endsWith('key'))
  const [name, value] = entry as [string, Uint8Array]
  const start = Buffer.alloc(8)
  start.writeBigInt64BE(1_700_000_000_000n)
  expect(name).toBe(`n/${start.toString('latin1')}key`)
  expect(Buffer.from(value).readBigInt64BE(0)).toBe(1_700_000_000_005n)
  expect(Buffer.from(value).readBigInt64BE(8)).toBe(2n)
})

test.each([
  ['a value of its own', concat, '0+v'],
  [
    'named aggregates with members beside them',
    { kind: 'named', aggregators: { n: count(), all: distinct((v: string) => v) } },
    { n: 1, all: 1 },
  ],
] as const)('rows are found by key, and told from the rest: %s', async (_, plan, row) => {
  const aggregation = makeAggregation('n', plan as AggregationPlan)
  const f = new WindowedFixture(windowedSpec([10, 10, 0], 'updates', { plan }))
  await f.pipe('é', 'v', 25)
  const [, changes] = await f.commit()
  const key = rowEntryKey(aggregation, Buffer.from('é'), 20)
  expect(changes.map((change) => change.key)).toContain(`n/${key}`)
  const g = new WindowedFixture(windowedSpec([10, 10, 0], 'updates', { plan }), {
    state: new FakeState(f.entries),
  })
  const grid = new WindowGrid({ sizeMs: 10, advanceMs: 10, graceMs: 0 })
  const find = findWindowedRows(string(), aggregation, grid, () => ({ from: 0, to: 25 }))
  const entries = g.storedState()
  const wanted = [{ key: 'é', window: { start: 20, end: 30 }, value: row, timestamp: 25 }]
  for (const query of [{}, { key: 'é' }, { key: 'é', times: { from: 15, to: 20 } }]) {
    const rows: unknown[] = []
    for await (const found of find(entries, query)) rows.push(found)
    expect(rows).toEqual(wanted)
  }
  for (const query of [{ key: 'e' }, { times: { from: 0, to: 19 } }]) {
    for await (const found of find(entries, query)) expect(found).toBeUndefined()
  }
})
