/**
 * One thread that runs tasks, as the main thread sees it.
 *
 *     born ──▶ started ──▶ closing ──▶ ended          snapshots: what it last said of itself
 *        └────────┴─────── failed ───────▲
 *
 * Invariants: it ends once, and by itself if it can; a thread that ends without a word has failed.
 */
import { Worker } from 'node:worker_threads'
import { FatalError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { Ending } from '../runtime/ending.ts'
import type { AppSnapshot } from '../runtime/snapshot.ts'
import { inheritedFlags } from '../worker-options.ts'
import type { FromThread, ReadAnswer, StorePlaces, ThreadData, ToThread } from './messages.ts'
import { fromPlainError, toPlainError } from './plain-error.ts'
import type { Claim, TaskLocks } from './task-locks.ts'
import { writeLine } from './thread-logger.ts'

export interface EngineThreadOptions {
  readonly data: ThreadData
  readonly locks: TaskLocks
  readonly logger: Logger
  readonly onNews: (thread: EngineThread) => void
  /** It waits for `join`, or has ended. */
  readonly onJoining: () => void
  /** It has made its last commit, and waits for `leave`, or has ended. */
  readonly onLeaving: () => void
  readonly onAnswer: (answer: ReadAnswer) => void
}

/** As this file: one is source, the other compiled. */
const workerFile = import.meta.url.replace(/engine-thread(\.\w+)$/, 'engine-worker$1')
/** What a thread needs beyond the time it is given, to give up and to close what it has. */
const graceMs = 1_200

export class EngineThread {
  readonly number: number
  /** Resolves when it runs, or has closed before; rejects with what stands in the way. */
  readonly started = new Ending()
  /** Resolves when it has closed; rejects with the error that ended it. */
  readonly ended = new Ending()
  readonly #options: EngineThreadOptions
  readonly #worker: Worker
  readonly #claims = new Map<number, Claim>()
  #snapshot: AppSnapshot | undefined
  #heardAt = performance.now()
  #places: StorePlaces = {}
  #isJoining = false
  #isLeaving = false
  #isOver = false
  #closing: Promise<void> | undefined

  constructor(options: EngineThreadOptions) {
    const { data } = options
    this.number = data.thread
    this.#options = options
    this.#worker = new Worker(new URL(workerFile), {
      workerData: data,
      name: `millrace-${data.thread}`,
      ...inheritedFlags(),
    })
    this.#worker.on('message', (message: FromThread) => this.#take(message))
    this.#worker.on('error', (error) => this.#over(broken(this.number, error)))
    this.#worker.on('exit', (code) => this.#over(broken(this.number, `exit ${code}`)))
  }

  /** Its latest; undefined before the first. */
  get snapshot(): AppSnapshot | undefined {
    return this.#snapshot
  }

  /** Monotonic milliseconds of its latest sign of life. */
  get heardAt(): number {
    return this.#heardAt
  }

  get places(): StorePlaces {
    return this.#places
  }

  /** It is ready to join the group, or will never be. */
  get isJoining(): boolean {
    return this.#isJoining
  }

  /** It has made its last commit, or will make none any more. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  get isOver(): boolean {
    return this.#isOver
  }

  tell(message: ToThread): void {
    this.#worker.postMessage(message)
  }

  /** Resolves when it has ended, in whichever way. Ended by force if it does not hear. */
  close(deadlineMs: number): Promise<void> {
    this.#closing ??= this.#close(deadlineMs)
    return this.#closing
  }

  async #close(deadlineMs: number): Promise<void> {
    this.tell({ kind: 'close', deadlineMs })
    const timer = setTimeout(() => {
      const fields = { thread: this.number, deadlineMs }
      this.#options.logger.error('A thread did not close; it is ended', fields)
      this.#over(undefined)
    }, deadlineMs + graceMs)
    await this.ended.settled()
    clearTimeout(timer)
    await this.#worker.terminate()
  }

  #take(message: FromThread): void {
    this.#heardAt = performance.now()
    switch (message.kind) {
      case 'line':
        writeLine(this.#options.logger, message.line)
        return
      case 'acquire':
        this.#acquire(message.id, message.task)
        return
      case 'release':
        this.#release(message.id, message.task)
        return
      case 'rows':
      case 'refused':
        this.#options.onAnswer(message)
        return
      case 'joining':
        this.#isJoining = true
        this.#options.onJoining()
        return
      case 'leaving':
        this.#isLeaving = true
        this.#options.onLeaving()
        return
      default:
        this.#follow(message)
    }
  }

  #follow(message: Extract<FromThread, { snapshot: AppSnapshot | undefined }>): void {
    this.#snapshot = message.snapshot ?? this.#snapshot
    this.#options.onNews(this)
    if (message.kind === 'started') {
      this.#places = message.places
      this.started.resolve()
    }
    if (message.kind === 'failed') this.#over(fromPlainError(message.error))
    if (message.kind === 'closed') this.#over(undefined)
  }

  #acquire(id: number, task: string): void {
    const grant = (): void => this.tell({ kind: 'granted', id })
    const claim = { thread: this.number, grant }
    this.#claims.set(id, claim)
    this.#options.locks.acquire(task, claim)
  }

  #release(id: number, task: string): void {
    const claim = this.#claims.get(id)
    this.#claims.delete(id)
    if (claim !== undefined) this.#options.locks.release(task, claim)
  }

  /** The first word counts. */
  #over(error: Error | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#isJoining = true
    this.#isLeaving = true
    if (error === undefined) {
      this.started.resolve()
      this.ended.resolve()
    } else {
      this.started.reject(error)
      this.ended.reject(error)
    }
    void this.#worker.terminate().then(() => {
      // Not before: as long as it lives it may have files open.
      this.#options.locks.releaseAll(this.number)
    })
    this.#options.onJoining()
    this.#options.onLeaving()
  }
}

function broken(thread: number, cause: unknown): FatalError {
  const { code, message } = toPlainError(cause)
  const reason = code === undefined ? message : `${message} (${code})`
  return new FatalError(
    'MILLRACE_THREAD_ENDED',
    `Thread ${thread} ended by itself: ${reason}; restart the process`,
    cause instanceof Error ? { cause } : {}
  )
}
