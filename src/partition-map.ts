/**
 * One thing for each partition of any topic, made when it is first asked for.
 *
 * The last topic is remembered: records come in stretches of one topic, thousands at a time.
 */

import type { TopicPartition } from './ids.ts'
import { steadyList } from './steady-list.ts'

export class PartitionMap<T> {
  readonly #make: (topic: string) => T
  readonly #topics = new Map<string, (T | undefined)[]>()
  #lastTopic = ''
  #last: (T | undefined)[] | undefined

  constructor(make: (topic: string) => T) {
    this.#make = make
  }

  of(topic: string, partition: number): T {
    let partitions = this.#last
    if (partitions === undefined || topic !== this.#lastTopic) {
      partitions = this.#partitions(topic)
      this.#lastTopic = topic
      this.#last = partitions
    }
    const known = partitions[partition]
    return known === undefined ? this.#add(topic, partition, partitions) : known
  }

  /** By topic in the order of their first use, then by partition. */
  *entries(): Iterable<TopicPartition & { readonly value: T }> {
    for (const [topic, partitions] of this.#topics) {
      for (const [partition, value] of partitions.entries()) {
        if (value !== undefined) yield { topic, partition, value }
      }
    }
  }

  clear(): void {
    this.#topics.clear()
    this.#last = undefined
  }

  #add(topic: string, partition: number, partitions: (T | undefined)[]): T {
    const made = this.#make(topic)
    partitions[partition] = made
    return made
  }

  #partitions(topic: string): (T | undefined)[] {
    let partitions = this.#topics.get(topic)
    if (partitions === undefined) {
      partitions = steadyList()
      this.#topics.set(topic, partitions)
    }
    return partitions
  }
}
