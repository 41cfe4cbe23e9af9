/**
 * What a task tells the outside, bound to its commits: gauges, counters, drops.
 *
 *     set, add ──▶ pending ──seal()──▶ sealed ──publish()──▶ committed (gauges) · totals (counters)
 *
 * Invariants: nothing of an open transaction is ever shown; `forget` drops pending and sealed
 * values; gauges leave with their task, totals stay with the process.
 */
import { present } from '../assert.ts'
import { TopologyError } from '../errors.ts'
import type { CounterPort, GaugePort } from '../processor/operator.ts'
import type { InstrumentSpec } from '../topology/topology.ts'
import type { CounterSample, GaugeSample } from './snapshot.ts'

type Labels = Readonly<Record<string, string>>

/** What the process has counted since it started. */
export class Totals {
  readonly dropped = new Map<string, number>()
  recordsIn = 0
  recordsOut = 0
  readonly commits = { count: 0, seconds: 0, aborted: 0 }
  readonly restores = { count: 0, seconds: 0, records: 0 }
  readonly #counters = new Map<string, Map<string, number>>()
  readonly #specs: ReadonlyMap<string, InstrumentSpec>

  constructor(specs: readonly InstrumentSpec[]) {
    this.#specs = new Map(specs.map((spec) => [spec.name, spec]))
  }

  spec(kind: InstrumentSpec['kind'], name: string): InstrumentSpec {
    const spec = this.#specs.get(name)
    if (spec?.kind === kind) return spec
    throw new TopologyError(
      'MILLRACE_INSTRUMENT_UNKNOWN',
      `The topology declares no ${kind} named '${name}'.`
    )
  }

  add(counter: string, label: string, count: number): void {
    let labels = this.#counters.get(counter)
    if (labels === undefined) this.#counters.set(counter, (labels = new Map()))
    labels.set(label, (labels.get(label) ?? 0) + count)
  }

  restored(seconds: number, records: number): void {
    this.restores.count += 1
    this.restores.seconds += seconds
    this.restores.records += records
  }

  counters(): readonly CounterSample[] {
    return [...this.#counters].flatMap(([name, labels]) => {
      const { label } = present(this.#specs.get(name), name)
      return [...labels].map(([text, value]) => ({
        name,
        labels: label === undefined ? {} : { [label]: text },
        value,
      }))
    })
  }
}

export class TaskInstruments {
  readonly #totals: Totals
  readonly #gauges = new Map<string, Gauge>()
  readonly #counters = new Map<string, Counts>()
  readonly #drops: Counts
  #recordsIn = 0
  #sealedIn = 0

  constructor(totals: Totals) {
    this.#totals = totals
    this.#drops = new Counts((reason, count) => {
      totals.dropped.set(reason, (totals.dropped.get(reason) ?? 0) + count)
    })
  }

  gauge(name: string, labels: Labels = {}): GaugePort {
    this.#totals.spec('gauge', name)
    const key = JSON.stringify([name, Object.entries(labels).sort()])
    let gauge = this.#gauges.get(key)
    if (gauge === undefined) this.#gauges.set(key, (gauge = new Gauge(name, labels)))
    return gauge
  }

  counter(name: string): CounterPort {
    this.#totals.spec('counter', name)
    let counts = this.#counters.get(name)
    if (counts === undefined) {
      counts = new Counts((label, count) => this.#totals.add(name, label, count))
      this.#counters.set(name, counts)
    }
    return counts
  }

  drop(reason: string, count: number): void {
    this.#drops.add(reason, count)
  }

  recordIn(): void {
    this.#recordsIn++
  }

  seal(): void {
    for (const gauge of this.#gauges.values()) gauge.seal()
    for (const counts of this.#counters.values()) counts.seal()
    this.#drops.seal()
    this.#sealedIn = this.#recordsIn
    this.#recordsIn = 0
  }

  publish(): void {
    for (const gauge of this.#gauges.values()) gauge.publish()
    for (const counts of this.#counters.values()) counts.publish()
    this.#drops.publish()
    this.#totals.recordsIn += this.#sealedIn
    this.#sealedIn = 0
  }

  /** After an abort: the values of both layers never were. */
  forget(): void {
    for (const gauge of this.#gauges.values()) gauge.forget()
    for (const counts of this.#counters.values()) counts.forget()
    this.#drops.forget()
    this.#recordsIn = 0
    this.#sealedIn = 0
  }

  samples(): readonly GaugeSample[] {
    return [...this.#gauges.values()].flatMap((gauge) => gauge.sample() ?? [])
  }
}

class Gauge implements GaugePort {
  readonly #name: string
  readonly #labels: Labels
  /** Undefined: not set in that layer. */
  #pending: number | null | undefined
  #sealed: number | null | undefined
  #committed: number | null = null

  constructor(name: string, labels: Labels) {
    this.#name = name
    this.#labels = labels
  }

  set(value: number | null): void {
    this.#pending = value
  }

  seal(): void {
    this.#sealed = this.#pending
    this.#pending = undefined
  }

  publish(): void {
    if (this.#sealed !== undefined) this.#committed = this.#sealed
    this.#sealed = undefined
  }

  forget(): void {
    this.#pending = undefined
    this.#sealed = undefined
  }

  sample(): GaugeSample | undefined {
    if (this.#committed === null) return undefined
    return { name: this.#name, labels: this.#labels, value: this.#committed }
  }
}

class Counts implements CounterPort {
  readonly #publishOne: (label: string, count: number) => void
  #pending = new Map<string, number>()
  #sealed = new Map<string, number>()
  /** Counted beside the map as long as it stays the same: every record counts something. */
  #recent: string | undefined
  #recentCount = 0

  constructor(publishOne: (label: string, count: number) => void) {
    this.#publishOne = publishOne
  }

  add(label: string, count = 1): void {
    if (label !== this.#recent) {
      this.#keepRecent()
      this.#recent = label
    }
    this.#recentCount += count
  }

  seal(): void {
    this.#keepRecent()
    this.#sealed = this.#pending
    this.#pending = new Map()
  }

  publish(): void {
    for (const [label, count] of this.#sealed) this.#publishOne(label, count)
    this.#sealed = new Map()
  }

  forget(): void {
    this.#keepRecent()
    this.#pending = new Map()
    this.#sealed = new Map()
  }

  #keepRecent(): void {
    const label = this.#recent
    if (label === undefined) return
    this.#pending.set(label, (this.#pending.get(label) ?? 0) + this.#recentCount)
    this.#recent = undefined
    this.#recentCount = 0
  }
}
