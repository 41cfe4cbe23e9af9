import avsc from 'avsc'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AvroSchemaError, avro } from '../../src/index.ts'
import { inPlaceReader } from '../../src/serde/in-place.ts'

/** The examples of Avro's own specification. */
const specified: readonly [value: number, bytes: readonly number[]][] = [
  [0, [0x00]],
  [-1, [0x01]],
  [1, [0x02]],
  [-2, [0x03]],
  [2, [0x04]],
  [-64, [0x7f]],
  [64, [0x80, 0x01]],
]

const node = {
  type: 'record',
  name: 'Node',
  namespace: 'tree',
  fields: [
    { name: 'value', type: 'int' },
    { name: 'children', type: { type: 'array', items: 'Node' }, default: [] },
  ],
}

const everything = {
  type: 'record',
  name: 'Everything',
  fields: [
    { name: 'nothing', type: 'null' },
    { name: 'truth', type: 'boolean' },
    { name: 'small', type: 'int' },
    { name: 'large', type: 'long' },
    { name: 'precise', type: 'double' },
    { name: 'text', type: 'string' },
    { name: 'raw', type: 'bytes' },
    { name: 'suit', type: { type: 'enum', name: 'Suit', symbols: ['HEARTS', 'SPADES'] } },
    { name: 'id', type: { type: 'fixed', name: 'Id', size: 3 } },
    { name: 'list', type: { type: 'array', items: ['null', 'string'] } },
    { name: 'map', type: { type: 'map', values: 'long' } },
    { name: 'choice', type: ['null', 'double', 'string', 'boolean'] },
  ],
}

const values = fc.record({
  nothing: fc.constant(null),
  truth: fc.boolean(),
  small: fc.integer(),
  large: fc.maxSafeInteger(),
  precise: fc.double({ noNaN: true }),
  text: fc.string({ unit: 'binary' }),
  raw: fc.uint8Array({ maxLength: 300 }),
  suit: fc.constantFrom('HEARTS', 'SPADES'),
  id: fc.uint8Array({ minLength: 3, maxLength: 3 }),
  list: fc.array(fc.option(fc.string())),
  map: fc.dictionary(fc.string(), fc.maxSafeInteger()),
  choice: fc.oneof(fc.constant(null), fc.double({ noNaN: true }), fc.string(), fc.boolean()),
})

function written(schema: object | string, value: unknown): Uint8Array {
  return avro<unknown>(schema).serialize(value) ?? new Uint8Array(0)
}

function resolved(writer: object | string, reader: object | string, value: unknown): unknown {
  return avro<unknown>(reader, { writer }).deserialize(written(writer, value))
}

function record(...fields: readonly object[]): object {
  return { type: 'record', name: 'R', fields }
}

