/** What events are written in: never guessed, because the first bytes of the formats are alike. */
import {
  type AvroSchema,
  avro,
  confluentAvro,
  json,
  type SchemaRegistryOptions,
  type Serde,
  schemaRegistry,
} from '../src/index.ts'
import type { Fields } from './shop-fields.ts'

/** Plain data: threads are told of it, too. */
export type EventFormat =
  /** One UTF-8 JSON object. */
  | { readonly kind: 'json' }
  /** Bare Avro binary; the schema that it is written with. */
  | { readonly kind: 'avro'; readonly schema: AvroSchema }
  /** Avro behind the id of its schema in a registry. */
  | { readonly kind: 'confluent-avro'; readonly registry: SchemaRegistryOptions }

/** Of records in this format, the fields at these paths at least. */
export function fieldsIn(format: EventFormat, paths: readonly string[]): Serde<Fields> {
  switch (format.kind) {
    case 'json':
      return json<Fields>({ malformed: 'reject' })
    case 'avro':
      return avro<Fields>(format.schema, { fields: paths, floats: 'shortest' })
    case 'confluent-avro': {
      const registry = schemaRegistry(format.registry)
      return confluentAvro<Fields>(registry, { fields: paths, floats: 'shortest' })
    }
  }
}
