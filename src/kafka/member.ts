/**
 * Speaks to the coordinator of the group for one member. It keeps nothing but the name that the
 * group gave it, so that it can live in a thread of its own, away from the functions of users.
 *
 *     join(call) ─▶ JoinGroup ─▶ assign, if it leads ─▶ SyncGroup ─▶ joined: heartbeats
 *         ▲              ▲                                             │ each answer
 *         │              └── a rebalance, and nobody upstairs ◀────────┤
 *         └──────── what to do about them is decided upstairs ◀────────┘
 *
 * Invariants: heartbeats wait for nobody, and go on through a rebalance until the next join; a join
 * is repeated until the group has decided; it stands in for a process that is busy with all that
 * the process claims, and with nothing given up; with claims it is in every generation from one to
 * the next, or refused; once it leaves, nothing new is asked of the group.
 */
import { FatalError, RetriableError } from '../errors.ts'
import type { TaskPlan } from '../runtime/ports.ts'
import { backoffMs } from './backoff.ts'
import type { Cluster } from './cluster.ts'
import { type AssignmentData, decodeAssignment } from './consumer-protocol.ts'
import { GroupClient, leaveMs } from './group-client.ts'
import { type LeaderOptions, lead } from './group-leader.ts'
import { errorClassOf, errorCodes, kafkaError } from './kafka-errors.ts'
import type { JoinGroupResponse, SyncGroupResponse } from './requests/groups.ts'
import type { GroupIdentity } from './requests/offsets.ts'
import { type LastJoin, standInMetadata } from './stand-in.ts'
import type { ThrottledLog } from './throttled-log.ts'
import { atMost, lifetime, pause } from './waiting.ts'

export interface MemberSettings {
  readonly groupId: string
  /** Of a static member; null: it gets a new name with every start. */
  readonly instanceId: string | null
  readonly sessionMs: number
  readonly heartbeatMs: number
  readonly rebalanceMs: number
  readonly tasks: readonly TaskPlan[]
  readonly planDigest: string
}

export interface JoinCall {
  /** Empty: the group does not know us, or no longer. */
  readonly memberId: string
  readonly metadata: Uint8Array
  /** Whether the metadata claims tasks: they are lost if the group has forgotten us. */
  readonly hasClaims: boolean
}

export type JoinOutcome =
  | {
      readonly kind: 'joined'
      readonly memberId: string
      readonly generation: number
      readonly assignment: AssignmentData
    }
  /** The group did without us; the code is its reason. */
  | { readonly kind: 'refused'; readonly code: number }
  | { readonly kind: 'closed' }

/** Called at any time between `join` and `close`. */
export interface MemberEvents {
  /** Every answer to a heartbeat: 0, or what the group says about this generation of ours. */
  readonly onHeartbeat: (memberId: string, generation: number, code: number) => void
  /** It has joined this generation with the claims of before, for a process busy for so long. */
  readonly onStandIn: (generation: number, assignment: AssignmentData, busyMs: number) => void
  readonly onWarning: ThrottledLog['warn']
  /** It cannot go on. */
  readonly onFailure: (error: FatalError) => void
}

export interface GroupMember {
  /** Rejects with a FatalError; waits for whatever may pass. One at a time. */
  join(call: JoinCall): Promise<JoinOutcome>
  /** No more heartbeats; says good-bye if asked to. Rejects if the group could not be told. */
  leave(saysGoodbye: boolean): Promise<void>
  close(): Promise<void>
}

export interface MemberParts {
  readonly cluster: Pick<Cluster, 'callCoordinator' | 'signal'>
  readonly fence: LeaderOptions['fence']
  /** Whether the work that the membership is for still makes progress. Default: always. */
  readonly isAlive?: () => boolean
  /** For how long nobody upstairs has listened, if too long for a rebalance. Default: 0. */
  readonly busyMs?: () => number
}

/** While tasks are on their way from member to member the next generation is near. */
const unsettledHeartbeatMs = 100

