import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ShapeReader, shapedJson } from '../../src/serde/json-shape.ts'

/** Among other bytes, as in a batch: what is behind must not be read. */
function among(text: string | Uint8Array): readonly [Uint8Array, number, number] {
  const inner = Buffer.from(text as string)
  const all = Buffer.concat([Buffer.from('"{1'), inner, Buffer.from('1}",:')])
  return [all, 3, 3 + inner.length]
}

/** Everything that tells two values apart: the order of names and the sign of zeros, too. */
function outcome(run: () => unknown): string {
  const told = (_: string, value: unknown): unknown => (Object.is(value, -0) ? 'minus zero' : value)
  try {
    return JSON.stringify(run(), told) ?? 'undefined'
  } catch {
    return 'thrown'
  }
}

const name = fc.oneof(
  fc.constantFrom('id', 'at', 'price', 'event type', '__proto__', '7', 'ä', '"', 'constructor'),
  fc.string({ maxLength: 4 })
)
const plain = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom('pageView', 'checkout_click', 'ä', '\\', '\u2028'),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.integer({ min: -99_999_999, max: 99_999_999 }).map((cents) => cents / 100),
  fc.constantFrom(true, false, null, 0, -0, 1e21, 1e-7)
)
const value = fc.oneof({ weight: 9, arbitrary: plain }, fc.jsonValue())

/** Objects of few shapes, one after the other. */
const objects = fc
  .array(fc.uniqueArray(name, { maxLength: 5 }), { minLength: 1, maxLength: 2 })
  .chain((shapes) =>
    fc.array(
      fc
        .constantFrom(...shapes)
        .chain((names) =>
          fc
            .tuple(...names.map(() => value))
            .map((values) => `{${names.map((one, i) => entry(one, values[i])).join(',')}}`)
        ),
      { minLength: 2, maxLength: 12 }
    )
  )

function entry(key: string, held: unknown): string {
  return `${JSON.stringify(key)}:${Object.is(held, -0) ? '-0' : JSON.stringify(held)}`
}

test('what is read is what JSON.parse reads, whatever came before', () => {
  fc.assert(
    fc.property(objects, (texts) => {
      const read = shapedJson()
      for (const text of texts) {
        expect(outcome(() => read(...among(text)))).toBe(outcome(() => JSON.parse(text)))
      }
    }),
    { numRuns: 400 }
  )
})

test('what is damaged is refused, or read as JSON.parse reads it', () => {
  const sound = '{"at":1767225600000,"id":"s1","price":-12.50,"isNew":true,"note":null}'
  const damage = fc.record({
    at: fc.nat(sound.length),
    cut: fc.nat(3),
    put: fc.oneof(fc.uint8Array({ maxLength: 3 }), fc.constantFrom(...'0.-e"\\ ,:{}[]')),
  })
  fc.assert(
    fc.property(damage, ({ at, cut, put }) => {
      const read = shapedJson()
      read(...among(sound))
      const bytes = Buffer.concat([
        Buffer.from(sound.slice(0, at)),
        Buffer.from(put as string),
        Buffer.from(sound.slice(at + cut)),
      ])
      expect(outcome(() => read(...among(bytes)))).toBe(
        outcome(() => JSON.parse(bytes.toString('utf8')))
      )
    }),
    { numRuns: 2_000 }
  )
})

test.each([
  '{"at":2,"id":"other","price":0.07}',
  '{"at":-2,"id":"","price":123456789.123456}',
  '{"at":true,"id":null,"price":false}',
  '{"at":"text","id":12,"price":"plain \' text"}',
])('an object like the example is read without JSON.parse: %s', (text) => {
  const shape = new ShapeReader()
  shape.learn({ at: 1, id: 'one', price: 1.5 })
  expect(shape.tryRead(...among(text))).toEqual(JSON.parse(text))
})

test.each([
  '{"at":2, "id":"other","price":0.07}',
  '{"id":"other","at":2,"price":0.07}',
  '{"at":2,"id":"ä","price":0.07}',
  '{"at":2,"id":"a\\u0041","price":0.07}',
  '{"at":1e3,"id":"other","price":0.07}',
  '{"at":1234567890123456,"id":"other","price":0.07}',
  '{"at":-0,"id":"other","price":0.07}',
  '{"at":[],"id":"other","price":0.07}',
  '{"at":2,"id":"other","price":0.07,"more":1}',
  '{"at":2,"id":"other"}',
])('one that is not, or might not be, is left to it: %s', (text) => {
  const shape = new ShapeReader()
  shape.learn({ at: 1, id: 'one', price: 1.5 })
  expect(shape.tryRead(...among(text))).toBeUndefined()
})

