/** What the lives of all operators have in common: topics, and how an entry says its input. */
import type { StreamsBuilder } from '../../../src/dsl/streams-builder.ts'
import { topic } from '../../../src/dsl/topic.ts'
import { data } from '../../../src/serde/data.ts'
import { string } from '../../../src/serde/primitives.ts'
import type { Topology } from '../../../src/topology/topology.ts'

export interface Item {
  /** Of what else it is about. */
  readonly id: string
  readonly n: number
}

export const left = topic('left', { key: string(), value: data<Item>() })
export const right = topic('right', { key: string(), value: data<Item>() })
export const out = topic('out', {
  key: data<unknown>(),
  value: data<unknown>(),
  create: true,
  partitions: 1,
})

export type Input = readonly [from: 'left' | 'right', key: string, value: Item | null, at: number]

/** A topology with some operators, and records that make them do what they can. */
export interface Entry {
  readonly name: string
  readonly build: (builder: StreamsBuilder) => Topology | undefined
  readonly input: readonly Input[]
  /** Throws if it has not come to what it should. */
  readonly holds?: (found: Found) => void
}

/** What was committed in the end. */
export type Found = readonly (readonly [key: unknown, value: unknown, timestamp: number])[]

type Draw = (builder: StreamsBuilder) => void

export function entry(name: string, draw: Draw, input: readonly Input[]): Entry {
  const build = (builder: StreamsBuilder): undefined => {
    draw(builder)
  }
  return { name, build, input }
}

const item = (id: string, n: number): Item => ({ id, n })

/** One topic: in and out of order, some far too late, several keys; time goes far in the end. */
export const stream: readonly Input[] = [
  ['left', 'a', item('x', 1), 10_000],
  ['left', 'b', item('x', 2), 12_000],
  ['left', 'a', item('y', 3), 11_000],
  ['left', 'a', item('x', 4), 19_000],
  ['left', 'b', item('y', 5), 31_000],
  ['left', 'a', item('x', 6), 29_000],
  ['left', 'c', item('z', 7), 12_500],
  ['left', 'a', item('x', 1), 33_000],
  ['left', 'b', item('x', 9), 58_000],
  ['left', 'a', item('y', 10), 57_000],
  ['left', 'c', item('x', 11), 120_000],
  ['left', 'a', item('z', 12), 121_000],
]

/** The same in the form of a table's rows, which come and go. */
export const rows: readonly Input[] = stream.map((input, index) => {
  const [from, key, value, at] = input
  return index % 5 === 3 ? [from, key, null, at] : [from, key, value, at]
})

/** Two topics in the order of time: which one is read first after a crash is never a question. */
export const both: readonly Input[] = [
  ['right', 'x', item('p', 1), 9_000],
  ['right', 'a', item('p', 2), 9_500],
  ['left', 'a', item('x', 3), 10_000],
  ['left', 'b', item('y', 4), 11_000],
  ['right', 'a', item('q', 5), 12_000],
  ['right', 'b', item('q', 6), 13_000],
  ['left', 'a', item('y', 7), 14_000],
  ['right', 'y', item('p', 8), 21_000],
  ['left', 'c', item('x', 9), 22_000],
  ['right', 'x', null, 40_000],
  ['left', 'b', null, 60_000],
  ['right', 'a', null, 90_000],
  ['left', 'c', item('y', 10), 91_000],
  ['right', 'c', item('p', 11), 150_000],
]

/** As `both`, without rows that go. */
export const pairs: readonly Input[] = both.filter(([, , value]) => value !== null)
