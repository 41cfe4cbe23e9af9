/** Serdes by a schema registry, against a real one and what may stand between. */
import { randomUUID } from 'node:crypto'
import { SchemaRegistry as Client, SchemaType } from '@kafkajs/confluent-schema-registry'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { NotReadyError } from '../../src/errors.ts'
import { type ConfluentAvro, confluentAvro } from '../../src/registry/confluent-avro.ts'
import { SchemaRegistry, type SchemaRegistryOptions } from '../../src/registry/schema-registry.ts'
import { RegistryFront } from '../support/registry-front.ts'
import { sharedRegistry } from '../support/shared-broker.ts'

interface Payment {
  readonly id: string
  readonly cents: number
  readonly note?: string | null
}

const payment = {
  type: 'record',
  name: 'Payment',
  namespace: 'shop',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'cents', type: 'long' },
  ],
} as const
const later = {
  ...payment,
  fields: [...payment.fields, { name: 'note', type: ['null', 'string'], default: null }],
}
const paid: Payment = { id: 'p', cents: 1290 }

let target: string

beforeAll(async () => {
  target = await sharedRegistry()
})

async function front(options: { readonly auth?: string } = {}): Promise<RegistryFront> {
  const opened = await RegistryFront.open(target, options)
  onTestFinished(() => opened.close())
  return opened
}

/** Of a process that has just started: it knows nothing. */
function serde(
  url: string,
  subject: string,
  schema: object = payment,
  options: Partial<SchemaRegistryOptions> = {}
): ConfluentAvro<Payment> {
  return confluentAvro<Payment>(new SchemaRegistry({ url, ...options }), { schema, subject })
}

function reader(url: string, options: Partial<SchemaRegistryOptions> = {}) {
  return confluentAvro<Payment>(new SchemaRegistry({ url, ...options }))
}

function name(): string {
  return `payments-${randomUUID()}-value`
}

/** As the engine does: again whenever it is worth it. */
async function patiently<T>(attempt: () => T): Promise<T> {
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      if (!(error instanceof NotReadyError)) throw error
      await error.ready
    }
  }
}

/** What is said after the first request has failed. */
async function complaint(attempt: () => unknown): Promise<string> {
  for (let attempts = 0; attempts < 2; attempts++) {
    try {
      attempt()
      return ''
    } catch (error) {
      if (!(error instanceof NotReadyError)) throw error
      if (attempts === 1) return error.message
      await error.ready
    }
  }
  return ''
}

async function written(subject = name(), schema: object = payment, value: Payment = paid) {
  const writer = serde(target, subject, schema)
  return (await patiently(() => writer.serialize(value))) ?? new Uint8Array(0)
}

