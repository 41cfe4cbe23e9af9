import { describe, expect, it } from 'vitest'
import {
  aggregateDefinition,
  EntryKeys,
  type Kept,
  type Reserved,
} from '../../src/operators/aggregate-entries.ts'
import { makeAggregation } from '../../src/operators/aggregation.ts'
import { WindowRows } from '../../src/operators/window-rows.ts'
import { FakeState } from '../simulation/fake-state.ts'

const sizeMs = 10
const counting = makeAggregation('n', { kind: 'count' })

function windowRows(): WindowRows {
  const definition = aggregateDefinition<Reserved>({ name: 'n', logged: true }, counting, {
    cached: false,
  })
  return new WindowRows({
    store: new FakeState().store(definition),
    keys: new EntryKeys(counting),
    endOf: (start) => start + sizeMs,
    userKey: (key) => key,
    olderUpTo: -1,
  })
}

function add(rows: WindowRows, start: number, key: string): Kept {
  const row = rows.row(rows.window(start), key, key)
  row.state = 1
  rows.touch(row)
  return row
}

describe('WindowRows', () => {
  it('leaves nothing in a window that goes, which would keep its rows', async () => {
    const rows = windowRows()
    const [first, second] = [rows.window(0), rows.window(sizeMs)]
    for (const key of ['a', 'b']) add(rows, 0, key)
    add(rows, sizeMs, 'a')
    rows.remove([first])
    expect([first.rows.size, first.dirty.length]).toEqual([0, 0])
    expect(second.rows.size).toBe(1)
    expect(rows.dirtyRows).toBe(1)
    await rows.removeStored(sizeMs, sizeMs)
    expect([second.rows.size, second.dirty.length, rows.dirtyRows]).toEqual([0, 0, 0])
    expect(rows.inMemory(0, sizeMs)).toEqual([])
  })

  it('begins a window anew that comes back', () => {
    const rows = windowRows()
    const before = add(rows, 0, 'a')
    rows.remove([rows.window(0)])
    expect(add(rows, 0, 'a')).not.toBe(before)
    expect(rows.inMemory(0, 0).map((window) => [...window.rows.keys()])).toEqual([['a']])
  })
})