test('an object that was read is its own: changing it changes no other', () => {
  const read = shapedJson()
  const text = among('{"a":1,"b":"x"}')
  const [first, second] = [read(...text), read(...text)] as { a: number }[]
  if (first !== undefined) first.a = 2
  expect([second, read(...text)]).toEqual([
    { a: 1, b: 'x' },
    { a: 1, b: 'x' },
  ])
})

test('objects that keep differing are read all the same', () => {
  const read = shapedJson()
  for (let i = 0; i < 100; i++) {
    expect(read(...among(`{"n${i}":${i}}`))).toEqual({ [`n${i}`]: i })
  }
})

test('a text that repeats is told apart from others, however alike, and gives way to them', () => {
  const shape = new ShapeReader()
  shape.learn({ type: 'one', at: 1 })
  const object = (type: string) => `{"type":"${type}","at":2}`
  const expectRead = (type: string) => {
    expect(shape.tryRead(...among(object(type))), type).toEqual({ type, at: 2 })
  }
  const others = Array.from({ length: 20 }, (_, i) => `other${i}`)
  for (const usual of ['pageView', 'a', 'twelve chars', '', 'x'.repeat(100)]) {
    for (const type of [...others, usual, usual, usual]) expectRead(type)
    for (let cut = 0; cut <= usual.length; cut++) {
      for (const put of ['', 'x', '}', ',']) {
        expectRead(usual.slice(0, cut) + put + usual.slice(cut))
        expectRead(usual.slice(0, cut) + put)
        expectRead(usual)
      }
      for (const put of ['\\"', '"', '\n', 'ä']) {
        const text = object(usual.slice(0, cut) + put + usual.slice(cut))
        expect(shape.tryRead(...among(text)), text).toBeUndefined()
      }
      const end = object(usual).slice(0, cut + 9)
      expect(shape.tryRead(...among(end)), end).toBeUndefined()
    }
  }
})

const lengths = [0, 1, 47, 48, 49, 50, 63, 64, 65, 79, 80, 81, 5_000]

test('long texts are read without JSON.parse, wherever they are, and read the same', () => {
  for (const length of lengths) {
    for (const name of ['first', 'last']) {
      const event = { first: 'a', at: 1, last: 'b', [name]: `${'x'.repeat(length)} ~` }
      const shape = new ShapeReader()
      shape.learn(event)
      const [bytes, start, end] = among(JSON.stringify(event))
      expect(shape.tryRead(bytes, start, end)).toEqual(event)
      expect(shape.tryRead(new Uint8Array(bytes), start, end)).toEqual(
        shape.tryRead(bytes, start, end)
      )
      const read = shapedJson()
      for (const turn of [1, 2, 3]) {
        expect(read(bytes, start, end), `turn ${turn}`).toEqual(event)
      }
    }
  }
})

test('a long text that is not what it seems is left to JSON.parse, wherever that shows', () => {
  const length = 150
  const odd = ['\\n', '\\u0041', '\\x', '\n', '\0', '\u001f', '"', 'ä', '€', '\u0080', '\u009f']
  for (const put of [...odd, Buffer.from([0x80]), Buffer.from([0xff]), Buffer.from([0xc3])]) {
    for (let at = 0; at <= length; at += 5) {
      const shape = new ShapeReader()
      shape.learn({ text: 'one', at: 1 })
      const text = Buffer.concat([
        Buffer.from(`{"text":"${'x'.repeat(at)}`),
        Buffer.from(put as string),
        Buffer.from(`${'x'.repeat(length - at)}","at":2}`),
      ])
      expect(shape.tryRead(...among(text)), `${put} at ${at}`).toBeUndefined()
      const read = shapedJson()
      read(...among('{"text":"one","at":1}'))
      expect(outcome(() => read(...among(text)))).toBe(
        outcome(() => JSON.parse(text.toString('utf8')))
      )
    }
  }
})

test('the last char of ASCII is plain in a long text', () => {
  const shape = new ShapeReader()
  shape.learn({ text: 'one' })
  const event = { text: `${'x'.repeat(60)}\u007f${'x'.repeat(60)}\u007f` }
  expect(shape.tryRead(...among(JSON.stringify(event)))).toEqual(event)
})

test('a long text ends where its object does, whatever is behind', () => {
  for (const length of lengths) {
    const shape = new ShapeReader()
    shape.learn({ text: 'one' })
    const cut = `{"text":"${'x'.repeat(length)}`
    const bytes = Buffer.from(`${cut}"}{"text":"other"}`)
    expect(shape.tryRead(bytes, 0, cut.length)).toBeUndefined()
    expect(shape.tryRead(bytes, 0, cut.length + 1)).toBeUndefined()
    expect(shape.tryRead(bytes, 0, cut.length + 2)).toEqual({ text: 'x'.repeat(length) })
    expect(shape.tryRead(Buffer.from(cut), 0, cut.length)).toBeUndefined()
  }
})