export class Member implements GroupMember {
  readonly #settings: MemberSettings
  readonly #parts: MemberParts
  readonly #events: MemberEvents
  readonly #client: GroupClient
  readonly #stopping = lifetime()
  #beating = new AbortController()
  #memberId = ''
  /** A join that makes the group give us a name. */
  #naming: Promise<unknown> = Promise.resolve()
  #last: LastJoin | undefined
  /** The last generation that was formed with our claims in view. */
  #generation = -1
  #standingIn: Promise<unknown> = Promise.resolve()

  constructor(settings: MemberSettings, parts: MemberParts, events: MemberEvents) {
    this.#settings = settings
    this.#parts = parts
    this.#events = events
    const { signal } = this.#stopping
    this.#client = new GroupClient({ ...settings, cluster: parts.cluster, signal })
    parts.cluster.signal.addEventListener('abort', () => this.#stopping.abort())
  }

  async join(call: JoinCall): Promise<JoinOutcome> {
    this.#beating.abort()
    await this.#standingIn.catch(() => undefined)
    this.#beating.abort()
    this.#memberId = call.memberId
    return this.#untilDecided(call, this.#stopping.signal)
  }

  /** 'closed': the signal was given. */
  async #untilDecided(call: JoinCall, signal: AbortSignal): Promise<JoinOutcome> {
    for (let attempt = 0; ; attempt++) {
      if (signal.aborted) return { kind: 'closed' }
      try {
        return await this.#joinAndSync(call, signal)
      } catch (cause) {
        if (signal.aborted) return { kind: 'closed' }
        if (!(cause instanceof RetriableError)) throw cause
        this.#events.onWarning('The group coordinator does not answer', { error: cause })
        await pause(backoffMs(attempt, { maxMs: 5_000 }), signal)
      }
    }
  }

  async leave(saysGoodbye: boolean): Promise<void> {
    this.#stopping.abort()
    this.#beating.abort()
    if (!saysGoodbye) return
    // Without a name there is nobody to take leave; and a name on its way would hold the group up.
    await atMost(leaveMs, this.#naming)
    const isKnown = this.#memberId !== '' || this.#settings.instanceId !== null
    if (isKnown) await this.#client.leave(this.#memberId)
  }

  async close(): Promise<void> {
    this.#stopping.abort()
    this.#beating.abort()
  }

  async #joinAndSync(call: JoinCall, signal: AbortSignal): Promise<JoinOutcome> {
    while (!signal.aborted) {
      const joined = await this.#sendJoin(call.metadata)
      if (joined.error === errorCodes.MEMBER_ID_REQUIRED) {
        this.#memberId = joined.memberId
        continue
      }
      if (joined.error === errorCodes.UNKNOWN_MEMBER_ID) {
        this.#memberId = ''
        if (call.hasClaims) return { kind: 'refused', code: joined.error }
        continue
      }
      if (joined.error === errorCodes.REBALANCE_IN_PROGRESS) continue
      if (joined.error !== 0) return this.#refused(joined.error, 'JoinGroup')
      this.#memberId = joined.memberId
      if (call.hasClaims && this.#wasPassedOver(joined.generation)) {
        return { kind: 'refused', code: errorCodes.ILLEGAL_GENERATION }
      }
      this.#generation = joined.generation
      const synced = await this.#sendSync(joined)
      if (synced.error === errorCodes.REBALANCE_IN_PROGRESS) continue
      if (synced.error !== 0) return this.#refused(synced.error, 'SyncGroup')
      const { data: assignment } = decodeAssignment(synced.assignment)
      const { memberId, generation } = joined
      this.#last = { metadata: call.metadata, generation, assignment }
      this.#beat(generation, assignment.isSettled)
      return { kind: 'joined', memberId, generation, assignment }
    }
    return { kind: 'closed' }
  }

