/**
 * Avro schemas: from their JSON to a tree in which every name is the type that it stands for, so
 * that a recursive schema is a graph.
 */
import { MillraceError } from '../errors.ts'

/** A schema as it is in an `.avsc` file: its text, or what `JSON.parse` makes of it. */
export type AvroSchema = string | object

export interface AvroField {
  readonly name: string
  readonly aliases: readonly string[]
  readonly type: AvroType
  /** Undefined: the schema gives none. As JSON, in the form that Avro has for defaults. */
  readonly fallback: unknown
}

const primitives = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const
export type PrimitiveKind = (typeof primitives)[number]

export interface AvroRecord {
  readonly kind: 'record'
  /** With its namespace. */
  readonly name: string
  readonly aliases: readonly string[]
  /** Complete once the schema is. */
  readonly fields: readonly AvroField[]
}

export interface AvroEnum {
  readonly kind: 'enum'
  readonly name: string
  readonly aliases: readonly string[]
  readonly symbols: readonly string[]
  /** What an unknown symbol is read as. */
  readonly fallback: string | undefined
}

export interface AvroFixed {
  readonly kind: 'fixed'
  readonly name: string
  readonly aliases: readonly string[]
  readonly size: number
}

/** Exact decimals: unscaled integers, big endian, in bytes or in a fixed. */
export interface AvroDecimal {
  readonly kind: 'decimal'
  readonly scale: number
  readonly on: { readonly kind: 'bytes' } | AvroFixed
}

export type AvroType =
  | { readonly kind: PrimitiveKind }
  | AvroRecord
  | AvroEnum
  | AvroFixed
  | AvroDecimal
  | { readonly kind: 'array'; readonly items: AvroType }
  | { readonly kind: 'map'; readonly values: AvroType }
  | { readonly kind: 'union'; readonly branches: readonly AvroType[] }

/** A schema that Avro does not know, or two that do not fit together. */
export class AvroSchemaError extends MillraceError {
  constructor(what: string, options: { readonly cause?: unknown } = {}) {
    super('MILLRACE_SCHEMA_INVALID', `The Avro schema cannot be used: ${what}`, options)
  }
}

type Json = Readonly<Record<string, unknown>>

const legalName = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/
const decimalsMax = 1_000

/**
 * Throws an AvroSchemaError that says where the fault is.
 * @param others that define what the schema refers to, in any order
 */
export function parseSchema(schema: AvroSchema, others: readonly AvroSchema[] = []): AvroType {
  const parser = new Parser()
  parser.learn(others.map(jsonOf))
  return parser.type(jsonOf(schema), '', 'schema')
}

/** What messages call a type. */
export function nameOf(type: AvroType): string {
  if ('name' in type) return `${type.kind} ${type.name}`
  return type.kind === 'union' ? `union of ${type.branches.map(nameOf).join(', ')}` : type.kind
}

function jsonOf(schema: AvroSchema): unknown {
  return typeof schema === 'string' ? parsed(schema) : schema
}

/** Where a name is all there is, it is taken for JSON, too: `string` and `"string"`. */
function parsed(text: string): unknown {
  if (primitives.some((name) => name === text.trim())) return text.trim()
  try {
    return JSON.parse(text)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new AvroSchemaError(`it is no JSON: ${reason}`, { cause })
  }
}

class Parser {
  #named = new Map<string, AvroType>()

