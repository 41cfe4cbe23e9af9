/**
 * Topics that are joined by key need equal partition counts, or records of one key meet in no task.
 * Topics of the user have the count they have; repartition topics without a number take it over.
 */
import { TopologyError } from '../errors.ts'
import type { TopologyTopic } from '../topology/topology.ts'

type Topics = ReadonlyMap<string, TopologyTopic>

export class Copartitions {
  readonly #groups: readonly (readonly string[])[]
  readonly #topics: Topics

  constructor(groups: readonly (readonly string[])[], topics: Topics) {
    this.#groups = groups
    this.#topics = topics
  }

  /** Whose count a repartition topic takes; undefined: that of what is written to it. */
  leaderOf(name: string): string | undefined {
    const group = this.#groups.find((one) => one.includes(name))
    const leader = group?.find((other) => this.#hasOwnCount(other))
    return leader === name ? undefined : (leader ?? this.#first(group, name))
  }

  /** Topics that decide the count of one that follows none: its writers', and its followers'. */
  writersOf(name: string, own: readonly string[]): readonly string[] {
    const group = this.#groups.find((one) => one.includes(name))
    const others = (group ?? []).flatMap((other) => {
      const partitions = this.#topics.get(other)?.partitions
      return typeof partitions === 'object' ? partitions.sameAs : []
    })
    return [...new Set([...own, ...others])]
  }

  /** Throws a TopologyError that names two topics, their counts, and the way out. */
  check(countOf: (name: string) => number): void {
    for (const group of this.#groups) {
      const [first, ...others] = group
      if (first === undefined) continue
      const count = countOf(first)
      const other = others.find((name) => countOf(name) !== count)
      if (other !== undefined) throw unequal([first, count], [other, countOf(other)])
    }
  }

  /** Repartition topics among themselves: one has the greatest count, the rest follow it. */
  #first(group: readonly string[] | undefined, name: string): string | undefined {
    const first = group?.[0]
    return first === name ? undefined : first
  }

  #hasOwnCount(name: string): boolean {
    const topic = this.#topics.get(name)
    return topic?.role !== 'repartition' || typeof topic.partitions === 'number'
  }
}

type Counted = readonly [name: string, count: number]

function unequal([one, oneCount]: Counted, [other, otherCount]: Counted): TopologyError {
  const [few, many] = oneCount < otherCount ? [one, other] : [other, one]
  return new TopologyError(
    'MILLRACE_JOIN_PARTITIONS',
    `Topic '${one}' has ${oneCount} partitions and '${other}' has ${otherCount}, but their ` +
      'records are joined by key, which takes equal numbers. Send one of them through ' +
      `repartition('name') before the join, which takes the other's number, or give ` +
      `'${few}' as many partitions as '${many}'.`
  )
}
