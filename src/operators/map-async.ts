/**
 * `orders.mapAsync(async (order) => await priceOf(order), { concurrency: 16 })`: new values that
 * take their time. Calls run side by side, records go on in their order.
 *
 *     called ──▶ answered ──────────────────────▶ lands ─▶ next
 *        ▲  └──▶ failed, or took too long ──▶ waits, is called again
 *        └──────────────────────────────────────────┘         … ▶ lands ─▶ throws the last error
 *
 * Invariants: no more calls than `concurrency` are under way, those that wait to be made again
 * included; an answer that comes after its time is not listened to.
 */
import type { Clock } from '../clock.ts'
import type { Timestamp } from '../ids.ts'
import type { Flight, TaskContext } from '../processor/operator.ts'
import { Operator } from '../processor/operator.ts'

/** What a function is called with beside value and key. */
export interface AsyncCall {
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
}

export interface MapAsyncSpec {
  readonly map: (value: never, key: never, call: AsyncCall) => unknown
  readonly concurrency: number
  readonly timeoutMs: number
  /** How often a call that failed is made again. */
  readonly retries: number
  /** Before the first of them; doubled for each one after. */
  readonly backoffMs: number
}

const backoffMsMax = 60_000

export class MapAsyncOperator extends Operator {
  readonly #spec: MapAsyncSpec
  #context!: TaskContext
  #underWay = 0
  readonly #waiting: Call[] = []

  constructor(spec: MapAsyncSpec) {
    super()
    this.#spec = spec
  }

  override init(context: TaskContext): void {
    this.#context = context
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const call = new Call(
      this.#spec,
      this.#context.clock,
      (given) => this.#spec.map(value as never, key as never, given),
      (answer) => this.next.process(key, answer, timestamp)
    )
    this.#waiting.push(call)
    this.#context.depart(call, this.#spec.concurrency)
    this.#start()
  }

  override close(): void {
    this.#waiting.length = 0
  }

  #start(): void {
    while (this.#underWay < this.#spec.concurrency) {
      const call = this.#waiting.shift()
      if (call === undefined) return
      this.#underWay += 1
      call.start()
      void call.done.then(() => {
        this.#underWay -= 1
        this.#start()
      })
    }
  }
}

type Outcome = { readonly answer: unknown } | { readonly error: unknown }

class Call implements Flight {
  readonly done: Promise<void>
  readonly #spec: MapAsyncSpec
  readonly #clock: Clock
  readonly #make: (given: AsyncCall) => unknown
  readonly #go: (answer: unknown) => void
  readonly #resolve: () => void
  #outcome: Outcome | undefined
  #controller: AbortController | undefined
  #failures = 0
  /** When it is given up, or made again. */
  #due = Number.POSITIVE_INFINITY

  constructor(
    spec: MapAsyncSpec,
    clock: Clock,
    make: (given: AsyncCall) => unknown,
    go: (answer: unknown) => void
  ) {
    this.#spec = spec
    this.#clock = clock
    this.#make = make
    this.#go = go
    let resolve = (): void => {}
    this.done = new Promise((done) => {
      resolve = done
    })
    this.#resolve = resolve
  }

  get isDone(): boolean {
    return this.#outcome !== undefined
  }

  get isWaiting(): boolean {
    return this.#controller === undefined && this.#failures > 0
  }

  start(): void {
    const controller = new AbortController()
    this.#controller = controller
    this.#due = this.#now() + this.#spec.timeoutMs
    const isCurrent = (): boolean => this.#controller === controller
    new Promise((resolve) => {
      resolve(this.#make({ signal: controller.signal }))
    }).then(
      (answer) => {
        if (isCurrent()) this.#end({ answer })
      },
      (error: unknown) => {
        if (isCurrent()) this.#fail(error)
      }
    )
  }

  observe(): void {
    if (this.#now() < this.#due) return
    if (this.isWaiting) this.start()
    else {
      const error = new Error(`No answer within ${this.#spec.timeoutMs} ms`)
      this.#controller?.abort(error)
      this.#fail(error)
    }
  }

  land(): void {
    const outcome = this.#outcome ?? { error: new Error('It landed before its outcome was known') }
    if ('error' in outcome) throw outcome.error
    this.#go(outcome.answer)
  }

  abandon(): void {
    this.#controller?.abort(new Error('The task has moved on'))
    this.#end({ error: undefined })
  }

  #fail(error: unknown): void {
    const { retries, backoffMs } = this.#spec
    if (this.#failures >= retries) {
      this.#end({ error })
      return
    }
    this.#controller = undefined
    this.#due = this.#now() + Math.min(backoffMs * 2 ** this.#failures, backoffMsMax)
    this.#failures += 1
  }

  #end(outcome: Outcome): void {
    this.#controller = undefined
    this.#due = Number.POSITIVE_INFINITY
    this.#outcome = outcome
    this.#resolve()
  }

  /** Passes evenly, where the clock can tell. */
  #now(): number {
    return this.#clock.ticks?.() ?? this.#clock.now()
  }
}
