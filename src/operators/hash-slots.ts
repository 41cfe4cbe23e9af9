/**
 * Where things are found by a hash of theirs, in the order in which they came: they are numbered,
 * and kept elsewhere by their numbers.
 *
 *     hash ─▶ first slot, the next, … ─▶ number of a thing with a hash like it, or free
 *
 * How one who keeps them looks for one:
 *
 *     for (let slot = slots.first(hash); ; slot = slots.after(slot)) {
 *       const number = slots.at(slot)
 *       if (number < 0) → it is not here, and belongs here: slots.put(slot, hash)
 *       if (slots.hashAt(number) === hash && …) → it is here
 *     }
 *
 * Invariant: less than half of the slots are taken, so that a search is short and comes to an end.
 */

export class HashSlots {
  /** How many things there are. */
  size = 0
  /** Numbers from 1 on; 0: the slot is free. */
  #slots: Int32Array
  #hashes: Int32Array

  /** @param slots a power of two */
  constructor(slots: number) {
    this.#slots = new Int32Array(slots)
    this.#hashes = new Int32Array(slots / 2)
  }

  /** How many there can be before it grows. */
  get room(): number {
    return this.#hashes.length
  }

  first(hash: number): number {
    return hash & (this.#slots.length - 1)
  }

  after(slot: number): number {
    return (slot + 1) & (this.#slots.length - 1)
  }

  /** −1: it is free. */
  at(slot: number): number {
    return (this.#slots[slot] as number) - 1
  }

  hashAt(number: number): number {
    return this.#hashes[number] as number
  }

  /** Takes a free slot, which a search has ended at; slots found before mean nothing any more. */
  put(slot: number, hash: number): void {
    this.#hashes[this.size] = hash
    this.size += 1
    this.#slots[slot] = this.size
    if (this.size === this.#hashes.length) this.#grow()
  }

  /** As many slots as before, and all of them free. */
  clear(): void {
    this.size = 0
    this.#slots.fill(0)
  }

  #grow(): void {
    const hashes = this.#hashes
    const slots = new Int32Array(this.#slots.length * 2)
    const last = slots.length - 1
    for (let number = 0; number < this.size; number++) {
      let slot = (hashes[number] as number) & last
      while (slots[slot] !== 0) slot = (slot + 1) & last
      slots[slot] = number + 1
    }
    this.#slots = slots
    this.#hashes = new Int32Array(slots.length / 2)
    this.#hashes.set(hashes)
  }
}
