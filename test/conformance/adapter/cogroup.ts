/** Several grouped streams in one aggregate. */
import type { CogroupedStream, Serde } from '../../../src/index.ts'
import { CaseError, type CaseValue, type NodeFields } from '../case.ts'
import { step } from '../functions/aggregators.ts'
import type { AnyValue } from '../functions/text.ts'
import { caseValues } from './serdes.ts'
import { windowsOf } from './windows.ts'
import type { Kinds, Operators, World } from './world.ts'

export const cogroups: Operators = {
  cogroup(world, fields) {
    const init = fields.value('init')
    const start = (): CaseValue => init
    const options = { value: caseValues as Serde<AnyValue> }
    const name = world.storeOf(fields)
    const table = fields.has('windows')
      ? windowed(world, fields, name, start, options)
      : together(world, fields).aggregate(name, start, options)
    world.put(fields.id, 'table', table as unknown as Kinds['table'])
  },
}

function together(world: World, fields: NodeFields): CogroupedStream<string, AnyValue> {
  const [first, ...others] = fields.list('groups').map((group) => ({
    stream: world.get(group.text('from'), 'grouped'),
    add: step(group.text('adder')),
  }))
  if (first === undefined) throw new CaseError('a cogroup has no groups')
  const start = first.stream.cogroup<AnyValue, AnyValue>((kept, value) => first.add(kept, value))
  return others.reduce(
    (all, { stream, add }) => all.and(stream, (kept, value): AnyValue => add(kept, value)),
    start
  )
}

function windowed(
  world: World,
  fields: NodeFields,
  name: string,
  init: () => CaseValue,
  options: { readonly value: Serde<AnyValue> }
): unknown {
  const windows = windowsOf(fields.object('windows'))
  const all = together(world, fields)
  if (windows.shape !== 'session') return all.windowedBy(windows).aggregate(name, init, options)
  const merge = step(fields.text('merger'))
  return all
    .windowedBy(windows)
    .aggregate<AnyValue>(name, init, (earlier, later) => merge(earlier, later), options)
}