describe('avro by a schema registry', () => {
  it('is what other clients write and read', async () => {
    const subject = name()
    const writer = serde(target, subject)
    const id = await writer.register()
    const bytes = Buffer.from(writer.serialize(paid) ?? [])
    expect([bytes[0], bytes.readInt32BE(1)]).toEqual([0, id])
    const client = new Client({ host: target })
    expect(await client.decode(bytes)).toEqual(paid)
    const theirs = await client.encode(id, { id: 'q', cents: -1 })
    const read = reader(target)
    expect(await patiently(() => read.deserialize(theirs))).toEqual({ id: 'q', cents: -1 })
    const response = await fetch(`${target}/config/${subject}`)
    expect(await response.json()).toEqual({ compatibilityLevel: 'FULL_TRANSITIVE' })
  })

  it('asks for a schema once, and needs the registry no more then', async () => {
    const between = await front()
    const bytes = await written()
    const read = reader(between.url)
    const attempts = Array.from({ length: 20 }, () => patiently(() => read.deserialize(bytes)))
    expect(await Promise.all(attempts)).toEqual(Array.from({ length: 20 }, () => paid))
    between.mode = 'down'
    expect(read.deserialize(bytes)).toEqual(paid)
    expect(between.requests).toHaveLength(1)
  })

  it('waits for a registry that is away, broken or silent, and says so', async () => {
    const between = await front()
    const bytes = await written()
    for (const mode of ['down', 'broken', 'silent'] as const) {
      between.mode = mode
      const read = reader(between.url, { timeoutMs: 200 })
      const message = await complaint(() => read.deserialize(bytes))
      expect(message, mode).toMatch(
        /^schema \d+ is not known yet: the schema registry .* does not answer: ./
      )
      between.mode = 'open'
      expect(await patiently(() => read.deserialize(bytes))).toEqual(paid)
    }
  })

  it('takes another 404 than that of a registry for no answer', async () => {
    const wrong = reader(new URL('/', target).href)
    const bytes = await written()
    expect(await complaint(() => wrong.deserialize(bytes))).toMatch(/at this address there is none/)
  })

  it('refuses an id that the registry does not know, and asks again only later', async () => {
    const between = await front()
    const bytes = Buffer.from(await written())
    bytes.writeInt32BE(987_654, 1)
    const read = reader(between.url, { unknownMs: 60_000 })
    const attempt = (): unknown => read.deserialize(bytes)
    await expect(patiently(attempt)).rejects.toMatchObject({ code: 'MILLRACE_SCHEMA_UNKNOWN' })
    const asked = between.requests.length
    for (let i = 0; i < 10; i++) expect(attempt).toThrow(/has no schema 987654/)
    expect(between.requests.length).toBe(asked)
    const forgetful = reader(between.url, { unknownMs: 0 })
    await expect(patiently(() => forgetful.deserialize(bytes))).rejects.toThrow(/no schema/)
    expect(() => forgetful.deserialize(bytes)).toThrow(NotReadyError)
  })

  it('refuses bytes in another form at once', async () => {
    const read = reader(target)
    const bytes = await written()
    const others = ['{"id":"p"}', '', '\0\0\0', '\0\0\0\0\0payload', '\0\xff\xff\xff\xffpayload']
    for (const other of others) {
      expect(() => read.deserialize(Buffer.from(other, 'latin1')), other).toThrow(TypeError)
    }
    const cut = bytes.subarray(0, bytes.length - 1)
    await expect(patiently(() => read.deserialize(cut))).rejects.toThrow(/too early/)
  })

  it('sees values of earlier and later writers by its own schema', async () => {
    const subject = name()
    const before = await written(subject)
    const after = await written(subject, later, { ...paid, note: 'n' })
    const old = serde(target, subject)
    const young = serde(target, subject, later)
    expect(await patiently(() => young.deserialize(before))).toEqual({ ...paid, note: null })
    expect(await patiently(() => old.deserialize(after))).toEqual(paid)
    const narrow = confluentAvro(new SchemaRegistry({ url: target }), { fields: ['cents', 'x?'] })
    expect(await patiently(() => narrow.deserialize(after))).toEqual({ cents: 1290 })
  })

  it('reads schemas that refer to others', async () => {
    const [money, order] = [name(), name()]
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' }
    const register = async (subject: string, schema: object, references: readonly object[]) => {
      const body = JSON.stringify({ schema: JSON.stringify(schema), references })
      const url = `${target}/subjects/${subject}/versions`
      const response = await fetch(url, { method: 'POST', headers, body })
      return ((await response.json()) as { readonly id: number }).id
    }
    const inner = {
      type: 'record',
      name: 'Sum',
      namespace: 'm',
      fields: [{ name: 'a', type: 'int' }],
    }
    await register(money, inner, [])
    const outer = { type: 'record', name: 'Order', fields: [{ name: 'sum', type: 'm.Sum' }] }
    const id = await register(order, outer, [{ name: 'm.Sum', subject: money, version: 1 }])
    const bytes = Buffer.from([0, 0, 0, 0, 0, 10])
    bytes.writeInt32BE(id, 1)
    const read = reader(target)
    expect(await patiently(() => read.deserialize(bytes))).toEqual({ sum: { a: 5 } })
  })

  it('refuses a schema that is none of Avro', async () => {
    const client = new Client({ host: target })
    const draft = 'http://json-schema.org/draft-07/schema#'
    const schema = JSON.stringify({ $schema: draft, type: 'object', title: 'Payment' })
    const json = { type: SchemaType.JSON, schema } as const
    const { id } = await client.register(json, { subject: name() })
    const bytes = Buffer.from([0, 0, 0, 0, 0, 10])
    bytes.writeInt32BE(id, 1)
    const read = reader(target)
    await expect(patiently(() => read.deserialize(bytes))).rejects.toThrow(/is no Avro, but JSON/)
  })

  it('shows its credentials to the registry, and to nobody else', async () => {
    const between = await front({ auth: 'me:pass:word' })
    const bytes = await written()
    const right = reader(between.url, { auth: 'me:pass:word' })
    expect(await patiently(() => right.deserialize(bytes))).toEqual(paid)
    const inside = reader(between.url.replace('//', '//me:pass%3Aword@'))
    expect(await patiently(() => inside.deserialize(bytes))).toEqual(paid)
    const wrong = reader(between.url, { auth: 'me:secret' })
    const message = await complaint(() => wrong.deserialize(bytes))
    expect(message).toMatch(/it refuses these credentials \(401\)$/)
    expect(message).not.toContain('secret')
    expect(() => new SchemaRegistry({ url: 'registry:8081' })).toThrow(/http:\/\/registry:8081/)
  })

  it('says why a subject does not take its schema', async () => {
    const subject = name()
    await written(subject)
    const changed = { ...payment, fields: [{ name: 'other', type: 'int' }] }
    const incompatible = serde(target, subject, changed).register()
    await expect(incompatible).rejects.toMatchObject({ code: 'MILLRACE_SCHEMA_INCOMPATIBLE' })
    await expect(incompatible).rejects.toThrow(subject)
    const backward = name()
    await new Client({ host: target }).register(
      { type: SchemaType.AVRO, schema: JSON.stringify(payment) },
      { subject: backward }
    )
    const other = serde(target, backward).register()
    await expect(other).rejects.toMatchObject({ code: 'MILLRACE_SCHEMA_COMPATIBILITY' })
    await expect(other).rejects.toThrow(/BACKWARD.*curl -X PUT .*"FULL_TRANSITIVE"/)
    expect(() => reader(target).serialize(paid)).toThrow(/give it \{ schema, subject \}/)
  })

  it('is registered as soon as the registry is there, unless nobody waits any more', async () => {
    const between = await front()
    between.mode = 'down'
    const reasons: string[] = []
    const writer = serde(between.url, name())
    const registering = writer.register({ onWait: (reason) => reasons.push(reason) })
    const given = new AbortController()
    const abandoned = serde(between.url, name()).register({ signal: given.signal })
    given.abort()
    await expect(abandoned).rejects.toThrow(/abort/i)
    while (!reasons.some((reason) => reason.includes('does not answer'))) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    between.mode = 'open'
    expect(await registering).toBeGreaterThan(0)
    expect(writer.serialize(paid)).toHaveLength(9)
  })
})
