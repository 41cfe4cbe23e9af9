/**
 * Stores of one thread, read for another.
 *
 *     open ─▶ shown ─▶ a snapshot ─▶ find ─▶ page ─▶ more ─▶ page … ─▶ shut
 *
 * Invariants: what one read sees is of the commit at which it was opened, and that is no older than
 * what was committed when it was asked for; a page is bounded, and the next one is read when it is
 * asked for.
 */
import type { TaskId } from '../ids.ts'
import type { ReadableStore } from '../processor/readable.ts'
import type { StoreRow } from '../processor/store-rows.ts'
import { moved, restoring } from '../runtime/store-errors.ts'
import type { OpenPart, StorePart } from '../runtime/store-parts.ts'
import type { ReadAnswer, ReadRequest } from './messages.ts'
import { toPlainError } from './plain-error.ts'
import { fromPlainQuery, type PlainQuery, toPlainRow } from './plain-rows.ts'

export interface StoreServerOptions {
  readonly readable: readonly ReadableStore[]
  /** Throws, with a code, while there is nothing to be read. */
  readonly partsOf: (store: string) => readonly StorePart[]
  readonly answer: (answer: ReadAnswer) => void
}

interface Read {
  readonly store: ReadableStore
  /** Undefined until all that is committed can be read. */
  part: OpenPart | undefined
  /** Asked for before that. */
  query: PlainQuery | undefined
  rows: AsyncIterator<StoreRow> | undefined
}

const pageBytes = 256 * 1024
const pageRows = 1_000

export class StoreServer {
  readonly #options: StoreServerOptions
  readonly #reads = new Map<number, Read>()

  constructor(options: StoreServerOptions) {
    this.#options = options
  }

  take(request: ReadRequest): void {
    const { id } = request
    try {
      if (request.kind === 'open') this.#open(id, request.store, request.task)
      else if (request.kind === 'find') this.#find(id, request.query)
      else if (request.kind === 'more') void this.#page(id)
      else this.#shut(id)
    } catch (error) {
      this.#refuse(id, error)
    }
  }

  close(): void {
    for (const id of [...this.#reads.keys()]) this.#shut(id)
  }

  #open(id: number, name: string, task: TaskId | 'global'): void {
    const { store, part } = this.#locate(name, task)
    const shown = part.shown()
    const read: Read = { store, part: undefined, query: undefined, rows: undefined }
    this.#reads.set(id, read)
    if (shown === undefined) read.part = part.open()
    // Whatever became of the commit: what is committed then is read.
    else void shown.catch(() => {}).then(() => this.#openLate(id, read, task))
  }

  /** It may have been shut meanwhile, and the task may have moved. */
  #openLate(id: number, read: Read, task: TaskId | 'global'): void {
    if (this.#reads.get(id) !== read) return
    try {
      read.part = this.#locate(read.store.name, task).part.open()
      if (read.query !== undefined) this.#find(id, read.query)
    } catch (error) {
      this.#refuse(id, error)
    }
  }

  #locate(name: string, task: TaskId | 'global') {
    const { readable, partsOf } = this.#options
    const store = readable.find((one) => one.name === name)
    const part = partsOf(name).find((one) => one.task === task)
    if (part?.state === 'restoring') throw restoring(name, task)
    // It was here when the main thread looked.
    if (store === undefined || part?.state !== 'here') throw moved(name, task, undefined)
    return { store, part }
  }

  #find(id: number, query: PlainQuery): void {
    const read = this.#reads.get(id)
    if (read === undefined) return
    read.query = query
    if (read.part === undefined) return
    const rows = read.part.find(fromPlainQuery(read.store, query))
    read.rows = rows[Symbol.asyncIterator]()
    void this.#page(id)
  }

  async #page(id: number): Promise<void> {
    const read = this.#reads.get(id)
    if (read?.rows === undefined) return
    const rows: Uint8Array[] = []
    let bytes = 0
    try {
      while (bytes < pageBytes && rows.length < pageRows) {
        const { done, value } = await read.rows.next()
        if (done === true) {
          this.#options.answer({ kind: 'rows', id, rows, isLast: true })
          return
        }
        const row = toPlainRow(read.store, value)
        rows.push(row)
        bytes += row.byteLength
      }
      this.#options.answer({ kind: 'rows', id, rows, isLast: false })
    } catch (error) {
      this.#refuse(id, error)
    }
  }

  #refuse(id: number, error: unknown): void {
    this.#options.answer({ kind: 'refused', id, error: toPlainError(error) })
    this.#shut(id)
  }

  #shut(id: number): void {
    const read = this.#reads.get(id)
    this.#reads.delete(id)
    read?.part?.close()
  }
}
