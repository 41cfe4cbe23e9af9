/** From an aggregator as users write it to what runs. */
import { assert } from '../assert.ts'
import { data } from '../serde/data.ts'
import type { Serde } from '../serde/serde.ts'
import { type Ability, type Aggregator, isWhere, type Member } from './aggregator.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'
import type { ExactSteps, Field } from './field.ts'
import { memberKey } from './member.ts'
import { approximateCount, quantileField } from './sketches.ts'

type Select = (value: unknown) => unknown
type Numeric = number | bigint

export function makeField(name: string, one: Aggregator<never, unknown, Ability>): Field {
  if (one.kind === 'custom') return custom(one.args[0] as Definition)
  const condition = one.args.find(isWhere)
  const select = one.args[0] as Select
  const passes = condition?.predicate as ((value: unknown) => boolean) | undefined
  const choose: Select =
    passes === undefined ? select : (value) => (passes(value) ? select(value) : undefined)
  switch (one.kind) {
    case 'count':
      return count(passes)
    case 'sum':
      return sum(name, choose, one.args.includes(0n) ? 0n : 0, [select, passes])
    case 'min':
    case 'max':
      return extreme(one.kind, name, choose, [select, passes])
    case 'mean':
      return mean(name, choose)
    case 'first':
      return single('first', choose, (kept) => kept)
    case 'last':
      return single('last', choose, (_kept, next) => next)
    case 'collect':
      return collection(name, choose, (one.args.at(-1) as { readonly max: number }).max)
    case 'distinct': {
      const member = (value: unknown): string | undefined => memberKey(choose(value) as Member)
      const same = ['distinct', select, passes]
      const exact: ExactSteps = { same, choose: member, put: (state) => state }
      return { ...counting, kind: 'distinct', member, exact }
    }
    case 'approxDistinct':
      return approximateCount((value) => memberKey(choose(value) as Member))
    case 'quantiles':
      return quantileField(
        (value) => chosenNumber(name, choose(value)),
        one.args.at(-1) as readonly number[]
      )
  }
}

const counting = {
  init: () => 0,
  add: (state: unknown) => state,
  merge: (state: unknown, other: unknown) => (state as number) + (other as number),
  result: (state: unknown) => state,
  write: (writer: ByteWriter, state: unknown) => writer.count(state as number),
  read: (reader: ByteReader) => reader.count(),
}

/** The same field with its members in the state, for states that are merged and copied whole. */
export function withMembersInside(field: Field): Field {
  const { member } = field
  if (member === undefined) return field
  return {
    kind: 'distinct, whole',
    init: () => new Set<string>(),
    add(state, value) {
      const one = member(value)
      return one === undefined ? state : (state as Set<string>).add(one)
    },
    merge(state, other) {
      for (const one of other as Set<string>) (state as Set<string>).add(one)
      return state
    },
    result: (state) => (state as Set<string>).size,
    write(writer, state) {
      const members = state as Set<string>
      writer.count(members.size)
      for (const one of members) writer.binary(one)
    },
    read: (reader) => new Set(Array.from({ length: reader.count() }, () => reader.binary())),
  }
}

function count(passes: ((value: unknown) => boolean) | undefined): Field {
  const add = (state: unknown, value: unknown): unknown =>
    passes === undefined || passes(value) ? (state as number) + 1 : state
  const remove = (state: unknown, value: unknown): unknown =>
    passes === undefined || passes(value) ? (state as number) - 1 : state
  const exact: ExactSteps = {
    same: ['count', passes],
    choose: (value) => passes === undefined || passes(value),
    put: (state, isCounted) => (isCounted === true ? (state as number) + 1 : state),
  }
  return { ...counting, kind: 'count', add, remove, exact }
}

/** @param by what is chosen is a matter of these alone */
function sum(name: string, choose: Select, zero: 0 | 0n, by: readonly unknown[]): Field {
  const addend = (value: unknown): Numeric | undefined => {
    const chosen = chosenNumber(name, choose(value))
    if (chosen !== undefined && typeof chosen !== typeof zero) throw mixed(name, typeof chosen)
    return chosen
  }
  // Adding a zero of type bigint costs as much as adding a price.
  const put = (state: unknown, one: unknown): unknown =>
    one === undefined ? state : plus(state as Numeric, one as Numeric)
  return {
    ...numeric,
    kind: typeof zero === 'bigint' ? 'sum of bigint' : 'sum',
    init: () => zero,
    add: (state, value) => put(state, addend(value)),
    // Doubles do not add up to the same in any order.
    exact: zero === 0 ? undefined : { same: ['sum', ...by], choose: addend, put },
    remove: (state, value) => plus(state as Numeric, negative(addend(value) ?? zero)),
    merge: (state, other) => plus(state as Numeric, other as Numeric),
  }
}

function extreme(kind: 'min' | 'max', name: string, choose: Select, by: readonly unknown[]): Field {
  const isMin = kind === 'min'
  const isBetter = (value: Numeric, kept: Numeric): boolean => (isMin ? value < kept : value > kept)
  const better = (kept: unknown, value: unknown): unknown => {
    if (value === null || Number.isNaN(value)) return kept
    return kept === null || isBetter(value as Numeric, kept as Numeric) ? value : kept
  }
  const number = (value: unknown): unknown => {
    const chosen = choose(value)
    return typeof chosen === 'number' ? chosen : (chosenNumber(name, chosen) ?? null)
  }
  const put = (state: unknown, chosen: unknown): unknown => {
    // By far the most; NaN is not better than any number.
    const areNumbers = typeof chosen === 'number' && typeof state === 'number'
    if (areNumbers) return isBetter(chosen, state) ? chosen : state
    return better(state, chosen)
  }
  return {
    ...numeric,
    kind,
    init: () => null,
    add: (state, value) => put(state, number(value)),
    merge: better,
    exact: { same: [kind, ...by], choose: number, put },
  }
}