  /**
   * Brokers keep static members in generations that they have missed, with the claims of their last
   * join: what was assigned to them by it may be with others since.
   */
  #wasPassedOver(generation: number): boolean {
    return this.#settings.instanceId !== null && generation > this.#generation + 1
  }

  #refused(code: number, what: string): JoinOutcome {
    if (errorClassOf(code) === 'migrated' || code === errorCodes.FENCED_INSTANCE_ID) {
      return { kind: 'refused', code }
    }
    const { groupId } = this.#settings
    throw kafkaError(code, `${what} of ${groupId}`, null, groupId)
  }

  #sendJoin(metadata: Uint8Array): Promise<JoinGroupResponse> {
    const joining = this.#client.join(this.#memberId, metadata)
    if (this.#memberId !== '') return joining
    this.#naming = joining.then((answer) => {
      if (answer.memberId !== '') this.#memberId = answer.memberId
    })
    // Whoever sent it sees the failure.
    this.#naming.catch(() => undefined)
    return joining
  }

  async #sendSync(joined: JoinGroupResponse): Promise<SyncGroupResponse> {
    const { tasks, planDigest } = this.#settings
    const { fence } = this.#parts
    const isLeader = joined.leaderId === joined.memberId
    const warn = this.#events.onWarning
    const assignments = isLeader
      ? await lead(joined.members, { tasks, planDigest, fence, warn })
      : []
    return this.#client.sync(this.#identity(joined.generation), assignments)
  }

  #beat(generation: number, isSettled: boolean): void {
    const { heartbeatMs } = this.#settings
    const beating = new AbortController()
    this.#beating = beating
    if (this.#stopping.signal.aborted) return
    const ms = isSettled ? heartbeatMs : Math.min(heartbeatMs, unsettledHeartbeatMs)
    this.#heartbeats(this.#identity(generation), ms, beating.signal).catch((cause: unknown) => {
      if (!beating.signal.aborted) this.#events.onFailure(asFatal(cause))
    })
  }

  async #heartbeats(identity: GroupIdentity, ms: number, signal: AbortSignal): Promise<void> {
    const { onHeartbeat, onWarning } = this.#events
    const { memberId, generation } = identity
    let isDone = false
    while (!isDone) {
      await pause(ms, signal)
      if (signal.aborted) return
      // The group is to do without a member that only seems to be there.
      if (this.#parts.isAlive?.() === false) continue
      try {
        const code = await this.#client.heartbeat(identity)
        if (signal.aborted) return
        onHeartbeat(memberId, generation, code)
        if (code === errorCodes.REBALANCE_IN_PROGRESS) isDone = await this.#mindRebalance(signal)
      } catch (cause) {
        if (signal.aborted) return
        // The next heartbeat is the next attempt.
        if (!(cause instanceof RetriableError)) throw cause
        onWarning('The group takes no heartbeats', { error: cause })
      }
    }
  }

  /** Whether another stretch of heartbeats has begun. */
  async #mindRebalance(signal: AbortSignal): Promise<boolean> {
    const busyMs = this.#parts.busyMs?.() ?? 0
    if (busyMs === 0 || this.#last === undefined) return false
    const standingIn = this.#standIn(this.#last, busyMs, signal)
    this.#standingIn = standingIn
    return standingIn
  }

  /** Refused, it does nothing: the next heartbeat is refused as well, and the process told. */
  async #standIn(last: LastJoin, busyMs: number, signal: AbortSignal): Promise<boolean> {
    const metadata = standInMetadata(last, busyMs, this.#settings)
    const call = { memberId: this.#memberId, metadata, hasClaims: true }
    const outcome = await this.#untilDecided(call, signal)
    if (outcome.kind !== 'joined') return false
    this.#events.onStandIn(outcome.generation, outcome.assignment, busyMs)
    return true
  }

  #identity(generation: number): GroupIdentity {
    const { groupId, instanceId } = this.#settings
    return { groupId, memberId: this.#memberId, generation, instanceId }
  }
}

function asFatal(cause: unknown): FatalError {
  if (cause instanceof FatalError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new FatalError('MILLRACE_GROUP_FAILED', `The heartbeats ended: ${reason}`, { cause })
}
