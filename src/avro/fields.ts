/** Of a schema, the part that somebody reads: the rest of each record is stepped over. */
import { type AvroField, type AvroRecord, AvroSchemaError, type AvroType } from './schema.ts'

/**
 * The schema with the fields at these paths, dotted as in `basket.total`; they lead through records
 * and unions of them. Throws an AvroSchemaError for one that leads nowhere, unless it ends in `?`.
 */
export function onlyFields(type: AvroType, paths: readonly string[]): AvroType {
  const missing = paths.filter((path) => !path.endsWith('?') && !leads(type, namesOf(path)))
  if (missing.length > 0) throw new AvroSchemaError(`it has no field ${missing.join(', ')}`)
  return narrowed(type, paths.map(namesOf))
}

function namesOf(path: string): readonly string[] {
  return path.replace(/\?$/, '').split('.')
}

function narrowed(type: AvroType, paths: readonly (readonly string[])[]): AvroType {
  if (paths.some(({ length }) => length === 0)) return type
  if (type.kind === 'union') {
    return { kind: 'union', branches: type.branches.map((branch) => narrowed(branch, paths)) }
  }
  return type.kind === 'record' ? { ...type, fields: fieldsAt(type, paths) } : type
}

function fieldsAt({ fields }: AvroRecord, paths: readonly (readonly string[])[]) {
  return fields.flatMap((field): readonly AvroField[] => {
    const into = paths.filter(([head]) => head === field.name).map(([, ...rest]) => rest)
    return into.length === 0 ? [] : [{ ...field, type: narrowed(field.type, into) }]
  })
}

function leads(type: AvroType, [head, ...rest]: readonly string[]): boolean {
  if (head === undefined) return true
  if (type.kind === 'union') return type.branches.some((branch) => leads(branch, [head, ...rest]))
  if (type.kind !== 'record') return false
  return type.fields.some((field) => field.name === head && leads(field.type, rest))
}
