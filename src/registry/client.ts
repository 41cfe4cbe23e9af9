/**
 * What is asked of a schema registry over HTTP, by the client that is made for it; the only file
 * that knows it. It takes a while to load, and is loaded when the first question is asked.
 */
import type { SchemaRegistry as Client } from '@kafkajs/confluent-schema-registry'
import { type AvroSchema, AvroSchemaError, type AvroType, parseSchema } from '../avro/schema.ts'
import { FatalError, MillraceError, RetriableError } from '../errors.ts'

/** The registry has answered, and the answer is no: asking again soon does not help. */
export class RefusedError extends MillraceError {}

export interface RegistryAddress {
  /** Without credentials, and without a slash at its end. */
  readonly url: string
  /** `user:password`. */
  readonly auth: string | null
  readonly timeoutMs: number
}

export type Compatibility =
  | 'BACKWARD'
  | 'BACKWARD_TRANSITIVE'
  | 'FORWARD'
  | 'FORWARD_TRANSITIVE'
  | 'FULL'
  | 'FULL_TRANSITIVE'
  | 'NONE'

type ClientArguments = ConstructorParameters<typeof Client>[0]
type Middleware = NonNullable<ClientArguments['middlewares']>[number]

/** Of a schema that is not there, as the registries of Confluent and others say it. */
const schemaNotFound = 40_403

/**
 * The Avro schema with this id, those that it refers to included. Rejects with a RefusedError if
 * there is none, or one that cannot be used; with a RetriableError if nobody knows.
 */
export async function fetchSchema(address: RegistryAddress, id: number): Promise<AvroType> {
  const answers: string[] = []
  const client = await open(address, answers)
  try {
    await client.getSchema(id)
  } catch (error) {
    const status = statusOf(error)
    if (status === 404 && (await isMissing(address, id))) {
      throw new RefusedError('MILLRACE_SCHEMA_UNKNOWN', `${address.url} has no schema ${id}`)
    }
    // It has been found, and the client has reasons of its own not to like it.
    if (status !== undefined || answers.length === 0) throw unanswered(address, error)
  }
  return parsed(address, id, answers)
}

/**
 * The id of the schema in its subject, where it is registered unless it is there. Rejects with a
 * FatalError if the subject does not take it; with a RetriableError if nobody knows.
 */
export async function registerSchema(
  address: RegistryAddress,
  subject: string,
  schema: AvroSchema,
  compatibility: Compatibility
): Promise<number> {
  const { COMPATIBILITY, SchemaType } = await import('@kafkajs/confluent-schema-registry')
  const text = typeof schema === 'string' ? schema : JSON.stringify(schema)
  const client = await open(address, [])
  try {
    const level = COMPATIBILITY[compatibility]
    const avro = { type: SchemaType.AVRO, schema: text } as const
    const { id } = await client.register(avro, { subject, compatibility: level })
    return id
  } catch (error) {
    const status = statusOf(error)
    if (status === 409 || status === 422) throw incompatible(address, subject, error)
    if (nameOf(error) === 'ConfluentSchemaRegistryCompatibilityError') {
      throw otherLevel(address, subject, compatibility, error)
    }
    throw unanswered(address, error)
  }
}

/** A client of its own for each question: nothing is left of one that was not answered. */
async function open(address: RegistryAddress, answers: string[]): Promise<Client> {
  const { SchemaRegistry } = await import('@kafkajs/confluent-schema-registry')
  const { url, auth, timeoutMs } = address
  const listen: Middleware = () => ({
    prepareRequest: async (next) => (await next()).enhance({ timeout: timeoutMs }),
    response: async (next) => {
      const response = await next()
      answers.push(String(response.rawData()))
      return response
    },
  })
  const credentials = auth === null ? {} : { auth: credentialsOf(auth) }
  return new SchemaRegistry({
    host: url,
    clientId: 'millrace',
    middlewares: [listen],
    ...credentials,
  })
}

function credentialsOf(auth: string): { readonly username: string; readonly password: string } {
  const colon = auth.indexOf(':')
  return { username: auth.slice(0, colon), password: auth.slice(colon + 1) }
}

/** The first answer is the schema; those that it refers to come in no order that is of use. */
function parsed(address: RegistryAddress, id: number, answers: readonly string[]): AvroType {
  const [own, ...others] = answers.map((answer) => JSON.parse(answer) as Answer)
  const { schemaType = 'AVRO', schema = '' } = own ?? {}
  const where = `schema ${id} of ${address.url}`
  if (schemaType !== 'AVRO') {
    throw new RefusedError('MILLRACE_SCHEMA_UNUSABLE', `${where} is no Avro, but ${schemaType}`)
  }
  try {
    return parseSchema(
      schema,
      others.map((other) => other.schema ?? '')
    )
  } catch (error) {
    if (!(error instanceof AvroSchemaError)) throw error
    throw new RefusedError('MILLRACE_SCHEMA_UNUSABLE', `${where}: ${error.message}`, {
      cause: error,
    })
  }
}

interface Answer {
  readonly schema?: string
  readonly schemaType?: string
  readonly error_code?: number
}

/**
 * Whether it is a registry that says so: anything else at a wrong address answers with 404 too, and
 * then no record must go for it. The client keeps this to itself.
 */
async function isMissing({ url, auth, timeoutMs }: RegistryAddress, id: number): Promise<boolean> {
  const basic = auth === null ? {} : { authorization: `Basic ${btoa(auth)}` }
  try {
    const response = await fetch(`${url}/schemas/ids/${id}`, {
      headers: { accept: 'application/json', ...basic },
      signal: AbortSignal.timeout(timeoutMs),
    })
    const answer = (await response.json()) as Answer
    return response.status === 404 && answer.error_code === schemaNotFound
  } catch {
    return false
  }
}

function unanswered({ url }: RegistryAddress, cause: unknown): RetriableError {
  const status = statusOf(cause)
  const message = cause instanceof Error ? cause.message : String(cause)
  const why =
    status === 401 || status === 403
      ? `it refuses these credentials (${status})`
      : status === 404
        ? 'at this address there is none (404)'
        : message.replace(/^.*?Error, status 400: /, '')
  const text = `the schema registry ${url} does not answer: ${why}`
  return new RetriableError('MILLRACE_REGISTRY_UNAVAILABLE', text, { cause })
}

function incompatible({ url }: RegistryAddress, subject: string, cause: unknown): FatalError {
  const message = cause instanceof Error ? cause.message : String(cause)
  return new FatalError(
    'MILLRACE_SCHEMA_INCOMPATIBLE',
    `Subject '${subject}' of ${url} has schemas that this one does not go with: ${message}. ` +
      'Write to another topic, or delete the subject if nobody needs its schemas.',
    { cause }
  )
}

function otherLevel(
  { url }: RegistryAddress,
  subject: string,
  level: Compatibility,
  cause: unknown
): FatalError {
  const message = cause instanceof Error ? cause.message : String(cause)
  const command =
    `curl -X PUT -H 'content-type: application/json' ` +
    `-d '{"compatibility":"${level}"}' ${url}/config/${encodeURIComponent(subject)}`
  return new FatalError(
    'MILLRACE_SCHEMA_COMPATIBILITY',
    `Subject '${subject}' promises its readers something else: ${message}. Set it with: ${command}`,
    { cause }
  )
}

function statusOf(error: unknown): number | undefined {
  const status = (error as { readonly status?: unknown } | undefined)?.status
  return typeof status === 'number' ? status : undefined
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}
