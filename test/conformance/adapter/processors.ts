/** Processors with a store of their own. */
import { keyValueStore, string } from '../../../src/index.ts'
import type { NodeFields } from '../case.ts'
import { processor, valueProcessor } from '../functions/processors.ts'
import { caseValues } from './serdes.ts'
import type { Operators, World } from './world.ts'

export const processors: Operators = {
  process(world, fields) {
    const make = processor(fields)
    const stream = world.get(fields.text('from'), 'stream')
    const next = stream.process(
      fields.id,
      { store: storeOf(world, fields) },
      (context, { store }) => make(context as unknown as Parameters<typeof make>[0], store)
    )
    world.put(fields.id, 'stream', next as never)
  },
  processValues(world, fields) {
    const make = valueProcessor(fields.text('processor'))
    const stream = world.get(fields.text('from'), 'stream')
    const stores = { store: storeOf(world, fields) }
    const next = stream.processValues(fields.id, stores, (_context, { store }) => make(store))
    world.put(fields.id, 'stream', next)
  },
}

const storeOf = (world: World, fields: NodeFields) =>
  keyValueStore(world.storeOf(fields), { key: string(), value: caseValues })