describe('avro', () => {
  it('writes longs as the specification shows', () => {
    for (const [value, bytes] of specified) {
      expect([...written('long', value)]).toEqual(bytes)
      expect(avro('int').deserialize(Uint8Array.from(bytes))).toBe(value)
    }
    const most = [0xfe, ...Array.from({ length: 6 }, () => 0xff), 0x1f]
    expect([...written('long', Number.MAX_SAFE_INTEGER)]).toEqual(most)
  })

  it('writes records, strings and unions as the specification shows', () => {
    const test = record({ name: 'a', type: 'long' }, { name: 'b', type: 'string' })
    const bytes = [0x36, 0x06, 0x66, 0x6f, 0x6f]
    expect([...written(test, { a: 27, b: 'foo' })]).toEqual(bytes)
    expect([...written(['null', 'string'], null)]).toEqual([0])
    expect([...written(['null', 'string'], 'a')]).toEqual([2, 2, 0x61])
    expect([...written({ type: 'array', items: 'long' }, [3, 27])]).toEqual([4, 6, 0x36, 0])
  })

  it('reads what it wrote, in place too', () => {
    const serde = avro<unknown>(everything)
    const read = inPlaceReader(serde)
    fc.assert(
      fc.property(values, (value) => {
        const bytes = serde.serialize(value) ?? new Uint8Array(0)
        expect(serde.deserialize(bytes)).toEqual(value)
        const around = Uint8Array.of(9, ...bytes, 9)
        expect(read?.(around, 1, around.length - 1)).toEqual(value)
      })
    )
  })

  it('writes what avsc writes, and reads what it reads, but for longs that it damages', () => {
    const serde = avro<unknown>(everything)
    const other = avsc.Type.forSchema(everything as avsc.Schema)
    const small = values.map((value) => ({
      ...value,
      large: Math.trunc(value.large / 4),
      raw: Buffer.from(value.raw),
      id: Buffer.from(value.id),
      map: Object.fromEntries(Object.entries(value.map).map(([name, long]) => [name, long % 1e9])),
    }))
    fc.assert(
      fc.property(small, (value) => {
        fc.pre(!Object.hasOwn(value.map, '__proto__'))
        const bytes = other.toBuffer(value)
        expect(Buffer.from(serde.serialize(value) ?? [])).toEqual(bytes)
        expect(serde.serialize(serde.deserialize(bytes))).toEqual(bytes)
        expect(other.toBuffer(other.fromBuffer(bytes))).toEqual(bytes)
      })
    )
    const beyond = -(2 ** 52) - 1
    const bytes = Buffer.from(written('long', beyond))
    expect(avro('long').deserialize(bytes)).toBe(beyond)
    expect(avsc.Type.forSchema('long').fromBuffer(bytes)).toBe(2 ** 52)
  })

  it('reads no record whose bytes are cut, or followed by others', () => {
    const serde = avro<unknown>(everything)
    fc.assert(
      fc.property(values, fc.nat(), (value, cut) => {
        const bytes = serde.serialize(value) ?? new Uint8Array(0)
        expect(() => serde.deserialize(bytes.subarray(0, cut % bytes.length))).toThrow(TypeError)
        expect(() => serde.deserialize(Uint8Array.of(...bytes, 0))).toThrow(/left over/)
      })
    )
  })

  it('ends soon with bytes that are anything at all', () => {
    const tree = avro<unknown>(node)
    const skipping = avro<unknown>(everything, { fields: ['truth'] })
    const all = avro<unknown>(everything)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        for (const serde of [tree, skipping, all]) {
          try {
            serde.deserialize(bytes)
          } catch (error) {
            expect(error).toBeInstanceOf(TypeError)
          }
        }
      }),
      { numRuns: 2_000 }
    )
    const endless = Uint8Array.of(0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f)
    expect(() => avro({ type: 'array', items: 'null' }).deserialize(endless)).toThrow(/items in/)
    expect(() => avro('string').deserialize(endless)).toThrow(/too early/)
  })

  it('reads schemas that contain themselves', () => {
    const tree = { value: 1, children: [{ value: 2, children: [] }] }
    expect(avro(node).deserialize(written(node, tree))).toEqual(tree)
    const wrapped = record({ name: 'tree', type: node }, { name: 'next', type: 'int' })
    const narrow = avro(wrapped, { fields: ['next'] })
    expect(narrow.deserialize(written(wrapped, { tree, next: 5 }))).toEqual({ next: 5 })
  })

  it('steps over blocks by their size, which writers may give', () => {
    const list = { type: 'array', items: 'long' }
    const schema = record({ name: 'list', type: list }, { name: 'after', type: 'int' })
    const bytes = Uint8Array.of(0x03, 0x04, 0x06, 0x36, 0x00, 0x0a)
    expect(avro(schema).deserialize(bytes)).toEqual({ list: [3, 27], after: 5 })
    expect(avro(schema, { fields: ['after'] }).deserialize(bytes)).toEqual({ after: 5 })
  })

  it('reads only the fields that are asked for, through records and unions', () => {
    const basket = record({ name: 'total', type: 'string' }, { name: 'size', type: 'int' })
    const schema = {
      type: 'record',
      name: 'Event',
      fields: [
        { name: 'party', type: ['null', 'string'] },
        { name: 'basket', type: ['null', basket] },
        { name: 'session', type: 'string' },
      ],
    }
    const event = { party: 'p', basket: { total: '12', size: 3 }, session: 's' }
    const bytes = written(schema, event)
    const read = avro(schema, { fields: ['session', 'basket.total', 'coupon?'] })
    expect(read.deserialize(bytes)).toEqual({ session: 's', basket: { total: '12' } })
    const empty = written(schema, { ...event, basket: null })
    expect(read.deserialize(empty)).toEqual({ session: 's', basket: null })
    expect(() => avro(schema, { fields: ['coupon', 'basket.vat'] })).toThrow(
      'it has no field coupon, basket.vat'
    )
  })

  it('sees a field that came later as its default, and one that was renamed by its alias', () => {
    const before = record({ name: 'a', type: 'int' }, { name: 'gone', type: 'string' })
    const after = record(
      { name: 'b', aliases: ['a'], type: 'double' },
      { name: 'list', type: { type: 'array', items: 'int' }, default: [1] },
      { name: 'note', type: ['null', 'string'], default: null }
    )
    const value = { a: 5, gone: 'x' }
    expect(resolved(before, after, value)).toEqual({ b: 5, list: [1], note: null })
    expect(() => resolved(before, record({ name: 'c', type: 'int' }), value)).toThrow(
      "it was written without 'c', which has no default"
    )
  })

  it('promotes numbers, texts and members of unions, and nothing else', () => {
    expect(resolved('int', 'double', 5)).toBe(5)
    expect(resolved('long', ['null', 'double'], 5)).toBe(5)
    expect(resolved('string', 'bytes', 'é')).toEqual(Uint8Array.of(0xc3, 0xa9))
    expect(resolved(['int', 'string'], 'long', 5)).toBe(5)
    expect(() => resolved(['int', 'string'], 'long', 'x')).toThrow(AvroSchemaError)
    expect(() => resolved('double', 'int', 5)).toThrow(AvroSchemaError)
    expect(() => resolved('string', ['null', 'int'], 'x')).toThrow(AvroSchemaError)
  })

  it('reads symbols that are not known as the default of their enum', () => {
    const suits = (symbols: readonly string[], rest = {}) => ({
      type: 'enum',
      name: 'Suit',
      symbols,
      ...rest,
    })
    const writer = suits(['A', 'B'])
    expect(resolved(writer, suits(['C', 'B']), 'B')).toBe('B')
    expect(resolved(writer, suits(['C'], { default: 'C' }), 'A')).toBe('C')
    expect(() => resolved(writer, suits(['C']), 'A')).toThrow(/no symbol 0/)
  })

  it('keeps decimals exact, in bytes and in fixed', () => {
    const logical = { logicalType: 'decimal', precision: 20, scale: 2 }
    const inBytes = { type: 'bytes', ...logical }
    const inFixed = { type: 'fixed', name: 'Money', size: 8, ...logical }
    for (const schema of [inBytes, inFixed]) {
      for (const text of ['184.90', '-0.01', '0.00', '-1.28', '90071992547409.93']) {
        expect(avro(schema).deserialize(written(schema, text))).toBe(text)
      }
    }
    expect([...written(inBytes, '184.90')]).toEqual([4, 0x48, 0x3a])
    expect(avro('bytes', { writer: inBytes }).deserialize(written(inBytes, '1.28'))).toEqual(
      Uint8Array.of(0, 128)
    )
    expect(() => written(inBytes, '1.234')).toThrow(/up to 2 decimals/)
    expect(() => written({ ...inFixed, size: 1 }, '1.28')).toThrow(/no room/)
  })

  it('shows a float as it is, or as the shortest decimal that means it', () => {
    const bytes = written('float', 184.91)
    expect(avro('float').deserialize(bytes)).toBe(Math.fround(184.91))
    expect(avro('float', { floats: 'shortest' }).deserialize(bytes)).toBe(184.91)
    const shortest = avro<number>('float', { floats: 'shortest' })
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (float) => {
        expect(Math.fround(shortest.deserialize(written('float', float)))).toBe(float)
      })
    )
  })

  it('says where a value does not fit its schema', () => {
    const schema = record({ name: 'list', type: { type: 'array', items: 'int' } })
    expect(() => written(schema, { list: [1, 1.5] })).toThrow(
      'Avro: value.list[]: expected int, got 1.5'
    )
    expect(() => written(schema, {})).toThrow(/expected record R/)
    expect(() => written(['null', 'int'], 'x')).toThrow(/expected union of null, int, got "x"/)
    const lenient = record({ name: 'n', type: 'int', default: 7 })
    expect(avro(lenient).deserialize(written(lenient, {}))).toEqual({ n: 7 })
  })

  it.each<[string, string | object]>([
    ['it is no JSON', '{'],
    ["no type is called 'Money'", '"Money"'],
    ['expected a type, got undefined', { type: 'array' }],
    ['a record without fields', { type: 'record', name: 'R' }],
    ["'__proto__' is no name of a field", record({ name: '__proto__', type: 'int' })],
    ['a field that is there twice', record({ name: 'a', type: 'int' }, { name: 'a', type: 'int' })],
    ['is no name of a type', { type: 'fixed', name: '1', size: 1 }],
    ["'R' is defined twice", record({ name: 'a', type: record() })],
    ['a union of unions', ['int', 'int']],
    ['a fixed of the size -1', { type: 'fixed', name: 'F', size: -1 }],
  ])('refuses a schema: %s', (message, schema) => {
    expect(() => avro(schema)).toThrow(AvroSchemaError)
    expect(() => avro(schema)).toThrow(message)
  })
})
