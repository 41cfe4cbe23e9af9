/**
 * Room for batches that are not acknowledged, bounded in bytes.
 *
 *     enqueue ──▶ line of those who wait ──▶ inside, counted ──release──▶ room for the next in line
 *
 * Invariants: first come, first inside; a batch greater than all room goes in alone; whoever waits
 * for emptiness is told once nothing is inside and nobody waits.
 */
import type { TopicPartition } from '../ids.ts'
import type { PendingBatch } from './partition-queue.ts'

export interface WaitingBatch extends TopicPartition {
  readonly batch: PendingBatch
}

export class SendBuffer {
  readonly #bytesMax: number
  readonly #admit: (batch: WaitingBatch) => void
  #bytes = 0
  #line: WaitingBatch[] = []
  #idle: (() => void)[] = []

  constructor(bytesMax: number, admit: (batch: WaitingBatch) => void) {
    this.#bytesMax = bytesMax
    this.#admit = admit
  }

  /** Of the batches inside. */
  get bytes(): number {
    return this.#bytes
  }

  enter(batch: WaitingBatch): void {
    this.#line.push(batch)
    this.#letIn()
  }

  /** A batch inside was split: its halves are as many bytes more. */
  grow(bytes: number): void {
    this.#bytes += bytes
  }

  release(bytes: number): void {
    this.#bytes -= bytes
    this.#letIn()
    if (this.#bytes > 0 || this.#line.length > 0) return
    const idle = this.#idle
    this.#idle = []
    for (const resolve of idle) resolve()
  }

  /** Sends home those who wait outside. */
  clearLine(): readonly WaitingBatch[] {
    const line = this.#line
    this.#line = []
    return line
  }

  /** Resolves when nothing is inside any more and nobody waits. */
  async idle(): Promise<void> {
    if (this.#bytes === 0 && this.#line.length === 0) return
    await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  #letIn(): void {
    for (let next = this.#line[0]; next; next = this.#line[0]) {
      const { length } = next.batch.bytes
      if (this.#bytes > 0 && this.#bytes + length > this.#bytesMax) return
      this.#line.shift()
      this.#bytes += length
      this.#admit(next)
    }
  }
}
