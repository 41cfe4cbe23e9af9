/** A family of series: one name, one kind, and where its samples come from at a scrape. */
import { Counter, Gauge, type Registry } from 'prom-client'
import type { AppSnapshot } from '../runtime/snapshot.ts'

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly kind: 'gauge' | 'counter'
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  readonly samples: (snapshot: AppSnapshot) => readonly Sample[]
}

/** `current` answers with the one snapshot that all families of a scrape share. */
export function register(registry: Registry, family: Family, current: () => AppSnapshot): void {
  const { name, help, samples } = family
  const options = { name, help, labelNames: [...family.labels], registers: [registry] }
  if (family.kind === 'gauge') {
    new Gauge({
      ...options,
      collect() {
        clear(this, family)
        for (const { labels, value } of samples(current())) this.set(labels, value)
      },
    })
  } else {
    new Counter({
      ...options,
      collect() {
        clear(this, family)
        for (const { labels, value } of samples(current())) this.inc(labels, value)
      },
    })
  }
}

/** A reset leaves a series without labels behind, at 0; but what is not known is not shown. */
function clear(metric: Gauge | Counter, { labels }: Family): void {
  metric.reset()
  if (labels.length === 0) metric.remove()
}
