/** Tables, and the forms that streams and tables share. */
import {
  type UntilTimeLimit,
  type UntilWindowCloses,
  untilTimeLimit,
  untilWindowCloses,
} from '../../../src/index.ts'
import { CaseError, type NodeFields } from '../case.ts'
import { step } from '../functions/aggregators.ts'
import { joiner, pairMapper, valueMapper } from '../functions/mappers.ts'
import { predicate } from '../functions/predicates.ts'
import type { AnyKey, AnyValue } from '../functions/text.ts'
import { caseKeys, caseValues, inputTopic } from './serdes.ts'
import { type Kinds, ms, type Operators, type World } from './world.ts'

type Table = Kinds['table']

/** The types of cases are not known to the compiler: any key, any value, of serdes given here. */
const serdes = { key: caseKeys, value: caseValues } as never
const valueSerde = { value: caseValues } as never

const kinds = { inner: 'join', left: 'leftJoin', outer: 'outerJoin' } as const

export const tables: Operators = {
  table(world, fields) {
    const name = fields.text('topic')
    world.inputs.add(name)
    const from = inputTopic(name)
    const historyMs = fields.optionalNumber('versionedMs')
    if (historyMs !== undefined) {
      world.histories.set(world.storeOf(fields), { topic: name, ms: historyMs })
    }
    const isNamed = fields.optionalText('store') !== undefined || historyMs !== undefined
    const options = historyMs === undefined ? {} : { versioned: { history: ms(historyMs) } }
    const table = isNamed
      ? world.builder.table(from, world.storeOf(fields), options)
      : world.builder.table(from)
    world.put(fields.id, 'table', table as unknown as Table)
  },
  toTable(world, fields) {
    const stream = world.get(fields.text('from'), 'stream')
    world.put(fields.id, 'table', stream.toTable(world.storeOf(fields), serdes) as unknown as Table)
  },
  joinTables(world, fields) {
    const how = fields.text('how')
    if (!Object.hasOwn(kinds, how)) throw new CaseError(`unknown join '${how}'`)
    const left = world.get(fields.text('left'), 'table')
    const right = world.get(fields.text('right'), 'table')
    const call = joiner(fields.text('joiner'))
    const meet = (one: AnyValue, other: AnyValue, key: AnyKey) => call(one, other, key)
    const join = left[kinds[how as keyof typeof kinds]].bind(left) as typeof left.outerJoin
    put(world, fields, join(right as never, meet) as Table)
  },
  fkJoin(world, fields) {
    const isLeft = fields.text('how') === 'left'
    const left = world.get(fields.text('left'), 'table')
    const right = world.get(fields.text('right'), 'table')
    const call = joiner(fields.text('joiner'))
    const meet = (one: AnyValue, other: AnyValue, key: AnyKey) => call(one, other, key)
    const joined = isLeft
      ? left.leftJoin(fields.id, right as never, foreignKey, meet)
      : left.join(fields.id, right as never, foreignKey, meet)
    put(world, fields, joined as Table)
  },
  toStream(world, fields) {
    world.put(fields.id, 'stream', world.get(fields.text('from'), 'table').toStream())
  },
}

/** Operators of tables that streams have too, under the same name. */
export const tableForms: Operators = {
  filter(world, fields) {
    put(world, fields, from(world, fields).filter(predicate(fields.text('pred'))))
  },
  filterNot(world, fields) {
    put(world, fields, from(world, fields).filterNot(predicate(fields.text('pred'))))
  },
  mapValues(world, fields) {
    const mapper = valueMapper(fields.text('fn'))
    const mapped = from(world, fields).mapValues((value, key): AnyValue => mapper(value, key))
    put(world, fields, mapped as Table)
  },
  suppress(world, fields) {
    put(world, fields, from(world, fields).suppress(fields.id, untilOf(fields) as UntilTimeLimit))
  },
  groupBy(world, fields) {
    const map = pairMapper(fields.text('fn'))
    const select = (value: AnyValue, key: AnyKey) => map(value, key)
    const grouped = from(world, fields).groupBy(select, { value: caseValues } as never)
    world.put(fields.id, 'groupedTable', grouped as unknown as Kinds['groupedTable'])
  },
}

function untilOf(fields: NodeFields): UntilTimeLimit | UntilWindowCloses {
  const maxRecords = fields.optionalNumber('maxRecords')
  const limits = maxRecords === undefined ? {} : { maxRecords }
  if (fields.text('mode') === 'untilWindowCloses') {
    return untilWindowCloses({ ...limits, closing: 'kafka-streams' })
  }
  const whenFull = fields.optionalText('whenFull') === 'shutDown' ? 'stop' : 'emit-early'
  return untilTimeLimit(ms(fields.number('ms')), { ...limits, whenFull })
}

/** Of groups of rows. */
export const tableAggregates: Operators = {
  count(world, fields) {
    const table = groups(world, fields).count(world.storeOf(fields))
    world.put(fields.id, 'table', table as unknown as Table)
  },
  reduce(world, fields) {
    const [add, remove] = [step(fields.text('adder')), step(fields.text('subtractor'))]
    const table = groups(world, fields).reduce(world.storeOf(fields), add, remove)
    world.put(fields.id, 'table', table as unknown as Table)
  },
  aggregate(world, fields) {
    const init = fields.value('init')
    const [add, remove] = [step(fields.text('adder')), step(fields.text('subtractor'))]
    const table = groups(world, fields).aggregate<AnyValue, AnyValue, AnyValue>(
      world.storeOf(fields),
      () => init,
      (kept, value) => add(kept, value),
      (kept, value) => remove(kept, value),
      valueSerde
    )
    world.put(fields.id, 'table', table as unknown as Table)
  },
}

/** The text before the first bar. */
function foreignKey(value: AnyValue): string | null {
  const text = String(value)
  const end = text.indexOf('|')
  return end < 0 ? null : text.slice(0, end)
}

/** Under the node's id; in a store if the case names one. */
function put(world: World, fields: NodeFields, table: Table): void {
  const isStored = fields.optionalText('store') !== undefined
  const kept = isStored ? table.stored(world.storeOf(fields), valueSerde) : table
  world.put(fields.id, 'table', kept)
}

function from(world: World, fields: NodeFields): Table {
  return world.get(fields.text('from'), 'table')
}

function groups(world: World, fields: NodeFields): Kinds['groupedTable'] {
  return world.get(fields.text('from'), 'groupedTable')
}