interface MeanState {
  sum: Numeric
  n: number
}

function mean(name: string, choose: Select): Field {
  const addTo = (state: MeanState, total: Numeric, n: number): MeanState => {
    state.sum = state.n === 0 ? total : plus(state.sum, total)
    state.n += n
    return state
  }
  return {
    kind: 'mean',
    init: (): MeanState => ({ sum: 0, n: 0 }),
    add(state, value) {
      const chosen = chosenNumber(name, choose(value))
      if (chosen === undefined) return state
      const kept = state as MeanState
      if (kept.n > 0 && typeof chosen !== typeof kept.sum) throw mixed(name, typeof chosen)
      return addTo(kept, chosen, 1)
    },
    remove(state, value) {
      const chosen = chosenNumber(name, choose(value))
      return chosen === undefined ? state : addTo(state as MeanState, negative(chosen), -1)
    },
    merge(state, other) {
      const { sum: total, n } = other as MeanState
      return n === 0 ? state : addTo(state as MeanState, total, n)
    },
    result(state) {
      const { sum: total, n } = state as MeanState
      return n === 0 ? null : Number(total) / n
    },
    write(writer, state) {
      const { sum: total, n } = state as MeanState
      writeNumeric(writer.count(n), total)
    },
    read: (reader) => ({ n: reader.count(), sum: readNumeric(reader) }),
  }
}

/** One of all values: which of two is a matter of their order. Null: there was none. */
function single(
  kind: string,
  choose: Select,
  pick: (kept: unknown, next: unknown) => unknown
): Field {
  const either = (kept: unknown, next: unknown): unknown =>
    kept === null || next === null ? (kept ?? next) : pick(kept, next)
  return {
    kind,
    init: () => null,
    add: (state, value) => either(state, choose(value) ?? null),
    merge: either,
    result: (state) => state,
    write: (writer, state) => writer.bytes(encoded(state)),
    read: (reader) => values.deserialize(reader.bytes()),
  }
}

function collection(name: string, choose: Select, max: number): Field {
  if (!Number.isSafeInteger(max) || max < 1) {
    throw new TypeError(`'${name}' collects up to ${max}: give a whole number from 1 on`)
  }
  return {
    kind: `collect ${max}`,
    init: () => [],
    add(state, value) {
      const kept = state as unknown[]
      const chosen = kept.length < max ? choose(value) : null
      if (chosen !== null && chosen !== undefined) kept.push(chosen)
      return kept
    },
    merge(state, other) {
      const kept = state as unknown[]
      kept.push(...(other as unknown[]).slice(0, max - kept.length))
      return kept
    },
    result: (state) => Object.freeze([...(state as unknown[])]),
    write: (writer, state) => writer.bytes(encoded(state)),
    read: (reader) => values.deserialize(reader.bytes()),
  }
}

const values = data<unknown>()

function encoded(value: unknown): Uint8Array {
  return values.serialize(value) ?? new Uint8Array(0)
}

interface Definition {
  readonly init: () => unknown
  readonly add: (state: unknown, value: unknown) => unknown
  readonly merge?: (left: unknown, right: unknown) => unknown
  readonly remove?: (state: unknown, value: unknown) => unknown
  readonly result?: (state: unknown) => unknown
  readonly state?: Serde<unknown>
}

function custom(definition: Definition): Field {
  const { init, add, merge, remove, result, state: serde = data() } = definition
  const copy = (state: unknown): unknown => {
    const bytes = serde.serialize(state)
    return bytes === null ? null : serde.deserialize(bytes)
  }
  return {
    kind: `custom ${serde.name}`,
    init,
    add,
    remove,
    merge:
      merge &&
      ((state, other) => {
        const merged = merge(state, other)
        // A merge may pick one of the two; what it picked from elsewhere must not change later.
        return merged === other && typeof merged === 'object' ? copy(merged) : merged
      }),
    result: result ?? ((state) => state),
    write(writer, state) {
      const bytes = serde.serialize(state)
      if (bytes === null) writer.u8(0)
      else writer.u8(1).bytes(bytes)
    },
    read: (reader) => (reader.u8() === 0 ? null : serde.deserialize(reader.bytes())),
  }
}

const numeric = {
  result: (state: unknown) => state,
  write: (writer: ByteWriter, state: unknown) => writeNumeric(writer, state as Numeric | null),
  read: readNumeric,
}

function writeNumeric(writer: ByteWriter, value: Numeric | null): void {
  if (value === null) writer.u8(0)
  else if (typeof value === 'number') writer.u8(1).float64(value)
  else writer.u8(2).bigint(value)
}

function readNumeric(reader: ByteReader): Numeric | null {
  const tag = reader.u8()
  assert(tag <= 2, `a number is written as null, double or bigint, not as ${tag}`)
  if (tag === 0) return null
  return tag === 1 ? reader.float64() : reader.bigint()
}

function plus(left: Numeric, right: Numeric): Numeric {
  return typeof left === 'bigint' ? left + (right as bigint) : (left as number) + (right as number)
}

function negative(value: Numeric): Numeric {
  return -value
}

function chosenNumber(name: string, chosen: unknown): Numeric | undefined {
  if (chosen === null || chosen === undefined) return undefined
  if (typeof chosen === 'number' || typeof chosen === 'bigint') return chosen
  throw new TypeError(`'${name}' takes a number, a bigint or null, got a ${typeof chosen}`)
}

function mixed(name: string, type: string): TypeError {
  const way = type === 'bigint' ? 'write sum(select, 0n) for bigints' : 'answer one type always'
  return new TypeError(`'${name}' cannot add a ${type} to what it has: ${way}`)
}
