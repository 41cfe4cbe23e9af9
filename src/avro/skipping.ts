/** Steps over what nobody reads, by the schema that it was written with. */
import type { AvroInput } from './input.ts'
import type { AvroRecord, AvroType } from './schema.ts'

export type Skip = (input: AvroInput) => void

/** @param records those under way or done: schemas may contain themselves */
export function compileSkip(type: AvroType, records: Map<AvroRecord, { skip: Skip }>): Skip {
  switch (type.kind) {
    case 'null':
      return () => {}
    case 'boolean':
      return (input) => void input.boolean()
    case 'int':
    case 'long':
    case 'enum':
      return (input) => input.skipLong()
    case 'float':
      return (input) => input.skip(4)
    case 'double':
      return (input) => input.skip(8)
    case 'bytes':
    case 'string':
      return (input) => input.skipBytes()
    case 'fixed':
      return (input) => input.skip(type.size)
    case 'decimal':
      return compileSkip(type.on, records)
    case 'array':
      return skipItems(compileSkip(type.items, records))
    case 'map': {
      const value = compileSkip(type.values, records)
      return skipItems((input) => {
        input.skipBytes()
        value(input)
      })
    }
    case 'union':
      return skipChosen(type.branches.map((branch) => compileSkip(branch, records)))
    case 'record':
      return skipRecord(type, records)
  }
}

function skipItems(item: Skip): Skip {
  return (input) => {
    for (let count = input.blockToSkip(); count > 0; count = input.blockToSkip()) {
      for (let i = 0; i < count; i++) item(input)
    }
  }
}

function skipChosen(branches: readonly Skip[]): Skip {
  return (input) => {
    const index = input.long()
    const skip = branches[index]
    if (skip === undefined) throw new TypeError(`Avro: a union has no branch ${index}`)
    skip(input)
  }
}

function skipRecord(record: AvroRecord, records: Map<AvroRecord, { skip: Skip }>): Skip {
  const found = records.get(record)
  if (found !== undefined) return (input) => found.skip(input)
  const made: { skip: Skip } = { skip: () => {} }
  records.set(record, made)
  const fields = record.fields.map(({ type }) => compileSkip(type, records))
  made.skip = (input) => {
    for (const skip of fields) skip(input)
  }
  return made.skip
}
