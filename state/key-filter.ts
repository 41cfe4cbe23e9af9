/**
 * Which keys of a store LevelDB may have, where memory has let some of them go.
 *
 *     words   │ block │ block │ block │ …      a block: 8 words of 32 bits, in one cache line
 *     key ─hash─▶ one block ─▶ one bit in each of its words
 *
 * Invariants: a key that was added is always held to be there; nothing is ever taken out again.
 * The words are made with the first key. The fuller they are, the more other keys seem to be there
 * as well: one of 190 at 12 bits a key, one of 30 at 8, one of 3 at 4; there it takes no more.
 *
 * A split block Bloom filter, as in the format of Parquet: one or two places in memory a question,
 * which takes 50 to 130 ns where LevelDB takes 2 to 3 µs to say that it does not have a key.
 */
import { fnv1a, scattered } from '../src/text-hash.ts'

const blockWords = 8
const blockBytes = blockWords * 4
/** With fewer bits for each key it would say yes too often to be worth the question. */
const bitsPerKeyMin = 4
/** Odd numbers, one for each word of a block, as the format of Parquet has them. */
const salts = [
  0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31,
] as const
const [salt0, salt1, salt2, salt3, salt4, salt5, salt6, salt7] = salts

export class KeyFilter {
  readonly #bytesMax: () => number
  #words: Uint32Array | undefined
  #blockMask = 0
  #keysLeft = 0

  /** @param bytesMax how large it may become, asked when the first key comes */
  constructor(bytesMax: () => number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#words?.byteLength ?? 0
  }

  /** False: it is full, or has no room at all, and does not know this key. */
  add(key: string): boolean {
    const words = (this.#words ??= this.#begin())
    if (this.#keysLeft <= 0) return false
    const hash = hashOf(key)
    const block = (hash & this.#blockMask) * blockWords
    let isNew = false
    for (let index = 0; index < blockWords; index++) {
      const bit = 1 << (Math.imul(hash, salts[index] as number) >>> 27)
      const word = words[block + index] as number
      if ((word & bit) !== 0) continue
      words[block + index] = word | bit
      isNew = true
    }
    if (isNew) this.#keysLeft -= 1
    return true
  }

  /** False: this key was not added, for certain. */
  mayHold(key: string): boolean {
    const words = this.#words
    if (words === undefined) return false
    const hash = hashOf(key)
    const at = (hash & this.#blockMask) * blockWords
    // By hand: most keys that were not added are known by the first two words.
    return (
      holds(words, at, hash, salt0) &&
      holds(words, at + 1, hash, salt1) &&
      holds(words, at + 2, hash, salt2) &&
      holds(words, at + 3, hash, salt3) &&
      holds(words, at + 4, hash, salt4) &&
      holds(words, at + 5, hash, salt5) &&
      holds(words, at + 6, hash, salt6) &&
      holds(words, at + 7, hash, salt7)
    )
  }

  #begin(): Uint32Array {
    const blocksMax = Math.floor(this.#bytesMax() / blockBytes)
    const blocks = blocksMax < 1 ? 0 : 2 ** Math.floor(Math.log2(blocksMax))
    this.#blockMask = blocks - 1
    this.#keysLeft = Math.floor((blocks * blockBytes * 8) / bitsPerKeyMin)
    return new Uint32Array(blocks * blockWords)
  }
}

function holds(words: Uint32Array, at: number, hash: number, salt: number): boolean {
  return (((words[at] as number) >>> (Math.imul(hash, salt) >>> 27)) & 1) !== 0
}

function hashOf(key: string): number {
  return scattered(fnv1a(key))
}
