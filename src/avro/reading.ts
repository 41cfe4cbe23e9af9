/**
 * Compiles a schema that bytes were written with, and the one that somebody wants to see, into one
 * function: what is not wanted is stepped over, what was renamed is found, what is missing has its
 * default (the rules of "Schema Resolution" in Avro's specification).
 *
 *     writer, reader ──compile()──▶ Read ──input──▶ value
 *
 * Why not a library: `avsc` is exact to 2^52, and reads longs beyond as others without a word; the
 * numerator of a row is promised to 2^53 − 1. It does not look at the end of the bytes, and loops
 * over counts that nobody has written. Its records are instances of classes, which stores refuse. A
 * test compares the two where they should agree, and shows where they do not.
 */
import { decimalText } from './decimal.ts'
import type { AvroInput } from './input.ts'
import type { AvroEnum, AvroRecord, AvroType } from './schema.ts'
import { AvroSchemaError, nameOf } from './schema.ts'
import { compileSkip, type Skip } from './skipping.ts'

export type Read = (input: AvroInput) => unknown

export interface ReadingOptions {
  /**
   * A float as the double that it is (default), or as the shortest decimal that means the same
   * float: 184.91 instead of 184.91000366210938.
   */
  readonly floats?: 'exact' | 'shortest'
}

/** Throws an AvroSchemaError if nothing written by the one can be read as the other. */
export function compileReading(
  writer: AvroType,
  reader: AvroType,
  options: ReadingOptions = {}
): Read {
  return new Compiler(options).read(writer, reader, 'schema')
}

/** What a number may be read as, besides itself. */
const promotions: Readonly<Record<string, readonly string[]>> = {
  int: ['long', 'float', 'double'],
  long: ['float', 'double'],
  float: ['double'],
  string: ['bytes'],
  bytes: ['string'],
}

class Compiler {
  readonly #float: Read
  /** Records under way or done: schemas may contain themselves. */
  readonly #records = new Map<AvroRecord, Map<AvroRecord, { read: Read }>>()
  readonly #skips = new Map<AvroRecord, { skip: Skip }>()

  constructor({ floats = 'exact' }: ReadingOptions) {
    this.#float = floats === 'exact' ? (input) => input.float() : (input) => shortest(input.float())
  }

  read(writer: AvroType, reader: AvroType, at: string): Read {
    if (writer.kind === 'union') {
      return chosen(writer.branches.map((branch) => this.#orFails(branch, reader, at)))
    }
    if (reader.kind === 'union') {
      const branch = branchFor(writer, reader.branches)
      if (branch === undefined) throw unreadable(writer, reader, at)
      return this.read(writer, branch, at)
    }
    if (writer.kind === 'decimal' || reader.kind === 'decimal') {
      return this.#decimal(writer, reader, at)
    }
    if (writer.kind === 'record' && reader.kind === 'record') {
      return this.#record(writer, reader, at)
    }
    if (writer.kind === 'enum' && reader.kind === 'enum') return enumRead(writer, reader)
    if (writer.kind === 'array' && reader.kind === 'array') {
      return arrayRead(this.read(writer.items, reader.items, `${at}.items`))
    }
    if (writer.kind === 'map' && reader.kind === 'map') {
      return mapRead(this.read(writer.values, reader.values, `${at}.values`))
    }
    if (writer.kind === 'fixed' && reader.kind === 'fixed' && writer.size === reader.size) {
      return (input) => input.fixed(writer.size)
    }
    const isSame = writer.kind === reader.kind && writer.kind !== 'fixed'
    if (!isSame && promotions[writer.kind]?.includes(reader.kind) !== true) {
      throw unreadable(writer, reader, at)
    }
    return this.#plain(writer.kind, reader.kind)
  }

  /** Only who meets the branch is told that it cannot be read. */
  #orFails(branch: AvroType, reader: AvroType, at: string): Read {
    try {
      return this.read(branch, reader, at)
    } catch (error) {
      if (!(error instanceof AvroSchemaError)) throw error
      return () => {
        throw error
      }
    }
  }

  #plain(writer: AvroType['kind'], reader: AvroType['kind']): Read {
    if (writer === 'string' && reader === 'bytes') return (input) => input.bytes()
    if (writer === 'bytes' && reader === 'string') return (input) => input.string()
    switch (writer) {
      case 'boolean':
        return (input) => input.boolean()
      case 'int':
        return (input) => input.int()
      case 'long':
        return (input) => input.long()
      case 'float':
        return this.#float
      case 'double':
        return (input) => input.double()
      case 'bytes':
        return (input) => input.bytes()
      case 'string':
        return (input) => input.string()
      default:
        return () => null
    }
  }

  #decimal(writer: AvroType, reader: AvroType, at: string): Read {
    const [from, to] = [bytesUnder(writer), bytesUnder(reader)]
    const bytes = this.read(from, to, at)
    if (reader.kind !== 'decimal') return bytes
    const { scale } = reader
    if (writer.kind === 'decimal' && writer.scale !== scale) throw unreadable(writer, reader, at)
    return (input) => decimalText(bytes(input) as Uint8Array, scale)
  }

  #record(writer: AvroRecord, reader: AvroRecord, at: string): Read {
    const known = this.#records.get(writer) ?? new Map<AvroRecord, { read: Read }>()
    this.#records.set(writer, known)
    const found = known.get(reader)
    if (found !== undefined) return (input) => found.read(input)
    const made: { read: Read } = { read: () => null }
    known.set(reader, made)
    made.read = this.#recordRead(writer, reader, at)
    return made.read
  }

  #recordRead(writer: AvroRecord, reader: AvroRecord, at: string): Read {
    const missing = reader.fields.filter((field) => fieldOf(writer, field) === undefined)
    const template: Record<string, unknown> = {}
    for (const { name } of reader.fields) template[name] = null
    const defaults = missing.map(({ name, type, fallback }) => {
      if (fallback !== undefined) return [name, defaultOf(type, fallback, `${at}.${name}`)] as const
      throw new AvroSchemaError(`${at}: it was written without '${name}', which has no default`)
    })
    const steps = writer.fields.map((field) => {
      const wanted = reader.fields.find((one) => fieldOf(writer, one) === field)
      const where = `${at}.${field.name}`
      if (wanted === undefined) return { skip: compileSkip(field.type, this.#skips) }
      return { name: wanted.name, read: this.read(field.type, wanted.type, where) }
    })
    return (input) => {
      const record = { ...template }
      for (const [name, make] of defaults) record[name] = make()
      for (const step of steps) {
        if ('skip' in step) step.skip(input)
        else record[step.name] = step.read(input)
      }
      return record
    }
  }
}

