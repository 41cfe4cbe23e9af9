/**
 * Whether the thread of the group reads what the thread of its member tells it: all that the one
 * can know of the other's event loop.
 *
 *     member: told 1, 2, 3 …  ──messages──▶  group: counts up what it has read, in shared memory
 */

export class Attention {
  readonly #read: Int32Array
  readonly #now: () => number
  #told = 0
  #readBefore = 0
  /** Since when the first message that is unread could have been read. */
  #since = 0

  /** `read`: one counter, of the messages that the other thread has read. */
  constructor(read: Int32Array, now: () => number) {
    this.#read = read
    this.#now = now
  }

  /** To be called with every message, before it is sent. */
  tell(): void {
    if (this.#unread() === 0) this.#since = this.#now()
    this.#told++
  }

  /** For how long it has read nothing, though there is something; 0: it has read everything. */
  unreadMs(): number {
    return this.#unread() === 0 ? 0 : this.#now() - this.#since
  }

  #unread(): number {
    const read = Atomics.load(this.#read, 0)
    if (read !== this.#readBefore) {
      this.#readBefore = read
      this.#since = this.#now()
    }
    return this.#told - read
  }
}
