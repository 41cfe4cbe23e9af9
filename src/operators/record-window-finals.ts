/**
 * Final rows of sessions and sliding windows, in the order of their entries, which is that of their
 * closing.
 *
 *     01 a ✓  01 b ✓ │ emitted to    01 c  01 d │ bound: closed by now    01 e …
 *
 * Invariants: a row goes out once its window is closed, once, whatever crashes in between: how far
 * that has come is a part of the progress, in the store; where memory knows what comes next nothing
 * is awaited.
 */
import type { KeyValueState } from '../../state/contract.ts'
import type { TaskContext } from '../processor/operator.ts'
import { OrderedPage } from './ordered-page.ts'
import { type RecordWindowProgress, windowRange } from './record-window-entries.ts'

export interface RecordWindowFinalsOptions {
  readonly context: Pick<TaskContext, 'afterRecord'>
  readonly store: Pick<KeyValueState<unknown>, 'range'>
  readonly progress: RecordWindowProgress
  /** Entries below this are closed by now. */
  readonly bound: () => string
  /** Sends what an entry holds, if it is still there. */
  readonly send: (entry: string) => void
}

export class RecordWindowFinals {
  readonly #options: RecordWindowFinalsOptions
  readonly #page: OrderedPage
  readonly #goOn = (): Promise<boolean> => this.#emitThroughStore()

  constructor(options: RecordWindowFinalsOptions) {
    this.#options = options
    const [from, to] = windowRange
    this.#page = new OrderedPage(options.store, [options.progress.emittedTo || from, to])
  }

  /** Reads what comes next, and goes on where the last life has ended. */
  async begin(): Promise<void> {
    await this.#page.load()
    this.emitLater()
  }

  add(entry: string): void {
    this.#page.add(entry)
  }

  remove(entry: string): void {
    this.#page.remove(entry)
  }

  /** At once if memory has it all: the rows follow the record that closed their windows. */
  emit(): void {
    const bound = this.#due()
    if (bound === undefined) return
    if (this.#page.mayLack(bound)) this.emitLater()
    else this.#emitBefore(bound, true)
  }

  /** Whether closed windows are waiting. */
  isDue(): boolean {
    const bound = this.#due()
    if (bound === undefined) return false
    return this.#page.mayLack(bound) || (this.#page.first ?? bound) < bound
  }

  /** As `emit`, with the work that comes after a record. */
  emitLater(): void {
    this.#options.context.afterRecord(this.#goOn)
  }

  /** Undefined: all that are closed were emitted. */
  #due(): string | undefined {
    const bound = this.#options.bound()
    return bound > this.#options.progress.emittedTo ? bound : undefined
  }

  async #emitThroughStore(): Promise<boolean> {
    const bound = this.#due()
    if (bound === undefined) return false
    const isLast = !this.#page.mayLack(bound)
    this.#emitBefore(bound, isLast)
    if (!isLast) await this.#page.load()
    return !isLast
  }

  #emitBefore(bound: string, isAll: boolean): void {
    const { progress, send } = this.#options
    for (const entry of this.#page.takeBefore(bound)) {
      send(entry)
      progress.emitted(`${entry}\x00`)
    }
    if (isAll) progress.emitted(bound)
  }
}
