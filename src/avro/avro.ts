/** Avro without a frame: bare binary, whose schema both sides know from elsewhere. */
import { readsInPlace } from '../serde/in-place.ts'
import type { Serde } from '../serde/serde.ts'
import { onlyFields } from './fields.ts'
import { AvroInput } from './input.ts'
import { AvroOutput } from './output.ts'
import { compileReading, type Read, type ReadingOptions } from './reading.ts'
import { type AvroSchema, parseSchema } from './schema.ts'
import { compileWriting } from './writing.ts'

export interface AvroOptions extends ReadingOptions {
  /**
   * The schema that the bytes are written with, if it is another one: they are read by Avro's rules
   * of resolution, so that fields may have come, gone or been renamed.
   */
  readonly writer?: AvroSchema
  /**
   * Paths of the fields that are wanted, such as `['sessionId', 'basket.total?']`; what else there
   * is goes undecoded. A schema may lack those that end in `?`. Default: all.
   */
  readonly fields?: readonly string[]
}

/**
 * Values by an Avro schema, in Avro's binary form without a frame.
 *
 *     const readings = avro<{ id: string; celsius: number }>({
 *       type: 'record',
 *       name: 'Reading',
 *       fields: [
 *         { name: 'id', type: 'string' },
 *         { name: 'celsius', type: 'double' },
 *       ],
 *     })
 *     topic('readings', { key: string(), value: readings })
 *
 * Records are objects, maps too; bytes and fixed are a Uint8Array, decimals exact text such as
 * `'184.90'`, and a value of a union is the value alone. A long beyond ±(2^53 − 1) is refused, as
 * is a record with bytes left over, which tell of another schema. Throws an AvroSchemaError,
 * `MILLRACE_SCHEMA_INVALID`.
 */
export function avro<T>(schema: AvroSchema, options: AvroOptions = {}): Serde<T> {
  const own = parseSchema(schema)
  const writer = options.writer === undefined ? own : parseSchema(options.writer)
  const wanted = options.fields === undefined ? own : onlyFields(own, options.fields)
  const read = compileReading(writer, wanted, options)
  const write = compileWriting(writer)
  const output = new AvroOutput()
  const inPlace = makeReader<T>(read)
  const serde: Serde<T> = Object.freeze({
    name: 'avro',
    serialize(value: T) {
      output.start()
      write(output, value)
      return output.finish()
    },
    deserialize: (bytes: Uint8Array) => inPlace(bytes, 0, bytes.length),
  })
  return readsInPlace(serde, () => makeReader<T>(read))
}

/** All of `bytes[start, end)` is one value. */
export function makeReader<T>(read: Read): (bytes: Uint8Array, start: number, end: number) => T {
  const input = new AvroInput()
  return (bytes, start, end) => {
    input.set(bytes, start, end)
    const value = read(input) as T
    input.expectEnd()
    return value
  }
}
