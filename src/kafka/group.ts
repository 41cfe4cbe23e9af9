/**
 * Membership of the group, for as long as the process lives.
 *
 *     join ─▶ sync ─▶ stable: heartbeats ─┬─ a rebalance is signalled ──────▶ join, with all claims
 *       ▲                                 ├─ we gave up tasks that moved ───▶ join, without them
 *       │                                 └─ the group threw us out ─▶ lose everything ─┐
 *       └───────────────────────────────────────────────────────────────────────────────┘
 *
 * Invariants: heartbeats never wait for the listener or for a commit; a task is claimed until its
 * last commit is over, so the leader gives it to nobody else before; no commit begins between join
 * and sync, and those that began before are given time to finish; after a loss nothing is claimed.
 */
import { FatalError, RetriableError } from '../errors.ts'
import type { TaskId } from '../ids.ts'
import type { Logger } from '../log.ts'
import type { AssignmentListener, GroupPlan, Membership } from '../runtime/ports.ts'
import { backoffMs } from './backoff.ts'
import type { Cluster } from './cluster.ts'
import { CommitGate, type CommitPass } from './commit-gate.ts'
import {
  type AssignmentData,
  decodeAssignment,
  encodeSubscription,
  type MemberData,
} from './consumer-protocol.ts'
import { GroupClient } from './group-client.ts'
import { digestOf, type LeaderOptions, lead, sourcesOf, topicsOf } from './group-leader.ts'
import { errorClassOf, errorCodes, kafkaError } from './kafka-errors.ts'
import type { JoinGroupResponse, SyncGroupResponse } from './requests/groups.ts'
import type { GroupIdentity } from './requests/offsets.ts'
import { TaskLedger } from './task-ledger.ts'
import type { ThrottledLog } from './throttled-log.ts'
import { pause, Sign } from './waiting.ts'

export interface GroupTimes {
  /** Silence after which the group does without a member. Default 10,000. */
  readonly sessionMs?: number
  /** At most a quarter of the session. Default a tenth of it. */
  readonly heartbeatMs?: number
  /** How long a rebalance waits for its slowest member. Default 30,000. */
  readonly rebalanceMs?: number
}

export interface GroupOptions {
  readonly cluster: Pick<Cluster, 'callCoordinator' | 'signal'>
  readonly groupId: string
  readonly instance: string
  readonly transactionalId: string | null
  readonly plan: GroupPlan
  readonly listener: AssignmentListener
  readonly fence: LeaderOptions['fence']
  readonly logger: Logger
  /** For what may be repeated many times. */
  readonly log: ThrottledLog
  readonly times?: GroupTimes
}

/** What ends a stretch of heartbeats. */
type Reason = 'rebalance' | 'lost' | 'stop'

/** While tasks are on their way from member to member the next generation is near. */
const unsettledHeartbeatMs = 100

export class Group implements Membership {
  readonly ended: Promise<void>
  readonly #options: GroupOptions
  readonly #sessionMs: number
  readonly #heartbeatMs: number
  readonly #client: GroupClient
  readonly #planDigest: string
  readonly #ledger: TaskLedger
  readonly #gate: CommitGate
  readonly #stopping = new AbortController()
  readonly #wake = new Sign()
  #reason: Reason | undefined
  #memberId = ''
  #generation = -1
  #assignment: AssignmentData = { tasks: [], transactionalIds: [], isSettled: true }
  #rebalances = 0
  #isJoining = true
  #isOver = false
  #failure: FatalError | undefined
  #onJoined: () => void = () => undefined
  #onInterrupt: () => void = () => undefined

