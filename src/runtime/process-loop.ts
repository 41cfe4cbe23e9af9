/**
 * Runs the tasks by turns, and sleeps when there is nothing to do.
 *
 *     turn: watch fetches ─▶ wall-clock punctuators ─▶ commit if due ─▶ records, for 2 ms or 256 KB
 *     nothing done: sleep until woken (records, answers, a finished commit), or until a time is due
 *
 * Invariants: a turn is synchronous and short, so that heartbeats, HTTP and the commit on its way
 * are never held up for long; an idle process does not spin.
 */
import { performance } from 'node:perf_hooks'
import type { Clock } from '../clock.ts'
import type { Timestamp } from '../ids.ts'
import type { Committer } from './committer.ts'
import type { StreamTask } from './stream-task.ts'

const turnMs = 2
const turnBytesMax = 256 * 1024
/**
 * Records of one task before the others, and the time, are looked at; where a visit takes longer
 * than a turn may, the next is for one record.
 */
const recordsPerVisit = 16
/** Idle clocks and wall-clock punctuators are looked at no less often. */
const sleepMsMax = 100

export interface ProcessLoopOptions {
  readonly clock: Clock
  readonly committer: Committer
  readonly tasks: () => readonly StreamTask[]
  /** Brings global tables up to date; whether there was anything. */
  readonly pollGlobals?: () => boolean
  /** Something that a task did has thrown. */
  readonly onTaskFailed: (task: StreamTask, error: unknown) => void
  /** The loop itself has thrown, and ended. */
  readonly onFailed: (error: unknown) => void
}

export class ProcessLoop {
  readonly #options: ProcessLoopOptions
  #isStopped = true
  #isAwake = false
  #wake: (() => void) | undefined
  #running: Promise<void> | undefined
  /** Which task comes first: another one in each turn. */
  #first = 0
  /** Records of the next visit. */
  #visit = 1

  constructor(options: ProcessLoopOptions) {
    this.#options = options
  }

  start(): void {
    this.#isStopped = false
    this.#running = this.#run().catch(this.#options.onFailed)
  }

  /** Resolves when the last turn is over. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.wake()
    await this.#running
  }

  wake(): void {
    this.#isAwake = true
    this.#wake?.()
  }

  /** Time passes: silence may be long enough, wall-clock punctuators may be due. */
  observe(now: Timestamp, punctuates = true): void {
    for (const task of this.#runningTasks()) {
      this.#guarded(task, () => {
        task.life.watch()
        if (punctuates) task.life.punctuate(now)
        return 0
      })
    }
  }

  /** Handles up to `max` records of the first task that has one; how many. */
  process(max: number): number {
    for (const task of this.#runningTasks()) {
      if (!task.takesRecords) continue
      const done = this.#guarded(task, () => task.life.process(max))
      if (done > 0) return done
    }
    return 0
  }

  /** One turn; whether anything was done. */
  turn(): boolean {
    const { clock, committer } = this.#options
    const hasMoved = this.#options.pollGlobals?.() ?? false
    // Punctuators are users' functions too, and may block as records do.
    this.observe(clock.now(), !committer.isBlocking)
    committer.turn()
    return (!committer.isBlocking && this.#processByTurns()) || hasMoved
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      this.#isAwake = false
      if (this.turn()) await breathe()
      else await this.#sleep()
    }
  }

  #processByTurns(): boolean {
    let now = performance.now()
    const end = now + turnMs
    let bytes = 0
    let anything = false
    for (;;) {
      const tasks = this.#rotated()
      let done = 0
      for (const task of tasks) {
        const before = now
        const visited = this.#guarded(task, () => task.life.process(this.#visit))
        now = performance.now()
        done += visited
        if (now - before > turnMs) this.#visit = 1
        else if (visited > 0) this.#visit = Math.min(this.#visit * 2, recordsPerVisit)
        bytes += task.isRunning ? task.life.takeBytes() : 0
        if (bytes > turnBytesMax || now > end) return anything || done > 0
      }
      if (done === 0) return anything
      anything = true
    }
  }

  #rotated(): readonly StreamTask[] {
    const tasks = this.#runningTasks().filter(({ takesRecords }) => takesRecords)
    if (tasks.length < 2) return tasks
    this.#first = (this.#first + 1) % tasks.length
    return [...tasks.slice(this.#first), ...tasks.slice(0, this.#first)]
  }

  #runningTasks(): readonly StreamTask[] {
    return this.#options.tasks().filter(({ isRunning }) => isRunning)
  }

  #guarded(task: StreamTask, run: () => number): number {
    try {
      return run()
    } catch (error) {
      this.#options.onTaskFailed(task, error)
      return 0
    }
  }

  async #sleep(): Promise<void> {
    if (this.#isAwake) return breathe()
    const { committer } = this.#options
    const ms = Math.min(sleepMsMax, committer.dueInMs())
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }
}

function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
