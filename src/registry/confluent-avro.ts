/**
 * Avro in Confluent's frame, which says by which schema of a registry a record is written.
 *
 *     ┌───┬──────────────┬──────────────────
 *     │ 0 │ id, 4 bytes  │ Avro's binary form
 *     └───┴──────────────┴──────────────────
 */
import type { AvroOptions } from '../avro/avro.ts'
import { onlyFields } from '../avro/fields.ts'
import { AvroInput } from '../avro/input.ts'
import { AvroOutput } from '../avro/output.ts'
import { compileReading, type Read } from '../avro/reading.ts'
import { type AvroSchema, type AvroType, parseSchema } from '../avro/schema.ts'
import { compileWriting } from '../avro/writing.ts'
import { NotReadyError, TopologyError } from '../errors.ts'
import type { BytesReader } from '../record.ts'
import { readsInPlace } from '../serde/in-place.ts'
import type { Serde } from '../serde/serde.ts'
import { untilSettled } from '../until-settled.ts'
import type { Compatibility } from './client.ts'
import type { SchemaRegistry } from './schema-registry.ts'

export interface ConfluentAvroOptions extends Omit<AvroOptions, 'writer'> {
  /**
   * What values are written by, and what they are seen as, whatever they were written by. Default:
   * they are only read, and as they were written.
   */
  readonly schema?: AvroSchema
  /** Where that is registered; a topic's values usually are under `<topic>-value`. */
  readonly subject?: string
  /** What the subject promises its readers, if nobody has said so yet. Default FULL_TRANSITIVE. */
  readonly compatibility?: Compatibility
}

export interface ConfluentAvro<T> extends Serde<T> {
  /**
   * Registers the schema now instead of with the first value that is written, and answers with its
   * id. Waits for the registry; rejects with `MILLRACE_SCHEMA_…` if the subject does not take it.
   */
  register(options?: RegisterOptions): Promise<number>
}

export interface RegisterOptions {
  /** Ends the waiting: `register` rejects. */
  readonly signal?: AbortSignal
  /** Told why, before each wait. */
  readonly onWait?: (reason: string) => void
}

const headerBytes = 5

/**
 * Values in Avro by schemas of a registry.
 *
 *     const schema = {
 *       type: 'record',
 *       name: 'Payment',
 *       fields: [{ name: 'cents', type: 'long' }],
 *     }
 *     const subject = 'payments-value'
 *     const payments = confluentAvro<{ cents: number }>(registry, { schema, subject })
 *     topic('payments', { key: string(), value: payments })
 *
 * Values are those of `avro`. Records wait while their schema is fetched, which is done once, and
 * for as long as the registry does not answer; those that are not in this form, or by a schema that
 * the registry does not know, are rejected as `decode`.
 */
export function confluentAvro<T>(
  registry: SchemaRegistry,
  options: ConfluentAvroOptions = {}
): ConfluentAvro<T> {
  const own = options.schema === undefined ? undefined : parseSchema(options.schema)
  const write = own === undefined ? undefined : compileWriting(own)
  const idOf = registering(registry, options)
  const output = new AvroOutput()
  const reads = new Reads(registry, options, own)
  const serde: ConfluentAvro<T> = Object.freeze({
    name: 'confluent-avro',
    serialize(value: T) {
      const id = idOf()
      output.start(headerBytes)
      write?.(output, value)
      const bytes = output.finish()
      bytes.writeUInt8(0, 0)
      bytes.writeUInt32BE(id, 1)
      return bytes
    },
    deserialize: (bytes: Uint8Array) => reads.value(bytes, 0, bytes.length) as T,
    register: (given: RegisterOptions = {}) => answered(idOf, given),
  })
  readsInPlace<T>(serde, () => reads.reader() as BytesReader<T>)
  return serde
}

/** Whether these bytes could be framed: JSON, for one, never begins so. */
export function isFramed(bytes: Uint8Array): boolean {
  return bytes.length >= headerBytes && bytes[0] === 0
}

/** What reads records, by the id of the schema that they were written by. */
class Reads {
  readonly #registry: SchemaRegistry
  readonly #options: ConfluentAvroOptions
  readonly #own: AvroType | undefined
  readonly #reads = new Map<number, Read>()
  readonly value: BytesReader<unknown>

  constructor(registry: SchemaRegistry, options: ConfluentAvroOptions, own: AvroType | undefined) {
    this.#registry = registry
    this.#options = options
    this.#own = own
    this.value = this.reader()
  }

  /** One for each who reads: it remembers where it is. */
  reader(): BytesReader<unknown> {
    const input = new AvroInput()
    return (bytes, start, end) => {
      const id = idIn(bytes, start, end)
      const read = this.#reads.get(id) ?? this.#make(id)
      input.set(bytes, start + headerBytes, end)
      const value = read(input)
      input.expectEnd()
      return value
    }
  }

  /** What it throws rejects the record as `decode`, unless it has to wait. */
  #make(id: number): Read {
    const writer = this.#registry.schema(id)
    const { fields } = this.#options
    const reader = this.#own ?? writer
    const wanted = fields === undefined ? reader : onlyFields(reader, fields)
    const read = compileReading(writer, wanted, this.#options)
    this.#reads.set(id, read)
    return read
  }
}

function idIn(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < headerBytes || bytes[start] !== 0) {
    throw new TypeError("A record is not in Confluent's frame: it begins with no 0 and id")
  }
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(start + 1, start + headerBytes)
  const id = (a << 24) | (b << 16) | (c << 8) | d
  if (id <= 0) throw new TypeError(`A schema of a registry never has the id ${id}`)
  return id
}

function registering(
  registry: SchemaRegistry,
  { schema, subject, compatibility = 'FULL_TRANSITIVE' }: ConfluentAvroOptions
): () => number {
  if (schema !== undefined && subject !== undefined) {
    return () => registry.idOf(subject, schema, compatibility)
  }
  return () => {
    throw new TopologyError(
      'MILLRACE_SCHEMA_MISSING',
      'confluentAvro() writes nothing without a schema and a subject: give it { schema, subject }.'
    )
  }
}

async function answered(idOf: () => number, { signal, onWait }: RegisterOptions): Promise<number> {
  for (;;) {
    signal?.throwIfAborted()
    try {
      return idOf()
    } catch (error) {
      if (!(error instanceof NotReadyError)) throw error
      onWait?.(error.message)
      await untilSettled(error.ready, signal ?? never)
    }
  }
}

const never = new AbortController().signal
