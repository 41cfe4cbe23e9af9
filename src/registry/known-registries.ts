/** The registries of a thread: who names the same one shares what it has said. */
import { SchemaRegistry, type SchemaRegistryOptions } from './schema-registry.ts'

const known = new Map<string, SchemaRegistry>()

/**
 * A schema registry that speaks Confluent's REST API, for `confluentAvro`. Nothing is asked of it
 * before the first record; serdes of a thread with the same options share what they have learned.
 *
 *     const registry = schemaRegistry({ url: 'http://registry:8081', auth: 'user:password' })
 *     topic('orders', { key: string(), value: confluentAvro<Order>(registry) })
 *
 * While it does not answer, records whose schema is not known yet wait, with all that come after
 * them. Throws `MILLRACE_REGISTRY_INVALID`.
 */
export function schemaRegistry(options: SchemaRegistryOptions): SchemaRegistry {
  const { url, auth, timeoutMs, unknownMs } = options
  const key = JSON.stringify([url, auth, timeoutMs, unknownMs])
  const found = known.get(key) ?? new SchemaRegistry(options)
  known.set(key, found)
  return found
}
