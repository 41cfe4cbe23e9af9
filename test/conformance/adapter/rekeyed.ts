/** Where Kafka Streams repartitions by itself, before a join, and the DSL wants to be told. */
import type { NodeFields } from '../case.ts'
import { caseKeys, caseValues } from './serdes.ts'
import type { Kinds, World } from './world.ts'

const changing = new Set(['map', 'selectKey', 'flatMap', 'process'])
const settling = new Set(['stream', 'repartition', 'toStream', 'joinStreams'])

/** Whether the keys of a stream may have changed since its records lay in a topic. */
export function isRekeyed(world: World, id: string): boolean {
  const fields = world.fieldsOf(id)
  if (changing.has(fields.op)) return true
  if (settling.has(fields.op)) return false
  return ['from', 'left', 'right'].some(
    (name) => fields.has(name) && isRekeyed(world, fields.text(name))
  )
}

/** A side of a join, where it can be joined. `keepsNullKeys`: the join has a use for them. */
export function joinable(
  world: World,
  join: NodeFields,
  side: 'left' | 'right',
  keepsNullKeys: boolean
): Kinds['stream'] {
  const id = join.text(side)
  const stream = world.get(id, 'stream')
  if (!isRekeyed(world, id)) return stream
  const nullKeys = keepsNullKeys ? 'keep' : 'drop'
  const options = { key: caseKeys, value: caseValues, nullKeys } as never
  return stream.repartition(`${join.id}-${side}`, options)
}
