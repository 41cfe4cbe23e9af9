/** Operators without state: what comes out for what goes in. */
import { describe, expect, it } from 'vitest'
import { CounterOperator } from '../../src/operators/counter.ts'
import { FilterNotOperator, FilterOperator } from '../../src/operators/filter.ts'
import { FlatMapOperator, MapOperator } from '../../src/operators/map.ts'
import { FlatMapValuesOperator, MapValuesOperator } from '../../src/operators/map-values.ts'
import { PassThroughOperator } from '../../src/operators/pass-through.ts'
import { PeekOperator } from '../../src/operators/peek.ts'
import { SelectKeyOperator } from '../../src/operators/select-key.ts'
import { BranchOperator, SplitOperator } from '../../src/operators/split.ts'
import { TableValuesOperator } from '../../src/operators/table-values.ts'
import { ToStreamOperator } from '../../src/operators/to-stream.ts'
import { Change } from '../../src/processor/change.ts'
import type { Operator } from '../../src/processor/operator.ts'
import { collect, FakeTask, type Row } from './fake-task.ts'

const isLong = (value: unknown): boolean => (value as string).length > 1

function run(operator: Operator, records: readonly Row[]): Row[] {
  const rows = collect(operator)
  for (const [key, value, timestamp] of records) operator.process(key, value, timestamp)
  return rows
}

const records: readonly Row[] = [
  ['a', 'xy', 1],
  [null, 'z', 2],
  ['b', 'uvw', 3],
]

describe('stateless operators', () => {
  it('filter keeps what fits, filterNot the rest', () => {
    expect(run(new FilterOperator(isLong), records)).toEqual([records[0], records[2]])
    expect(run(new FilterNotOperator(isLong), records)).toEqual([records[1]])
  })

  it('map makes a new record, dated as the old one unless it says otherwise', () => {
    const map = new MapOperator((value, key) =>
      key === null ? { key: value, value: key, timestamp: 9 } : { key: value, value: key }
    )
    expect(run(map, records)).toEqual([
      ['xy', 'a', 1],
      ['z', null, 9],
      ['uvw', 'b', 3],
    ])
  })

  it('flatMap makes any number, in order', () => {
    const flatMap = new FlatMapOperator((value, key) =>
      [...(value as string)].slice(1).map((char) => ({ key: char, value: key }))
    )
    expect(run(flatMap, records)).toEqual([
      ['y', 'a', 1],
      ['v', 'b', 3],
      ['w', 'b', 3],
    ])
  })

  it('mapValues and flatMapValues keep the key', () => {
    const length = (value: unknown): number => (value as string).length
    expect(run(new MapValuesOperator(length), records)).toEqual([
      ['a', 2, 1],
      [null, 1, 2],
      ['b', 3, 3],
    ])
    const chars = new FlatMapValuesOperator((value) => [...(value as string)])
    expect(run(chars, records.slice(0, 1))).toEqual([
      ['a', 'x', 1],
      ['a', 'y', 1],
    ])
  })

  it('selectKey keeps the value', () => {
    const select = new SelectKeyOperator((value, key) => `${key}${(value as string)[0]}`)
    expect(run(select, records.slice(0, 2))).toEqual([
      ['ax', 'xy', 1],
      ['nullz', 'z', 2],
    ])
  })

  it('peek sees all, and changes nothing; merge passes all', () => {
    const seen: unknown[] = []
    const peek = new PeekOperator((value, key) => seen.push([key, value]))
    expect(run(peek, records)).toEqual(records)
    expect(seen).toEqual(records.map(([key, value]) => [key, value]))
    expect(run(new PassThroughOperator(), records)).toEqual(records)
  })

  it('passes null values to the functions of the user', () => {
    expect(run(new FilterOperator((value) => value === null), [['a', null, 1]])).toHaveLength(1)
  })

  it('toStream shows the new value of a change, null where the key has gone', () => {
    const changes: Row[] = [
      ['a', new Change(2, 1), 1],
      ['a', new Change(null, 2), 2],
    ]
    expect(run(new ToStreamOperator(), changes)).toEqual([
      ['a', 2, 1],
      ['a', null, 2],
    ])
    const shown = run(new TableValuesOperator((row) => (row as number) * 10, true), changes)
    expect(shown).toEqual([
      ['a', new Change(20, 10), 1],
      ['a', new Change(null, 20), 2],
    ])
    expect(() => new ToStreamOperator().process('a', 2, 1)).toThrow('a table sends changes')
  })

  it('counts by label, and passes on', () => {
    const task = new FakeTask()
    const byLength = new CounterOperator('lengths', (value) => String((value as string).length))
    const all = new CounterOperator('all', undefined)
    for (const operator of [byLength, all]) operator.init(task)
    expect(run(byLength, records)).toEqual(records)
    run(all, records)
    expect(Object.fromEntries(task.counters)).toEqual({
      'lengths{2}': 1,
      'lengths{1}': 1,
      'lengths{3}': 1,
      'all{}': 3,
    })
  })
})

describe('split', () => {
  function branches(predicates: readonly (((value: unknown) => boolean) | undefined)[]) {
    const split = new SplitOperator(predicates)
    const children = predicates.map((_, index) => new BranchOperator(index))
    const rows = children.map(collect)
    split.next = {
      process(key, value, timestamp) {
        for (const child of children) child.process(key, value, timestamp)
      },
    }
    return { split, rows }
  }

  it('gives a record to the first branch that takes it, and the rest to the default', () => {
    const { split, rows } = branches([isLong, (value) => value !== 'z', undefined])
    for (const [key, value, timestamp] of [...records, ['c', 'q', 4] as const]) {
      split.process(key, value, timestamp)
    }
    expect(rows).toEqual([[records[0], records[2]], [['c', 'q', 4]], [records[1]]])
  })

  it('asks no predicate twice for a record, and none after the one that takes it', () => {
    const asked: string[] = []
    const { split } = branches([
      (value) => asked.push(`first ${value}`) > 0 && value === 'a',
      (value) => asked.push(`second ${value}`) > 0,
    ])
    split.process(1, 'a', 1)
    split.process(1, 'b', 1)
    expect(asked).toEqual(['first a', 'first b', 'second b'])
  })

  it('ends what nobody takes', () => {
    const { split, rows } = branches([() => false])
    split.process('a', 'x', 1)
    expect(rows).toEqual([[]])
  })
})
