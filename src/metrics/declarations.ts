/** What `/metrics` can show, without an application that runs: for whoever draws or checks it. */
import { collectDefaultMetrics, Registry } from 'prom-client'
import { engineFamilies } from './engine-families.ts'
import { buildFamily, declaredFamilies, type Instrument, misnamed } from './exposition.ts'

/** A family of series that exists, or may. */
export interface Declaration {
  readonly kind: 'gauge' | 'counter' | 'histogram'
  readonly name: string
  readonly help: string
  /** Null: not known, as with what Node says of itself. */
  readonly labels: readonly string[] | null
}

/** The engine's, the topology's, and Node's own, in this order; each name once. */
export function declarations(instruments: readonly Instrument[]): readonly Declaration[] {
  const own = [...engineFamilies, buildFamily(''), ...declaredFamilies(instruments)]
  return [
    ...own.map(({ kind, name, help, labels }) => ({ kind, name, help, labels })),
    ...nodeDeclarations(),
  ]
}

function nodeDeclarations(): readonly Declaration[] {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const metrics = registry.getMetricsAsArray().filter(({ name }) => !misnamed.includes(name))
  return metrics.map(({ name, help, type }) => ({ kind: kindOf(type), name, help, labels: null }))
}

function kindOf(type: unknown): Declaration['kind'] {
  return type === 'counter' || type === 'histogram' ? type : 'gauge'
}
