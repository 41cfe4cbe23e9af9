/** What goes out together: the batches of one round by leader, in requests of a bounded size. */
import type { PartitionQueue, PendingBatch } from './partition-queue.ts'

/** A batch under way, and where it came from. */
export interface Sent {
  readonly queue: PartitionQueue
  readonly batch: PendingBatch
}

const requestBytesMax = 8_000_000

export class ProduceRound {
  readonly #byAddress = new Map<string, Sent[]>()

  get isEmpty(): boolean {
    return this.#byAddress.size === 0
  }

  add(address: string, sent: Sent): void {
    const group = this.#byAddress.get(address)
    if (group) group.push(sent)
    else this.#byAddress.set(address, [sent])
  }

  /** One after the other to each leader. */
  *requests(): Iterable<{ readonly address: string; readonly sent: readonly Sent[] }> {
    for (const [address, group] of this.#byAddress) {
      for (const sent of inParts(group)) yield { address, sent }
    }
  }
}

/** Requests of a bounded size. */
function inParts(sent: readonly Sent[]): readonly (readonly Sent[])[] {
  const parts: Sent[][] = [[]]
  let bytes = 0
  for (const one of sent) {
    bytes += one.batch.bytes.length
    if (bytes > requestBytesMax && parts.at(-1)?.length) {
      parts.push([])
      bytes = one.batch.bytes.length
    }
    parts.at(-1)?.push(one)
  }
  return parts
}
