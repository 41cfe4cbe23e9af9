/**
 * The series that queries may ask for: only what is declared, and always of the jobs and instances
 * that are chosen at the top of the dashboard.
 */
import { assert, present } from '../assert.ts'
import type { Declaration } from '../metrics/declarations.ts'

const chosen = 'job=~"$job", instance=~"$instance"'

export class Series {
  readonly #declared: ReadonlyMap<string, Declaration>

  constructor(declared: readonly Declaration[]) {
    this.#declared = new Map(declared.map((declaration) => [declaration.name, declaration]))
  }

  /** A selector such as `name{job=~"$job", instance=~"$instance", window="5m"}`. */
  of(name: string, labels: Readonly<Record<string, string>> = {}): string {
    const { labels: known } = this.declaration(name)
    const matchers = Object.entries(labels).map(([label, matcher]) => {
      assert(known === null || known.includes(label), `${name} has no label ${label}`)
      return `, ${label}${/^[!=]/.test(matcher) ? matcher : `="${matcher}"`}`
    })
    return `${name}{${chosen}${matchers.join('')}}`
  }

  /** What a counter grows by in a second. */
  rate(name: string, labels: Readonly<Record<string, string>> = {}): string {
    assert(this.declaration(name).kind !== 'gauge', `${name} is no counter`)
    return `rate(${this.of(name, labels)}[$__rate_interval])`
  }

  /** Part of a histogram. */
  rateOf(name: string, part: 'sum' | 'count'): string {
    assert(this.declaration(name).kind === 'histogram', `${name} is no histogram`)
    return `rate(${name}_${part}{${chosen}}[$__rate_interval])`
  }

  declaration(name: string): Declaration {
    return present(this.#declared.get(name), `a metric with the name ${name}`)
  }

  /** Those of the declared metrics that these expressions ask for, in order of declaration. */
  in(expressions: readonly string[]): readonly Declaration[] {
    const names = new Set(expressions.flatMap((text) => text.match(/[a-z_]\w*(?=\{)/g) ?? []))
    return [...this.#declared.values()].filter(({ name, kind }) => {
      return names.has(name) || (kind === 'histogram' && names.has(`${name}_sum`))
    })
  }
}
