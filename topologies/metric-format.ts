/** What the rows of the metrics topic are written in. */
import { readFileSync } from 'node:fs'
import {
  type ConfluentAvro,
  confluentAvro,
  json,
  type SchemaRegistryOptions,
  type Serde,
  schemaRegistry,
} from '../src/index.ts'
import type { MetricRow } from './metric-row.ts'

/** Plain data: threads are told of it, too. */
export type MetricFormat =
  | { readonly kind: 'json' }
  | { readonly kind: 'confluent-avro'; readonly registry: SchemaRegistryOptions }

/**
 * Beside the code. Readers of any version meet rows of any other: a field comes or goes only with a
 * default.
 */
export const rowSchema = readFileSync(new URL('./metric-row.avsc', import.meta.url), 'utf8')

export function rowsIn(format: MetricFormat, topic: string): Serde<MetricRow> {
  return format.kind === 'json' ? json<MetricRow>() : framedRows(format.registry, topic)
}

/** By the schema that is registered for the topic's values. */
export function framedRows(
  registry: SchemaRegistryOptions,
  topic: string
): ConfluentAvro<MetricRow> {
  return confluentAvro<MetricRow>(schemaRegistry(registry), {
    schema: rowSchema,
    subject: `${topic}-value`,
    compatibility: 'FULL_TRANSITIVE',
  })
}
