/**
 * What committed reads must not see. A broker sends, with the batches of a fetch, the transactions
 * among them that were aborted: producer and first offset, in no order.
 *
 *   offsets   10 · · · 14 · · · · 20     aborted: (7, 10), (9, 14)
 *   producer   7       9     7    9
 *              └───────┼── ✗ ┘    │      a producer is open from its first offset
 *                      └────── ✗ ─┘      to its abort marker; its transactional batches are hidden
 */

import { at, attribute, headerBytes, lastOffset } from './record-batch.ts'
import type { AbortedTransaction } from './requests/records.ts'
import { readInt64 } from './wire.ts'

const abortMarker = 0

export class AbortedFilter {
  readonly #aborted: readonly AbortedTransaction[]
  #next = 0
  readonly #open = new Set<number>()

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#aborted = [...aborted].sort((left, right) => left.firstOffset - right.firstOffset)
  }

  /** Whether the records of the batch at `start` are hidden. For each batch once, in order. */
  hides(bytes: Buffer, start: number): boolean {
    const last = lastOffset(bytes, start)
    for (let next = this.#aborted[this.#next]; next; next = this.#aborted[++this.#next]) {
      if (next.firstOffset > last) break
      this.#open.add(next.producerId)
    }
    const attributes = bytes.readInt16BE(start + at.attributes)
    const producerId = readInt64(bytes, start + at.producerId)
    if ((attributes & attribute.control) !== 0) {
      if (markerType(bytes, start) === abortMarker) this.#open.delete(producerId)
      return true
    }
    return (attributes & attribute.transactional) !== 0 && this.#open.has(producerId)
  }
}

/** The second int16 of the key of the first record; undefined if the batch is empty. */
function markerType(bytes: Buffer, start: number): number | undefined {
  if (bytes.readInt32BE(start + at.count) === 0) return undefined
  let position = start + headerBytes
  const skipVarint = (): void => {
    while (bytes.readUInt8(position++) >= 0x80);
  }
  skipVarint()
  position++
  skipVarint()
  skipVarint()
  skipVarint()
  return bytes.readInt16BE(position + 2)
}
