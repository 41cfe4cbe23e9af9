/**
 * The frozen changes of one commit, as the bytes that go to the changelog and to LevelDB; or of
 * several, if the ones before were kept: then each key has its newest bytes.
 *
 *     arena    │ value │ crc │ value │ crc │ …        one stretch per entry that is not deleted
 *     starts   ▲ 0             ▲ 1                    -1: deleted
 *     current  which of the entries the last seal has changed, in the order of their first write
 *
 * Invariants: bytes never change once sealed, whatever processing does to the live values; a value
 * and its CRC-32C lie side by side, so that LevelDB gets both without another copy.
 */

import { crc32c } from '../src/crc32c.ts'
import { ShortViews } from '../src/short-views.ts'
import { steadyList } from '../src/steady-list.ts'
import { checksumBytes, writeChecksum } from './checksum.ts'
import type { SealedState } from './contract.ts'
import type { Entry } from './entry.ts'
import { latin1Bytes } from './latin1.ts'

/** Larger arenas are left to the garbage collector after one use. */
const arenaKeptBytesMax = 8 * 1024 * 1024

const keyViews = new ShortViews()
const valueViews = new ShortViews()

/** Memory that seals write into, one after the other. */
export class Arena {
  buffer: Buffer = Buffer.allocUnsafeSlow(64 * 1024)
  length = 0

  append(bytes: Uint8Array): void {
    const size = bytes.length
    const end = this.length + size + checksumBytes
    if (end > this.buffer.length) this.#grow(end)
    const { buffer, length } = this
    if (size < 64) {
      for (let at = 0; at < size; at++) buffer[length + at] = bytes[at] as number
    } else {
      buffer.set(bytes, length)
    }
    writeChecksum(buffer, length + size, crc32c(buffer, length, length + size))
    this.length = end
  }

  clear(): void {
    this.length = 0
    if (this.buffer.length > arenaKeptBytesMax) this.buffer = Buffer.allocUnsafeSlow(64 * 1024)
  }

  #grow(bytesMin: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(bytesMin, this.buffer.length * 2))
    grown.set(this.buffer.subarray(0, this.length))
    this.buffer = grown
  }
}

export class SealedLayer implements SealedState {
  readonly #entries = steadyList<Entry>()
  readonly #starts: number[] = []
  readonly #ends: number[] = []
  #current: number[] = []
  readonly #arena: Arena

  constructor(arena: Arena) {
    arena.clear()
    this.#arena = arena
  }

  /** Of the last seal. */
  get entries(): number {
    return this.#current.length
  }

  /** Of all seals since the last write. */
  get size(): number {
    return this.#entries.length
  }

  /** Another seal begins: what is here stays. */
  renew(): void {
    this.#current = []
  }

  get bytes(): number {
    return this.#arena.length
  }

  /** Takes in an entry of the open layer. */
  add(entry: Entry): void {
    entry.dirty = false
    const index = entry.sealed ? entry.sealedAt : this.#entries.push(entry) - 1
    if (entry.value === undefined) {
      entry.stored = false
      this.#starts[index] = -1
      this.#ends[index] = -1
    } else {
      const start = this.#arena.length
      this.#arena.append(entry.owner.definition.codec.encode(entry.value))
      entry.stored = true
      this.#starts[index] = start
      this.#ends[index] = this.#arena.length
    }
    entry.sealed = true
    entry.sealedAt = index
    this.#current.push(index)
  }

  entryAt(index: number): Entry {
    return this.#entries[index] as Entry
  }

  [Symbol.iterator](): Iterator<Entry> {
    return this.#entries.values()
  }

  /** A rollback during the write gives the sealed keys new entries. */
  replaceAt(index: number, entry: Entry): void {
    entry.sealed = true
    entry.sealedAt = index
    this.#entries[index] = entry
  }

  /** Where value and checksum begin in the arena; -1 if the key is deleted. */
  startAt(index: number): number {
    return this.#starts[index] as number
  }

  endAt(index: number): number {
    return this.#ends[index] as number
  }

  get buffer(): Buffer {
    return this.#arena.buffer
  }

  /** The bytes of the codec, without the checksum; null: deleted. */
  valueAt(index: number): Uint8Array | null {
    const start = this.startAt(index)
    if (start < 0) return null
    const { buffer, byteOffset } = this.#arena.buffer
    return new Uint8Array(buffer, byteOffset + start, this.endAt(index) - checksumBytes - start)
  }

  forEachLogged(visit: (store: string, key: Uint8Array, value: Uint8Array | null) => void): void {
    for (const index of this.#current) {
      const { owner, key } = this.entryAt(index)
      if (!owner.definition.logged) continue
      const keyBytes = keyViews.ofLatin1(key) ?? latin1Bytes(key)
      visit(owner.definition.name, keyBytes, this.#viewAt(index))
    }
  }

  /** As `valueAt`, until the next call. */
  #viewAt(index: number): Uint8Array | null {
    const start = this.startAt(index)
    if (start < 0) return null
    const end = this.endAt(index) - checksumBytes
    return valueViews.ofBytes(this.#arena.buffer, start, end) ?? this.valueAt(index)
  }
}