  /** Resolves with the first assignment; rejects with a FatalError if the group refuses us. */
  static async join(options: GroupOptions): Promise<Group> {
    const group = new Group(options)
    const joined = new Promise<void>((resolve) => {
      group.#onJoined = resolve
    })
    await Promise.race([joined, group.ended])
    if (group.#rebalances > 0) return group
    throw new RetriableError('MILLRACE_KAFKA_CLOSED', 'Closed before the group was joined')
  }

  private constructor(options: GroupOptions) {
    const { sessionMs = 10_000, rebalanceMs = 30_000 } = options.times ?? {}
    this.#options = options
    this.#sessionMs = sessionMs
    this.#heartbeatMs = Math.min(options.times?.heartbeatMs ?? sessionMs / 10, sessionMs / 4)
    const { cluster, groupId } = options
    const { signal } = this.#stopping
    this.#client = new GroupClient({ cluster, groupId, sessionMs, rebalanceMs, signal })
    this.#planDigest = digestOf(options.plan.tasks)
    this.#ledger = new TaskLedger(options.listener, (cause) => this.#fail(cause))
    this.#gate = new CommitGate((task) => this.#ledger.isClaimed(task))
    this.ended = this.#run()
    // Whoever cares awaits it; an unhandled rejection would end the process before they can.
    this.ended.catch(() => undefined)
  }

  get memberId(): string {
    return this.#memberId
  }

  get rebalances(): number {
    return this.#rebalances
  }

  /** Left, failed, or cut off: it will not come back. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** The right to commit for these tasks; waits while a rebalance is under way. */
  permit(tasks: ReadonlySet<TaskId>): Promise<CommitPass> {
    return this.#gate.enter(tasks)
  }

  /** A commit was refused because of its membership; `identity` is what it used. */
  reportFenced(identity: GroupIdentity): void {
    const isCurrent = identity.memberId === this.#memberId
    if (isCurrent && identity.generation === this.#generation) this.#interrupt('lost')
  }

  /** Asks the group whether we are still in it, now: false means the loss is on its way. */
  async check(): Promise<boolean> {
    const generation = this.#generation
    const code = this.#isJoining ? 0 : await this.#beat()
    // A rebalance in the meantime has its own answer.
    if (this.#isJoining || generation !== this.#generation) return true
    const isLost = code !== 0 && code !== errorCodes.REBALANCE_IN_PROGRESS
    if (code !== 0) this.#interrupt(isLost ? this.#thrownOut(code) : 'rebalance')
    return !isLost
  }

  async leave(): Promise<void> {
    if (!this.#stopping.signal.aborted) {
      this.#stopping.abort()
      this.#interrupt('stop')
      const stopped = this.#ledger.stop()
      this.#gate.lose()
      await stopped
      await this.#sendLeave()
    }
    await this.ended.catch(() => undefined)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const outcome = await this.#attempt(() => this.#joinAndSync())
      if (outcome === 'stop') break
      const reason = outcome === 'lost' ? 'lost' : await this.#heartbeats()
      if (reason === 'stop') break
      if (reason === 'lost') await this.#lose()
    }
    this.#isOver = true
    const stopped = this.#ledger.stop()
    this.#gate.lose()
    if (this.#failure !== undefined) throw this.#failure
    await stopped
  }

  /** Runs a step again while the cluster does not answer; a fatal failure ends the membership. */
  async #attempt(step: () => Promise<Reason | undefined>): Promise<Reason | undefined> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await step()
      } catch (cause) {
        if (this.#stopping.signal.aborted || this.#options.cluster.signal.aborted) return 'stop'
        if (!(cause instanceof RetriableError)) {
          this.#fail(cause)
          return 'stop'
        }
        this.#options.log.warn('The group coordinator does not answer', { error: cause })
        await pause(backoffMs(attempt, { maxMs: 5_000 }), this.#stopping.signal)
      }
    }
  }

  async #joinAndSync(): Promise<Reason | undefined> {
    this.#isJoining = true
    await this.#gate.close(this.#sessionMs / 3)
    for (;;) {
      if (this.#stopping.signal.aborted) return 'stop'
      const claims = this.#ledger.claims()
      const joined = await this.#sendJoin(claims)
      if (joined.error === errorCodes.MEMBER_ID_REQUIRED) {
        this.#memberId = joined.memberId
        continue
      }
      if (joined.error === errorCodes.UNKNOWN_MEMBER_ID) {
        this.#memberId = ''
        if (claims.length > 0) return 'lost'
        continue
      }
      if (joined.error === errorCodes.REBALANCE_IN_PROGRESS) continue
      if (joined.error !== 0) throw kafkaError(joined.error, `JoinGroup of ${this.#groupId}`)
      const { memberId, generation } = joined
      this.#memberId = memberId
      const synced = await this.#sendSync(joined)
      if (synced.error === errorCodes.REBALANCE_IN_PROGRESS) continue
      if (errorClassOf(synced.error) === 'migrated') return this.#thrownOut(synced.error)
      if (synced.error !== 0) throw kafkaError(synced.error, `SyncGroup of ${this.#groupId}`)
      this.#accept(generation, decodeAssignment(synced.assignment).data, claims)
      return undefined
    }
  }

  #accept(generation: number, assignment: AssignmentData, claims: readonly TaskId[]): void {
    this.#generation = generation
    this.#assignment = assignment
    this.#rebalances++
    this.#isJoining = false
    if (this.#reason !== 'stop') this.#reason = undefined
    this.#ledger.assign(assignment.tasks)
    const leaving = claims.filter((task) => !assignment.tasks.includes(task))
    if (leaving.length > 0) {
      void this.#ledger.givenUp(leaving).then(() => {
        if (generation === this.#generation) this.#interrupt('rebalance')
      })
    }
    this.#gate.open(this.#identity)
    this.#onJoined()
    this.#options.logger.info('Assigned', { generation, tasks: assignment.tasks.join(' ') })
  }

  async #heartbeats(): Promise<Reason> {
    for (;;) {
      const { isSettled } = this.#assignment
      const ms = isSettled ? this.#heartbeatMs : Math.min(this.#heartbeatMs, unsettledHeartbeatMs)
      await this.#wake.wait(ms)
      if (this.#reason !== undefined) return this.#reason
      // An answer that hangs must not hold up what is known without it.
      const interrupted = new Promise<undefined>((resolve) => {
        this.#onInterrupt = () => resolve(undefined)
      })
      const code = await Promise.race([this.#beatOrComplain(), interrupted])
      if (this.#reason !== undefined) return this.#reason
      if (code === errorCodes.REBALANCE_IN_PROGRESS) return 'rebalance'
      if (code !== undefined && code !== 0) return this.#thrownOut(code)
    }
  }

  /** Undefined: no answer; the next heartbeat is the next attempt. */
  async #beatOrComplain(): Promise<number | undefined> {
    try {
      return await this.#beat()
    } catch (cause) {
      if (this.#stopping.signal.aborted || this.#options.cluster.signal.aborted) {
        this.#interrupt('stop')
      } else if (cause instanceof RetriableError) {
        this.#options.log.warn('The group takes no heartbeats', { error: cause })
      } else this.#fail(cause)
      return undefined
    }
  }

  /** One heartbeat: 0, or what the group says about our membership. */
  async #beat(): Promise<number> {
    const error = await this.#client.heartbeat(this.#identity)
    const isKnown = error === 0 || error === errorCodes.REBALANCE_IN_PROGRESS
    if (isKnown || errorClassOf(error) === 'migrated') return error
    throw kafkaError(error, `Heartbeat to ${this.#groupId}`)
  }

  #thrownOut(code: number): Reason {
    // With ILLEGAL_GENERATION the group still knows the member: coming back under a new name would
    // leave the old one behind, and every rebalance would wait for it.
    if (code === errorCodes.UNKNOWN_MEMBER_ID) this.#memberId = ''
    return 'lost'
  }

  async #lose(): Promise<void> {
    this.#options.logger.warn('The group did without this member; joining again', {
      tasks: this.#ledger.claims().join(' '),
    })
    const lost = this.#ledger.lose()
    this.#generation = -1
    this.#assignment = { ...this.#assignment, tasks: [], isSettled: true }
    this.#gate.lose()
    this.#reason = undefined
    await lost
  }

  #interrupt(reason: Reason): void {
    if (this.#reason !== 'stop' && !(this.#reason === 'lost' && reason === 'rebalance')) {
      this.#reason = reason
    }
    this.#wake.raise()
    this.#onInterrupt()
  }

  #fail(cause: unknown): void {
    this.#failure ??=
      cause instanceof FatalError
        ? cause
        : new FatalError(
            'MILLRACE_GROUP_FAILED',
            `The membership of ${this.#groupId} ended: ${messageOf(cause)}; restart the process`,
            { cause }
          )
    this.#interrupt('stop')
    this.#stopping.abort()
  }

  get #groupId(): string {
    return this.#options.groupId
  }

  get #identity(): GroupIdentity {
    const [groupId, memberId, generation] = [this.#groupId, this.#memberId, this.#generation]
    return { groupId, memberId, generation, instanceId: null }
  }

  #memberData(owned: readonly TaskId[]): MemberData {
    const { instance, transactionalId, plan } = this.#options
    return {
      instance,
      transactionalId,
      plan: this.#planDigest,
      generation: this.#generation,
      owned,
      held: plan.held(),
      transactionalIds: this.#assignment.transactionalIds,
    }
  }

  #sendJoin(claims: readonly TaskId[]): Promise<JoinGroupResponse> {
    const { plan } = this.#options
    const metadata = encodeSubscription({
      topics: topicsOf(plan.tasks),
      owned: sourcesOf(plan, claims),
      data: this.#memberData(claims),
    })
    return this.#client.join(this.#memberId, metadata)
  }

  async #sendSync(joined: JoinGroupResponse): Promise<SyncGroupResponse> {
    const { plan, fence, log } = this.#options
    const isLeader = joined.leaderId === joined.memberId
    const onForeignPlan = (instances: readonly string[]): void =>
      log.warn('Members run another topology; they get no task from this leader', { instances })
    const assignments = isLeader
      ? await lead(joined.members, { plan, planDigest: this.#planDigest, fence, onForeignPlan })
      : []
    return this.#client.sync({ ...this.#identity, generation: joined.generation }, assignments)
  }

  async #sendLeave(): Promise<void> {
    if (this.#memberId === '') return
    try {
      await this.#client.leave(this.#memberId)
    } catch (error) {
      this.#options.logger.warn('Left without telling the group; it will notice', { error })
    }
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