/** By its name, or by one that the reader knows from earlier. */
function fieldOf(writer: AvroRecord, wanted: AvroRecord['fields'][number]) {
  const names = [wanted.name, ...wanted.aliases]
  return writer.fields.find(({ name }) => names.includes(name))
}

function chosen(branches: readonly Read[]): Read {
  return (input) => {
    const index = input.long()
    const read = branches[index]
    if (read === undefined) throw new TypeError(`Avro: a union has no branch ${index}`)
    return read(input)
  }
}

/** The branch of the same kind and name, else of the same kind, else what it can be read as. */
function branchFor(writer: AvroType, branches: readonly AvroType[]): AvroType | undefined {
  const { kind } = writer
  const same = branches.filter((branch) => branch.kind === kind)
  const named = same.find((branch) => nameOf(branch) === nameOf(writer))
  return (
    named ?? same[0] ?? branches.find((branch) => promotions[kind]?.includes(branch.kind) === true)
  )
}

function bytesUnder(type: AvroType): AvroType {
  return type.kind === 'decimal' ? type.on : type
}

function enumRead(writer: AvroEnum, reader: AvroEnum): Read {
  const symbols = writer.symbols.map((symbol) =>
    reader.symbols.includes(symbol) ? symbol : reader.fallback
  )
  return (input) => {
    const index = input.int()
    const symbol = symbols[index]
    if (symbol === undefined) throw new TypeError(`Avro: ${nameOf(reader)} has no symbol ${index}`)
    return symbol
  }
}

function arrayRead(item: Read): Read {
  return (input) => {
    const items: unknown[] = []
    for (let count = input.block(); count > 0; count = input.block()) {
      for (let i = 0; i < count; i++) items.push(item(input))
    }
    return items
  }
}

function mapRead(value: Read): Read {
  return (input) => {
    const entries: [string, unknown][] = []
    for (let count = input.block(); count > 0; count = input.block()) {
      for (let i = 0; i < count; i++) entries.push([input.string(), value(input)])
    }
    return Object.fromEntries(entries)
  }
}

/** Makes the value of a default: Avro writes bytes as text, and means the first of a union. */
function defaultOf(type: AvroType, json: unknown, at: string): () => unknown {
  const wrong = (): AvroSchemaError =>
    new AvroSchemaError(`${at}: ${JSON.stringify(json)} is no default of ${nameOf(type)}`)
  switch (type.kind) {
    case 'union': {
      // Older schemas, and lenient registries, have defaults of other branches than the first.
      const branch = type.branches.find((one) => isDefaultOf(one, json))
      if (branch === undefined) throw wrong()
      return defaultOf(branch, json, at)
    }
    case 'record': {
      if (!isDefaultOf(type, json)) throw wrong()
      const members = json as Readonly<Record<string, unknown>>
      const fields = type.fields.map(({ name, type: inner, fallback }) => {
        const member = members[name] ?? fallback
        return [name, defaultOf(inner, member, `${at}.${name}`)] as const
      })
      return () => Object.fromEntries(fields.map(([name, make]) => [name, make()]))
    }
    case 'bytes':
    case 'fixed':
      if (!isDefaultOf(type, json)) throw wrong()
      return () => Uint8Array.from(Buffer.from(json as string, 'latin1'))
    case 'decimal':
      if (!isDefaultOf(type, json)) throw wrong()
      return () => decimalText(Buffer.from(json as string, 'latin1'), type.scale)
    default:
      if (!isDefaultOf(type, json)) throw wrong()
      return () => structuredClone(json)
  }
}

function isDefaultOf(type: AvroType, json: unknown): boolean {
  switch (type.kind) {
    case 'null':
      return json === null
    case 'boolean':
      return typeof json === 'boolean'
    case 'int':
    case 'long':
      return Number.isSafeInteger(json)
    case 'float':
    case 'double':
      return typeof json === 'number'
    case 'array':
      return Array.isArray(json)
    case 'record':
    case 'map':
      return typeof json === 'object' && json !== null && !Array.isArray(json)
    case 'enum':
      return typeof json === 'string' && type.symbols.includes(json)
    case 'union':
      return type.branches.some((branch) => isDefaultOf(branch, json))
    default:
      return typeof json === 'string'
  }
}

/** Six digits are always kept by a float, nine tell all of them apart. */
function shortest(float: number): number {
  for (let digits = 6; digits <= 9; digits++) {
    const shorter = Number(float.toPrecision(digits))
    if (Object.is(Math.fround(shorter), float)) return shorter
  }
  return float
}

function unreadable(writer: AvroType, reader: AvroType, at: string): AvroSchemaError {
  return new AvroSchemaError(
    `${at}: what is written as ${nameOf(writer)} cannot be read as ${nameOf(reader)}`
  )
}
