/** A schema registry as serdes see it: what it has said once is known, and asked for no more. */
import type { AvroSchema, AvroType } from '../avro/schema.ts'
import { TopologyError } from '../errors.ts'
import { type Compatibility, fetchSchema, type RegistryAddress, registerSchema } from './client.ts'
import { Question } from './question.ts'

export interface SchemaRegistryOptions {
  /** Such as `https://registry:8081`; credentials in it are taken for `auth`. */
  readonly url: string
  /** `user:password` of basic authentication. */
  readonly auth?: string
  /** For an answer. Default 5,000. */
  readonly timeoutMs?: number
  /**
   * For how long an id that the registry does not know is taken for unknown. Default 60,000.
   */
  readonly unknownMs?: number
}

/** Bytes of another format look like ids, each of them another one. */
const idsMax = 10_000

export class SchemaRegistry {
  /** Without credentials. */
  readonly url: string
  readonly #address: RegistryAddress
  readonly #unknownMs: number
  readonly #schemas = new Map<number, Question<AvroType>>()
  readonly #ids = new Map<string, Question<number>>()

  /** Use `schemaRegistry`. */
  constructor({ url, auth, timeoutMs = 5_000, unknownMs = 60_000 }: SchemaRegistryOptions) {
    const parsed = URL.canParse(url) ? new URL(url) : undefined
    if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
      throw new TopologyError(
        'MILLRACE_REGISTRY_INVALID',
        `A schema registry has a URL such as http://registry:8081, not '${url}'`
      )
    }
    const { username, password } = parsed
    const inside = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    parsed.username = ''
    parsed.password = ''
    this.url = String(parsed).replace(/\/+$/, '')
    this.#address = { url: this.url, auth: auth ?? (inside === ':' ? null : inside), timeoutMs }
    this.#unknownMs = unknownMs
  }

  /** Throws a NotReadyError while it is fetched, and a RefusedError if there is none. */
  schema(id: number): AvroType {
    let question = this.#schemas.get(id)
    if (question === undefined) {
      question = new Question({
        ask: () => fetchSchema(this.#address, id),
        what: `schema ${id} is not known yet`,
        refusedMs: this.#unknownMs,
      })
      this.#forgetOldest()
      this.#schemas.set(id, question)
    }
    return question.get()
  }

  /** Throws a NotReadyError while it is registered, and a FatalError if its subject refuses it. */
  idOf(subject: string, schema: AvroSchema, compatibility: Compatibility): number {
    const key = JSON.stringify([subject, schema, compatibility])
    let question = this.#ids.get(key)
    if (question === undefined) {
      question = new Question({
        ask: () => registerSchema(this.#address, subject, schema, compatibility),
        what: `the schema of '${subject}' is not registered yet`,
        refusedMs: this.#unknownMs,
      })
      this.#ids.set(key, question)
    }
    return question.get()
  }

  #forgetOldest(): void {
    if (this.#schemas.size < idsMax) return
    const [oldest] = this.#schemas.keys()
    if (oldest !== undefined) this.#schemas.delete(oldest)
  }
}
