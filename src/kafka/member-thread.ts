/**
 * A member in a thread of its own, so that its heartbeats do not wait for what blocks the event
 * loop: a user's function that computes for a minute must not cost the membership.
 *
 *     Group ──join, leave──▶ Worker: Member ──own connections──▶ coordinator
 *       ▲                        │ │
 *       └─ answers, heartbeats ──┘ └─ joins by itself when there is a rebalance and the group has
 *                                     read nothing for a while; stops its heartbeats when that
 *                                     lasts for `maxPollIntervalMs`: whoever hangs loses its tasks
 *
 * Invariants: the thread exists until `close`; it may begin before anybody knows the tasks, for it
 * takes a while; what it says arrives in order; one that ends by itself is a failure, and never
 * silence.
 */
import { Worker } from 'node:worker_threads'
import { FatalError } from '../errors.ts'
import type { TaskPlan } from '../runtime/ports.ts'
import { inheritedFlags } from '../worker-options.ts'
import type { KafkaOptions } from './link-options.ts'
import type { GroupMember, JoinCall, JoinOutcome, MemberEvents, MemberSettings } from './member.ts'
import {
  type FromMember,
  type MemberThreadData,
  type ToMember,
  toFatalError,
} from './member-messages.ts'

/** It holds connections and a few kilobytes. */
const heapMb = 64
const youngHeapMb = 2
/** As this file: one is source, the other compiled. */
const workerFile = import.meta.url.replace(/member-thread(\.\w+)$/, 'member-worker$1')

export interface MemberThreadOptions {
  readonly connection: KafkaOptions
  readonly groupId: string
  readonly sessionMs: number
  readonly maxPollIntervalMs: number
}

type Answer = Extract<FromMember, { id: number }> | { readonly kind: 'closed' }

interface Waiting {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

export class MemberThread implements GroupMember {
  readonly #worker: Worker
  readonly #heard = new SharedArrayBuffer(4)
  readonly #waiting = new Map<number, Waiting>()
  #events: MemberEvents | undefined
  #calls = 0
  #isClosed = false
  /** Why it ended by itself. */
  #failure: FatalError | undefined

  /** Begins the thread. */
  constructor({ connection, ...options }: MemberThreadOptions) {
    const { logger: _, ...cloneable } = connection
    const workerData: MemberThreadData = { ...options, connection: cloneable, heard: this.#heard }
    this.#worker = new Worker(new URL(workerFile), {
      workerData,
      name: 'millrace-member',
      resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: youngHeapMb },
      ...inheritedFlags(),
    })
    this.#worker.on('message', (message: FromMember) => this.#take(message))
    this.#worker.on('error', (error) => this.#ended(error.message))
    this.#worker.on('exit', (code) => this.#ended(`exit ${code}`))
  }

  /** Makes it the member, once. */
  open(settings: MemberSettings, events: MemberEvents): this {
    this.#events = events
    const message: ToMember = {
      kind: 'open',
      settings: { ...settings, tasks: settings.tasks.map(plain) },
    }
    this.#worker.postMessage(message)
    return this
  }

  async join(call: JoinCall): Promise<JoinOutcome> {
    const answer = await this.#ask((id) => ({ kind: 'join', id, call }))
    return answer.kind === 'joined' ? answer.outcome : { kind: 'closed' }
  }

  async leave(saysGoodbye: boolean): Promise<void> {
    await this.#ask((id) => ({ kind: 'leave', id, saysGoodbye }))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#worker.terminate()
  }

  #ask(make: (id: number) => ToMember): Promise<Answer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#isClosed) return Promise.resolve({ kind: 'closed' })
    const id = this.#calls++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage(make(id))
    })
  }

  #take(message: FromMember): void {
    Atomics.add(new Int32Array(this.#heard), 0, 1)
    if (this.#isClosed) return
    switch (message.kind) {
      case 'heartbeat':
        this.#events?.onHeartbeat(message.memberId, message.generation, message.code)
        return
      case 'stoodIn':
        this.#events?.onStandIn(message.generation, message.assignment, message.busyMs)
        return
      case 'warning':
        this.#events?.onWarning(message.message, message.fields)
        return
      case 'failed':
        this.#events?.onFailure(toFatalError(message.error))
        return
      default:
        this.#answer(message)
    }
  }

  #answer(message: Extract<FromMember, { id: number }>): void {
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (message.kind === 'rejected') waiting?.reject(toFatalError(message.error))
    else waiting?.resolve(message)
  }

  #ended(reason: string): void {
    const failure = this.#isClosed ? undefined : endedError(reason)
    this.#isClosed = true
    this.#failure ??= failure
    for (const { resolve, reject } of this.#waiting.values()) {
      if (failure === undefined) resolve({ kind: 'closed' })
      else reject(failure)
    }
    this.#waiting.clear()
    if (failure !== undefined) this.#events?.onFailure(failure)
  }
}

/** What plans carry besides may be functions, which cannot leave their thread. */
function plain({ id, sources }: TaskPlan): TaskPlan {
  return { id, sources: sources.map(({ topic, partition }) => ({ topic, partition })) }
}

function endedError(reason: string): FatalError {
  return new FatalError(
    'MILLRACE_GROUP_THREAD_ENDED',
    `The thread that speaks to the group ended: ${reason}; restart the process`
  )
}