  /** Schemas that may refer to each other: those first that need none of the rest. */
  learn(schemas: readonly unknown[]): void {
    const left: unknown[] = []
    for (const schema of schemas) {
      const before = new Map(this.#named)
      try {
        this.type(schema, '', 'schema')
      } catch (error) {
        if (left.length + 1 === schemas.length) throw error
        this.#named = before
        left.push(schema)
      }
    }
    if (left.length > 0) this.learn(left)
  }

  type(schema: unknown, namespace: string, at: string): AvroType {
    if (typeof schema === 'string') return this.#reference(schema, namespace, at)
    if (Array.isArray(schema)) return this.#union(schema, namespace, at)
    if (typeof schema !== 'object' || schema === null) {
      throw new AvroSchemaError(`${at}: expected a type, got ${JSON.stringify(schema)}`)
    }
    const json = schema as Json
    const { type } = json
    switch (type) {
      case 'record':
      case 'error':
        return this.#record(json, namespace, at)
      case 'enum':
        return this.#enum(json, namespace, at)
      case 'fixed':
        return decimalOn(this.#fixed(json, namespace, at), json)
      case 'array':
        return { kind: 'array', items: this.type(json['items'], namespace, `${at}.items`) }
      case 'map':
        return { kind: 'map', values: this.type(json['values'], namespace, `${at}.values`) }
      default:
        return decimalOn(this.type(type, namespace, at), json)
    }
  }

  #reference(name: string, namespace: string, at: string): AvroType {
    const primitive = primitives.find((one) => one === name)
    if (primitive !== undefined) return { kind: primitive }
    const found = this.#named.get(qualified(name, namespace)) ?? this.#named.get(name)
    if (found === undefined) throw new AvroSchemaError(`${at}: no type is called '${name}'`)
    return found
  }

  #union(schema: readonly unknown[], namespace: string, at: string): AvroType {
    const branches = schema.map((one, index) => this.type(one, namespace, `${at}[${index}]`))
    if (branches.length === 0) throw new AvroSchemaError(`${at}: a union of nothing`)
    const names = branches.map(nameOf)
    if (new Set(names).size < names.length || branches.some(({ kind }) => kind === 'union')) {
      throw new AvroSchemaError(`${at}: a union of unions, or of a type with itself`)
    }
    return { kind: 'union', branches }
  }

  #record(json: Json, outer: string, at: string): AvroType {
    const fields: AvroField[] = []
    const { name, aliases, namespace } = named(json, outer, at)
    const record: AvroRecord = { kind: 'record', name, aliases, fields }
    this.#define(name, record, at)
    if (!Array.isArray(json['fields'])) throw new AvroSchemaError(`${at}: a record without fields`)
    for (const one of json['fields'] as readonly Json[]) {
      const field = String(one?.['name'])
      const where = `${at}.${field}`
      if (!legalName.test(field) || field.includes('.') || field === '__proto__') {
        throw new AvroSchemaError(`${where}: '${field}' is no name of a field`)
      }
      if (fields.some(({ name }) => name === field)) {
        throw new AvroSchemaError(`${where}: a field that is there twice`)
      }
      const type = this.type(one['type'], namespace, where)
      fields.push({ name: field, aliases: texts(one['aliases']), type, fallback: one['default'] })
    }
    return record
  }

  #enum(json: Json, outer: string, at: string): AvroType {
    const { name, aliases } = named(json, outer, at)
    const symbols = texts(json['symbols'])
    const fallback = json['default']
    const type: AvroEnum = {
      kind: 'enum',
      name,
      aliases,
      symbols,
      fallback: typeof fallback === 'string' ? fallback : undefined,
    }
    this.#define(name, type, at)
    return type
  }

  #fixed(json: Json, outer: string, at: string): AvroFixed {
    const { name, aliases } = named(json, outer, at)
    const size = json['size']
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
      throw new AvroSchemaError(`${at}: a fixed of the size ${JSON.stringify(size)}`)
    }
    const type: AvroFixed = { kind: 'fixed', name, aliases, size }
    this.#define(name, decimalOn(type, json), at)
    return type
  }

  #define(name: string, type: AvroType, at: string): void {
    if (this.#named.has(name)) throw new AvroSchemaError(`${at}: '${name}' is defined twice`)
    this.#named.set(name, type)
  }
}

/** A logical type that is not known, or whose numbers make no sense, is ignored, as Avro has it. */
function decimalOn(type: AvroType, json: Json): AvroType {
  if (json['logicalType'] !== 'decimal') return type
  if (type.kind !== 'bytes' && type.kind !== 'fixed') return type
  const { scale = 0, precision } = json
  if (typeof precision !== 'number' || typeof scale !== 'number') return type
  const isScale = Number.isInteger(scale) && scale >= 0 && scale <= Math.min(precision, decimalsMax)
  return isScale ? { kind: 'decimal', scale, on: type as AvroDecimal['on'] } : type
}

function named(json: Json, outer: string, at: string) {
  const { name, namespace: own } = json
  if (typeof name !== 'string' || !legalName.test(name)) {
    throw new AvroSchemaError(`${at}: ${JSON.stringify(name)} is no name of a type`)
  }
  const full = qualified(name, typeof own === 'string' ? own : outer)
  const namespace = full.slice(0, Math.max(0, full.lastIndexOf('.')))
  const aliases = texts(json['aliases']).map((alias) => qualified(alias, namespace))
  return { name: full, namespace, aliases }
}

function qualified(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}

function texts(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.filter((one) => typeof one === 'string') : []
}
