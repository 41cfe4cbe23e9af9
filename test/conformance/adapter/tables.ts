/** Tables, and the forms that streams and tables share. */
import type { Operators } from './world.ts'

export const tables: Operators = {
  toStream(world, fields) {
    world.put(fields.id, 'stream', world.get(fields.text('from'), 'table').toStream())
  },
}

/** Operators of tables that streams have too, under the same name. */
export const tableForms: Operators = {}
