/**
 * Everything that Prometheus reads, in the text format 0.0.4 and in no other: the registry renames
 * counters for good once it has written another.
 */
import { collectDefaultMetrics, Registry } from 'prom-client'
import type { AppSnapshot, CounterSample } from '../runtime/snapshot.ts'
import { engineFamilies } from './engine-families.ts'
import { type Family, register, type Sample } from './family.ts'

/** A gauge or counter that a topology declares. */
export interface Instrument {
  readonly kind: 'gauge' | 'counter'
  readonly name: string
  readonly help: string
  /** Gauges: fixed labels. */
  readonly labels: Readonly<Record<string, string>>
  /** Counters: the name of the one label. */
  readonly label: string | undefined
}

export interface ExpositionOptions {
  readonly snapshot: () => AppSnapshot
  /** Several may share a name; they are one family then. */
  readonly instruments: readonly Instrument[]
  /** By counter: values of its label that exist from the start, so that rates see the first one. */
  readonly knownLabels?: Readonly<Record<string, readonly string[]>>
  /** Gauges without labels that appear as one: what has no value yet is 0 beside the others. */
  readonly together?: readonly string[]
  readonly version: string
}

/** Gauges of Node's defaults that end as counters do; the same numbers come by type beside them. */
export const misnamed: readonly string[] = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

export class Exposition {
  readonly #registry = new Registry()
  readonly #snapshot: () => AppSnapshot
  #current: AppSnapshot

  constructor({
    snapshot,
    instruments,
    knownLabels = {},
    together = [],
    version,
  }: ExpositionOptions) {
    this.#snapshot = () => completed(snapshot(), together)
    this.#current = this.#snapshot()
    const families = [
      ...engineFamilies,
      buildFamily(version),
      ...declaredFamilies(instruments, knownLabels),
    ]
    for (const family of families) register(this.#registry, family, () => this.#current)
    collectDefaultMetrics({ register: this.#registry })
    for (const name of misnamed) this.#registry.removeSingleMetric(name)
  }

  /** The text for a scrape; all of the application's series are of one moment. */
  async render(): Promise<{ readonly contentType: string; readonly body: string }> {
    this.#current = this.#snapshot()
    const text = await this.#registry.metrics()
    // Prometheus bears what prom-client writes; the format, and other readers, want it like this.
    const body = text.replaceAll(/ Nan$/gm, ' NaN')
    return { contentType: this.#registry.contentType, body }
  }
}

/** Whoever has one of them owns the task of them all: the others are not shown elsewhere. */
function completed(snapshot: AppSnapshot, together: readonly string[]): AppSnapshot {
  const shown = new Set(snapshot.gauges.map(({ name }) => name))
  if (!together.some((name) => shown.has(name))) return snapshot
  const missing = together.filter((name) => !shown.has(name))
  const zeros = missing.map((name) => ({ name, labels: {}, value: 0 }))
  return { ...snapshot, gauges: [...snapshot.gauges, ...zeros] }
}

export function buildFamily(version: string): Family {
  const samples = (): readonly Sample[] => [{ labels: { version }, value: 1 }]
  const help = 'The version that is running'
  return { kind: 'gauge', name: 'millrace_build_info', help, labels: ['version'], samples }
}

/** One family for each name; `knownLabels` as in the options of Exposition. */
export function declaredFamilies(
  instruments: readonly Instrument[],
  knownLabels: Readonly<Record<string, readonly string[]>> = {}
): readonly Family[] {
  const byName = new Map(instruments.map((instrument) => [instrument.name, instrument]))
  return [...byName.values()].map(({ kind, name, help, labels, label }) => {
    if (kind === 'gauge') {
      const samples: Family['samples'] = ({ gauges }) => gauges.filter((one) => one.name === name)
      return { kind, name, help, labels: Object.keys(labels), samples }
    }
    const known = label === undefined ? [''] : (knownLabels[name] ?? [])
    const samples: Family['samples'] = ({ counters }) => counted(name, label, known, counters)
    return { kind, name, help, labels: label === undefined ? [] : [label], samples }
  })
}

/** A counter without a label is one series, which exists from the start. */
function counted(
  name: string,
  label: string | undefined,
  known: readonly string[],
  counters: readonly CounterSample[]
): readonly Sample[] {
  const values = new Map(known.map((text) => [text, 0]))
  for (const counter of counters) {
    if (counter.name !== name) continue
    const text = label === undefined ? '' : (counter.labels[label] ?? '')
    values.set(text, (values.get(text) ?? 0) + counter.value)
  }
  const labels = (text: string) => (label === undefined ? {} : { [label]: text })
  return [...values].map(([text, value]) => ({ labels: labels(text), value }))
}
