/**
 * Members of a set as they come, for those who count them later: a list, which costs a third of a
 * set. It holds a member twice where a message came twice, which only at least once does.
 */
export class MemberList implements Iterable<string> {
  readonly #members: string[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: string): this {
    this.#members.push(member)
    return this
  }

  values(): ArrayIterator<string> {
    return this.#members.values()
  }

  [Symbol.iterator](): ArrayIterator<string> {
    return this.#members.values()
  }
}

/** Where the members of one set are kept: each once, or as they come. */
export type Members = Set<string> | MemberList
