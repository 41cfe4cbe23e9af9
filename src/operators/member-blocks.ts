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
import type { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import { present } from '../assert.ts'
import { eachOf, MemberList, type MemberRun, type Members, runOf } from './member-list.ts'
import { MemberSet, type MemberTail } from './member-set.ts'
import { readU32, u32Key } from './time-keys.ts'

/** Far below what logs take, and little enough to be decoded at one go. */
const blockBytesMax = 16 * 1024
/** What is written again is small beside the rest of a record, and blocks stay few. */
const blockBytesMin = 512

/** One entry; members are only added, and only to the last one. */
export class MemberBlock {
  readonly #runs: MemberRun[] = []
  bytes = 0
  /** Of members. */
  size = 0

  addRun(run: MemberRun): void {
    this.#runs.push(run)
    this.size += run.count
    this.bytes += run.bytes.length
  }

  addTo(set: Members): void {
    for (const run of this.#runs) {
      if (set instanceof MemberList) set.addRun(run)
      else eachOf(run, (member) => void set.add(member))
    }
  }

  write(writer: ByteWriter): void {
    for (const { bytes } of this.#runs) writer.rest(bytes)
  }

  static read(reader: ByteReader): MemberBlock {
    const block = new MemberBlock()
    block.addRun(runOf(Uint8Array.from(reader.rest())))
    return block
  }
}

/** What a set has that no block has yet. */
interface Unwritten {
  readonly isEmpty: boolean
  /** At least one, and no more than fit. */
  moveTo(block: MemberBlock): void
}

class UnwrittenTail implements Unwritten {
  readonly #tail: MemberTail

  constructor(tail: MemberTail) {
    this.#tail = tail
  }

  get isEmpty(): boolean {
    return this.#tail.size === 0
  }

  moveTo(block: MemberBlock): void {
    block.addRun(this.#tail.take(blockBytesMax - block.bytes))
  }
}

class UnwrittenRuns implements Unwritten {
  readonly #runs: readonly MemberRun[]
  #next: number

  constructor(runs: readonly MemberRun[], taken: number) {
    this.#runs = runs
    this.#next = taken
  }

  get isEmpty(): boolean {
    return this.#next === this.#runs.length
  }

  moveTo(block: MemberBlock): void {
    let run = this.#runs[this.#next]
    do {
      block.addRun(present(run, 'an unwritten run'))
      this.#next += 1
      run = this.#runs[this.#next]
    } while (run !== undefined && block.bytes + run.bytes.length <= blockBytesMax)
  }
}

function unwrittenOf(set: Members, isWritten: boolean): Unwritten {
  if (set instanceof MemberSet) return new UnwrittenTail(set.tail(isWritten ? set.size : 0))
  return new UnwrittenRuns(set.runs, isWritten ? set.runs.length : 0)
}

export class MemberBlocks {
  readonly #set: Members
  #unwritten: Unwritten
  #count = 0
  /** The last one, as long as it is small. */
  #open: MemberBlock | undefined

  constructor(set: Members) {
    this.#set = set
    this.#unwritten = unwrittenOf(set, false)
  }

  /** Takes in what the store has; in the order of keys, before anything is added. */
  load(number: string, block: MemberBlock): void {
    block.addTo(this.#set)
    this.#unwritten = unwrittenOf(this.#set, true)
    this.#count = readU32(number, 0) + 1
    this.#open = block.bytes < blockBytesMin ? block : undefined
  }

  /** Writes what has come since the last time. */
  write(store: Pick<KeyValueState<MemberBlock>, 'put'>, prefix: string): void {
    const unwritten = this.#unwritten
    while (!unwritten.isEmpty) {
      const block = this.#open ?? new MemberBlock()
      if (this.#open === undefined) this.#count += 1
      unwritten.moveTo(block)
      store.put(prefix + u32Key(this.#count - 1), block)
      this.#open = block.bytes < blockBytesMin ? block : undefined
    }
  }

  *keys(prefix: string): Generator<string, undefined> {
    for (let number = 0; number < this.#count; number++) yield prefix + u32Key(number)
    return undefined
  }
}
