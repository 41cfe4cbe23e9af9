/**
 * The parts of stores that other threads have, read by messages.
 *
 *     open ──▶ thread: snapshot        find, more ──▶ rows, page by page        close ──▶ shut
 *
 * Invariants: one request of a read is under way at a time; a thread that ends ends its reads, too.
 */
import { present } from '../assert.ts'
import type { ReadableStore } from '../processor/readable.ts'
import type { RowQuery, StoreRow } from '../processor/store-rows.ts'
import { moved } from '../runtime/store-errors.ts'
import type { OpenPart, PartState, StorePart } from '../runtime/store-parts.ts'
import type { EngineThread } from './engine-thread.ts'
import type { ReadAnswer, StorePlan } from './messages.ts'
import { fromPlainError } from './plain-error.ts'
import { fromPlainRow, toPlainQuery } from './plain-rows.ts'

interface Read {
  readonly thread: EngineThread
  readonly onAnswer: (answer: ReadAnswer) => void
  readonly onEnd: () => void
}

export class RemoteParts {
  readonly #threads: () => readonly EngineThread[]
  readonly #reads = new Map<number, Read>()
  #count = 0

  constructor(threads: () => readonly EngineThread[]) {
    this.#threads = threads
  }

  /** As of the threads' latest word. */
  of(store: ReadableStore): readonly StorePart[] {
    const places = this.#threads().flatMap(({ places }) => places[store.name] ?? [])
    const byTask = new Map(places.map((place) => [place.task, place]))
    return [...byTask.values()].map((place) => this.#part(store, place))
  }

  take(answer: ReadAnswer): void {
    this.#reads.get(answer.id)?.onAnswer(answer)
  }

  /** What it was asked nobody answers any more. */
  lose(thread: EngineThread): void {
    for (const read of [...this.#reads.values()]) if (read.thread === thread) read.onEnd()
  }

  #part(store: ReadableStore, { task, partition }: StorePlan): StorePart {
    const locate = (): { readonly thread: EngineThread | undefined; readonly state: PartState } =>
      place(this.#threads(), task)
    return {
      task,
      partition,
      get state() {
        return locate().state
      },
      // The thread sees to that when it opens the part.
      shown: () => undefined,
      open: () => this.#open(present(locate().thread, `task ${task} is here`), store, task),
    }
  }

  #open(thread: EngineThread, store: ReadableStore, task: StorePlan['task']): OpenPart {
    const id = this.#count++
    const early: ReadAnswer[] = []
    let onAnswer = (answer: ReadAnswer): void => void early.push(answer)
    let onEnd: () => void = () => {}
    const lost = (): Error => moved(store.name, task, undefined)
    const next = (): Promise<ReadAnswer> =>
      new Promise((resolve, reject) => {
        const answer = early.shift()
        if (answer !== undefined) resolve(answer)
        if (thread.isOver) reject(lost())
        onAnswer = resolve
        onEnd = () => reject(lost())
      })
    this.#reads.set(id, {
      thread,
      onAnswer: (answer) => onAnswer(answer),
      onEnd: () => onEnd(),
    })
    thread.tell({ kind: 'open', id, store: store.name, task })
    const close = (): void => {
      if (this.#reads.delete(id)) thread.tell({ kind: 'shut', id })
    }
    async function* find(query: RowQuery): AsyncIterable<StoreRow> {
      thread.tell({ kind: 'find', id, query: toPlainQuery(store, query) })
      for (;;) {
        const answer = await next()
        if (answer.kind === 'refused') throw fromPlainError(answer.error)
        for (const row of answer.rows) yield fromPlainRow(store, row)
        if (answer.isLast) return
        thread.tell({ kind: 'more', id })
      }
    }
    return { find, close }
  }
}

function place(
  threads: readonly EngineThread[],
  task: StorePlan['task']
): { readonly thread: EngineThread | undefined; readonly state: PartState } {
  const alive = threads.filter(({ isOver }) => !isOver)
  // Every thread has all of them.
  if (task === 'global') return { thread: alive[0], state: 'here' }
  const found = alive.flatMap((thread) =>
    (thread.snapshot?.tasks ?? [])
      .filter(({ id }) => id === task)
      .map(({ state }) => ({ thread, isRunning: state === 'running' }))
  )
  const running = found.find(({ isRunning }) => isRunning)
  if (running !== undefined) return { thread: running.thread, state: 'here' }
  return { thread: found[0]?.thread, state: found.length > 0 ? 'restoring' : 'elsewhere' }
}
