/** Groups of streams, and what is aggregated by key. */
import type { CaseValue, NodeFields } from '../case.ts'
import { step } from '../functions/aggregators.ts'
import { keySelector } from '../functions/mappers.ts'
import type { AnyValue } from '../functions/text.ts'
import { caseValues } from './serdes.ts'
import type { Kinds, Operators, World } from './world.ts'

/** Those that streams and tables have: see also `tables.ts`. */
export const groupings: Operators = {
  groupByKey(world, fields) {
    const stream = world.get(fields.text('from'), 'stream')
    const grouped = stream.groupByKey({ value: caseValues } as never)
    world.put(fields.id, 'grouped', grouped as unknown as Kinds['grouped'])
  },
  groupBy(world, fields) {
    const select = keySelector(fields.text('fn'))
    const stream = world.get(fields.text('from'), 'stream')
    const grouped = stream.groupBy((value, key) => select(value, key), {
      value: caseValues,
    } as never)
    world.put(fields.id, 'grouped', grouped as Kinds['grouped'])
  },
}

/** Of groups without windows: see also `windows.ts` and `tables.ts`. */
export const aggregates: Operators = {
  count(world, fields) {
    const table = grouped(world, fields).count(world.storeOf(fields))
    world.put(fields.id, 'table', table as unknown as Kinds['table'])
  },
  reduce(world, fields) {
    const add = step(fields.text('adder'))
    const table = grouped(world, fields).reduce(world.storeOf(fields), add)
    world.put(fields.id, 'table', table as unknown as Kinds['table'])
  },
  aggregate(world, fields) {
    const init = fields.value('init')
    const add = step(fields.text('adder'))
    const options = { value: caseValues } as { readonly value: never }
    const table = grouped(world, fields).aggregate<AnyValue, AnyValue>(
      world.storeOf(fields),
      (): CaseValue => init,
      (kept, value) => add(kept, value),
      options
    )
    world.put(fields.id, 'table', table as unknown as Kinds['table'])
  },
}

function grouped(world: World, fields: NodeFields): Kinds['grouped'] {
  return world.get(fields.text('from'), 'grouped')
}
