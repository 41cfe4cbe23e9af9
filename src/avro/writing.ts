/**
 * Compiles a schema into a function that writes values by it. A value that does not fit is refused
 * with the place of what is wrong; of a union, it is written as the first branch that it fits.
 */
import { decimalBytes } from './decimal.ts'
import type { AvroOutput } from './output.ts'
import type { AvroField, AvroRecord, AvroType } from './schema.ts'
import { nameOf } from './schema.ts'

type Write = (output: AvroOutput, value: unknown) => void

export function compileWriting(type: AvroType): Write {
  return compile(type, 'value', new Map())
}

/** @param records those under way or done: schemas may contain themselves */
function compile(type: AvroType, at: string, records: Map<AvroRecord, Write>): Write {
  switch (type.kind) {
    case 'union':
      return unionWrite(type, at, records)
    case 'record':
      return recordWrite(type, at, records)
    case 'array': {
      const item = compile(type.items, `${at}[]`, records)
      return checked(type, at, (output, value) => {
        const items = value as readonly unknown[]
        if (items.length > 0) output.long(items.length)
        for (const one of items) item(output, one)
        output.long(0)
      })
    }
    case 'map': {
      const member = compile(type.values, `${at}{}`, records)
      return checked(type, at, (output, value) => {
        const entries = Object.entries(value as object)
        if (entries.length > 0) output.long(entries.length)
        for (const [name, one] of entries) {
          output.string(name)
          member(output, one)
        }
        output.long(0)
      })
    }
    default:
      return checked(type, at, plainWrite(type, at))
  }
}

function plainWrite(type: AvroType, at: string): Write {
  switch (type.kind) {
    case 'boolean':
      return (output, value) => output.byte(value === true ? 1 : 0)
    case 'int':
    case 'long':
      return (output, value) => output.long(value as number)
    case 'float':
      return (output, value) => output.float(value as number)
    case 'double':
      return (output, value) => output.double(value as number)
    case 'bytes':
      return (output, value) => output.bytes(value as Uint8Array)
    case 'fixed':
      return (output, value) => output.fixed(value as Uint8Array)
    case 'string':
      return (output, value) => output.string(value as string)
    case 'enum':
      return (output, value) => output.long(type.symbols.indexOf(value as string))
    case 'decimal':
      return (output, value) => writeDecimal(output, value, type, at)
    default:
      return () => {}
  }
}

function writeDecimal(
  output: AvroOutput,
  value: unknown,
  { scale, on }: Extract<AvroType, { kind: 'decimal' }>,
  at: string
): void {
  try {
    if (on.kind === 'fixed') output.fixed(decimalBytes(value, scale, on.size))
    else output.bytes(decimalBytes(value, scale))
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new TypeError(`Avro: ${at}: '${String(value)}': ${error.message}`)
  }
}

function unionWrite(
  type: Extract<AvroType, { kind: 'union' }>,
  at: string,
  records: Map<AvroRecord, Write>
): Write {
  const branches = type.branches.map((branch) => ({
    fits: (value: unknown) => fits(branch, value),
    write: compile(branch, at, records),
  }))
  return (output, value) => {
    const index = branches.findIndex((branch) => branch.fits(value ?? null))
    const branch = branches[index]
    if (branch === undefined) throw misfit(type, value, at)
    output.long(index)
    branch.write(output, value ?? null)
  }
}

function recordWrite(type: AvroRecord, at: string, records: Map<AvroRecord, Write>): Write {
  const found = records.get(type)
  if (found !== undefined) return found
  const fields: { readonly name: string; readonly write: Write }[] = []
  const write = checked(type, at, (output, value) => {
    const members = value as Readonly<Record<string, unknown>>
    for (const { name, write: writeField } of fields) writeField(output, members[name])
  })
  records.set(type, write)
  for (const field of type.fields) {
    const { name, type: inner } = field
    fields.push({ name, write: withDefault(field, compile(inner, `${at}.${name}`, records)) })
  }
  return write
}

/** What a record does not have is written as its default, if that is as plain as values are. */
function withDefault({ fallback }: AvroField, write: Write): Write {
  if (fallback === undefined || typeof fallback === 'object') return write
  return (output, value) => write(output, value === undefined ? fallback : value)
}

function checked(type: AvroType, at: string, write: Write): Write {
  return (output, value) => {
    if (!fits(type, value)) throw misfit(type, value, at)
    write(output, value)
  }
}

function fits(type: AvroType, value: unknown): boolean {
  switch (type.kind) {
    case 'null':
      return value === null || value === undefined
    case 'boolean':
      return typeof value === 'boolean'
    case 'int':
      return typeof value === 'number' && value === (value | 0)
    case 'long':
      return Number.isSafeInteger(value)
    case 'float':
    case 'double':
      return typeof value === 'number'
    case 'string':
    case 'decimal':
      return typeof value === 'string'
    case 'enum':
      return typeof value === 'string' && type.symbols.includes(value)
    case 'bytes':
      return value instanceof Uint8Array
    case 'fixed':
      return value instanceof Uint8Array && value.length === type.size
    case 'array':
      return Array.isArray(value)
    case 'union':
      return type.branches.some((branch) => fits(branch, value))
    case 'map':
      return isObject(value)
    case 'record':
      return isObject(value) && hasFields(type, value)
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  return !Array.isArray(value) && !(value instanceof Uint8Array)
}

/** Enough to tell the records of a union apart; each field is checked when it is written. */
function hasFields(type: AvroRecord, value: Readonly<Record<string, unknown>>): boolean {
  return type.fields.every(
    ({ name, type: inner, fallback }) =>
      value[name] !== undefined || fallback !== undefined || fits(inner, null)
  )
}

function misfit(type: AvroType, value: unknown, at: string): TypeError {
  const text = value instanceof Uint8Array ? `${value.length} bytes` : JSON.stringify(value)
  return new TypeError(`Avro: ${at}: expected ${nameOf(type)}, got ${text?.slice(0, 80)}`)
}
