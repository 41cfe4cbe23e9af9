/**
 * The members of one set of a partial as entries of a store: in blocks, in the order they came in.
 *
 *     prefix 0   → members ┐ between 512 bytes and 16 KiB: never written again
 *     prefix 1   → members ┘
 *     prefix 2   → members   less: written again with what comes next
 *
 * Invariants: a set that grows is written once, but for its last block; there are no more blocks
 * than flushes that found something new, or than the bytes need. An entry for each member would
 * cost four writes of its own: the state, its changelog, and a deletion in both.
 */
import type { KeyValueState } from '../../state/contract.ts'
import { type ByteReader, type ByteWriter, lengthBytesMax } from '../aggregators/bytes.ts'
import type { Members } from './member-list.ts'
import { SetTail } from './set-tail.ts'
import { readU32, u32Key } from './time-keys.ts'

/** Far below what logs take, and little enough to be decoded at one go. */
const blockBytesMax = 16 * 1024
/** What is written again is small beside the rest of a record, and blocks stay few. */
const blockBytesMin = 512

/** One entry; members are only added, and only to the last one. */
export class MemberBlock {
  readonly members: string[] = []
  bytes = 0

  add(member: string): void {
    this.members.push(member)
    this.bytes += member.length + lengthBytesMax
  }

  write(writer: ByteWriter): void {
    for (const member of this.members) writer.binary(member)
  }

  static read(reader: ByteReader): MemberBlock {
    const block = new MemberBlock()
    while (!reader.isDone) block.add(reader.binary())
    return block
  }
}

export class MemberBlocks {
  readonly #set: Members
  #unwritten: SetTail<string>
  #count = 0
  /** The last one, as long as it is small. */
  #open: MemberBlock | undefined

  constructor(set: Members) {
    this.#set = set
    this.#unwritten = new SetTail(set)
  }

  /** Takes in what the store has; in the order of keys, before anything is added. */
  load(number: string, block: MemberBlock): void {
    for (const member of block.members) this.#set.add(member)
    this.#unwritten = new SetTail(this.#set, this.#set.size)
    this.#count = readU32(number, 0) + 1
    this.#open = block.bytes < blockBytesMin ? block : undefined
  }

  /** Writes what has come since the last time. */
  write(store: Pick<KeyValueState<MemberBlock>, 'put'>, prefix: string): void {
    const unwritten = this.#unwritten
    while (unwritten.size > 0) {
      const block = this.#open ?? new MemberBlock()
      if (this.#open === undefined) this.#count += 1
      while (unwritten.size > 0 && block.bytes < blockBytesMax) block.add(unwritten.next())
      store.put(prefix + u32Key(this.#count - 1), block)
      this.#open = block.bytes < blockBytesMin ? block : undefined
    }
  }

  *keys(prefix: string): Generator<string, undefined> {
    for (let number = 0; number < this.#count; number++) yield prefix + u32Key(number)
    return undefined
  }
}
