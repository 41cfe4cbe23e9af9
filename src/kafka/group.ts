/**
 * Membership of the group, for as long as the process lives.
 *
 *     join ─▶ sync ─▶ stable: heartbeats ─┬─ a rebalance is signalled ──────▶ join, with all claims
 *       ▲                                 ├─ the member has stood in for us ▶ join, with all claims
 *       │                                 ├─ we gave up tasks that moved ───▶ join, without them
 *       │                                 └─ the group threw us out ─▶ lose everything ─┐
 *       └───────────────────────────────────────────────────────────────────────────────┘
 *
 * The requests are those of a `GroupMember`; here is what they mean for tasks and commits.
 *
 * Invariants: a task is claimed until its last commit is over, so the leader gives it to nobody
 * else before; no commit begins between join and sync, and those that began before are given time
 * to finish; one that the group has overtaken speaks for the next generation if our claims went
 * into each generation until then; after a loss nothing is claimed.
 */
import { FatalError, FencedError, RetriableError } from '../errors.ts'
import type { TaskId } from '../ids.ts'
import type { Logger } from '../log.ts'
import type { AssignmentListener, Membership } from '../runtime/ports.ts'
import type { Cluster } from './cluster.ts'
import { CommitGate, type CommitPass } from './commit-gate.ts'
import type { AssignmentData } from './consumer-protocol.ts'
import { GroupClient } from './group-client.ts'
import { Standing, type StandingOptions } from './group-standing.ts'
import { type GroupTimes, withDefaults } from './group-times.ts'
import type { GroupMember, JoinOutcome, MemberEvents, MemberSettings } from './member.ts'
import type { GroupIdentity } from './requests/offsets.ts'
import { TaskLedger } from './task-ledger.ts'
import type { ThrottledLog } from './throttled-log.ts'
import { Change, lifetime } from './waiting.ts'

export interface GroupOptions extends StandingOptions {
  readonly cluster: Pick<Cluster, 'callCoordinator' | 'signal'>
  /** Whether `leave` tells the group; it finds out after the session timeout if not. */
  readonly saysGoodbye: boolean
  readonly listener: AssignmentListener
  readonly openMember: (settings: MemberSettings, events: MemberEvents) => GroupMember
  readonly logger: Logger
  /** For what may be repeated many times. */
  readonly log: ThrottledLog
  readonly times?: GroupTimes
}

type Joined = Extract<JoinOutcome, { kind: 'joined' }>

/** What ends a stretch of heartbeats. */
type Reason = 'rebalance' | 'lost' | 'stop'

export class Group implements Membership {
  readonly ended: Promise<void>
  /** Resolves with the first assignment; rejects if there will be none. */
  readonly joined: Promise<void>
  readonly #options: GroupOptions
  readonly #times: Required<GroupTimes>
  readonly #client: GroupClient
  readonly #member: GroupMember
  readonly #standing: Standing
  readonly #ledger: TaskLedger
  readonly #gate: CommitGate
  readonly #stopping = lifetime()
  /** Of `#reason`. */
  readonly #change = new Change()
  #reason: Reason | undefined
  #rebalances = 0
  #isJoining = true
  #isOver = false
  #failure: FatalError | undefined
  #goodbye: Promise<void> | undefined
  #onJoined: () => void = () => undefined

  /** Begins to join. */
  constructor(options: GroupOptions) {
    const { cluster, groupId, instanceId, plan, listener, openMember } = options
    this.#options = options
    this.#times = withDefaults(options.times)
    const { signal } = this.#stopping
    this.#client = new GroupClient({ cluster, groupId, instanceId, signal, ...this.#times })
    this.#standing = new Standing(options)
    this.#ledger = new TaskLedger(listener, (cause) => this.#fail(cause))
    this.#gate = new CommitGate((task) => this.#ledger.isClaimed(task))
    const [{ tasks }, { planDigest }] = [plan, this.#standing]
    this.#member = openMember(
      { groupId, instanceId, tasks, planDigest, ...this.#times },
      {
        onHeartbeat: (...answer) => this.#onHeartbeat(...answer),
        onStandIn: (...joined) => this.#onStandIn(...joined),
        onWarning: (message, fields) => options.log.warn(message, fields),
        onFailure: (error) => this.#fail(error),
      }
    )
    cluster.signal.addEventListener('abort', () => this.#interrupt('stop'))
    const assigned = new Promise<void>((resolve) => (this.#onJoined = resolve))
    this.ended = this.#run()
    this.joined = Promise.race([assigned, this.ended]).then(() => {
      if (this.#rebalances > 0) return
      throw new RetriableError('MILLRACE_KAFKA_CLOSED', 'Closed before the group was joined')
    })
    // Whoever cares awaits them; an unhandled rejection would end the process before they can.
    this.ended.catch(() => undefined)
    this.joined.catch(() => undefined)
  }

  get memberId(): string {
    return this.#standing.memberId
  }

  get rebalances(): number {
    return this.#rebalances
  }

  get isAssigned(): boolean {
    return this.#ledger.isTold
  }

  /** Left, failed, or cut off: it will not come back. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** The right to commit for these tasks; waits while a rebalance is under way. */
  permit(tasks: ReadonlySet<TaskId>): Promise<CommitPass> {
    return this.#gate.enter(tasks)
  }

  /** The group refused a commit under `identity` for its membership, with this answer. */
  reportRefused({ memberId, generation }: GroupIdentity, code: number): void {
    if (this.#isJoining || !this.#standing.isCurrent(memberId, generation)) return
    // Until the join that follows there is nobody for whom a commit could speak.
    if (this.#heed(code, 'OffsetCommit') !== undefined) this.#gate.shut()
  }

  /** Asks the group whether we are still in it, now: false means the loss is on its way. */
  async check(): Promise<boolean> {
    const { identity } = this.#standing
    const code = this.#isJoining ? 0 : await this.#client.heartbeat(identity)
    // A rebalance in the meantime has its own answer.
    if (this.#isJoining || identity.generation !== this.#standing.generation) return true
    const reason = this.#heed(code, 'Heartbeat')
    return reason === undefined || reason === 'rebalance'
  }

  async stillHas(task: TaskId): Promise<boolean> {
    while (!this.isOver && !this.#options.cluster.signal.aborted) {
      try {
        const pass = await this.permit(new Set([task]))
        pass.leave()
        return await this.check()
      } catch (error) {
        if (error instanceof FencedError) return false
        if (!(error instanceof RetriableError)) throw error
      }
    }
    return false
  }

  /** A commit was refused because another process has our instance id; what to say about it. */
  twinned(): FatalError {
    const error = this.#standing.twinned()
    this.#fail(error)
    return error
  }

  async leave(): Promise<void> {
    if (!this.#stopping.signal.aborted) {
      this.#goodbye = this.#leaveInOrder()
      await this.#goodbye
    }
    await this.ended.catch(() => undefined)
  }

  async #leaveInOrder(): Promise<void> {
    this.#stopping.abort()
    this.#interrupt('stop')
    const stopped = this.#ledger.stop()
    this.#gate.lose()
    await stopped
    try {
      await this.#member.leave(this.#options.saysGoodbye)
    } catch (error) {
      this.#options.logger.warn('Left without telling the group; it will notice', { error })
    }
  }

  async #run(): Promise<void> {
    // Whoever holds the group must have it before it can fail.
    await Promise.resolve()
    while (this.#reason !== 'stop') {
      const reason = (await this.#join()) ?? (await this.#untilInterrupted())
      if (reason === 'stop') break
      if (reason === 'lost') await this.#lose()
    }
    this.#isOver = true
    const stopped = this.#ledger.stop()
    this.#gate.lose()
    await this.#goodbye
    await this.#member.close()
    if (this.#failure !== undefined) throw this.#failure
    await stopped
  }

  async #join(): Promise<Reason | undefined> {
    this.#isJoining = true
    await this.#gate.close(this.#times.sessionMs / 3)
    if (this.#reason === 'stop') return 'stop'
    const claims = this.#ledger.claims()
    const outcome = await this.#askToJoin(claims)
    if (outcome === undefined || outcome.kind === 'closed') return 'stop'
    if (outcome.kind === 'refused') return this.#refused(outcome.code)
    this.#accept(outcome, claims)
    return undefined
  }

  #refused(code: number): Reason | undefined {
    const reason = this.#heed(code, 'JoinGroup')
    // All that we claim was asked for: nobody keeps it for us any more.
    return reason === 'rebalance' ? 'lost' : reason
  }

  /** Undefined: it has ended, whatever is still under way. */
  async #askToJoin(claims: readonly TaskId[]): Promise<JoinOutcome | undefined> {
    const hasClaims = claims.length > 0
    const { memberId } = this.#standing
    const call = { memberId, metadata: this.#standing.metadata(claims), hasClaims }
    const joining = this.#member.join(call)
    try {
      for (;;) {
        const outcome = await Promise.race([joining, this.#change.next()])
        if (typeof outcome === 'object') return outcome
        if (this.#reason === 'stop') return undefined
      }
    } catch (cause) {
      this.#fail(cause)
      return undefined
    }
  }

  async #untilInterrupted(): Promise<Reason> {
    while (this.#reason === undefined) await this.#change.next()
    return this.#reason
  }

  #onHeartbeat(memberId: string, generation: number, code: number): void {
    const isOld = memberId !== this.memberId || generation < this.#standing.generation
    if (this.#isJoining || isOld) return
    this.#heed(code, 'Heartbeat')
    // It speaks for a generation that our member has joined without us.
    if (code === 0 && generation > this.#standing.generation) this.#interrupt('rebalance')
  }

  #onStandIn(generation: number, { transactionalIds }: AssignmentData, busyMs: number): void {
    this.#standing.remember(transactionalIds)
    const ms = Math.round(busyMs)
    this.#options.log.warn('The group rebalanced while the process was busy; it keeps its tasks', {
      generation,
      busyMs: ms,
    })
    if (!this.#isJoining && generation > this.#standing.generation) this.#interrupt('rebalance')
  }

  /** Acts on an answer of the group; what it interrupts us for. */
  #heed(code: number, what: string): Reason | undefined {
    const verdict = this.#standing.judge(code, what)
    if (verdict === 'nothing') return undefined
    if (typeof verdict === 'object') this.#fail(verdict)
    else this.#interrupt(verdict)
    return typeof verdict === 'object' ? 'stop' : verdict
  }

  #accept({ memberId, generation, assignment }: Joined, claims: readonly TaskId[]): void {
    const tasks = this.#standing.accept(memberId, generation, assignment)
    this.#rebalances++
    this.#isJoining = false
    if (this.#reason !== 'stop') this.#reason = undefined
    this.#ledger.assign(tasks)
    const leaving = claims.filter((task) => !tasks.includes(task))
    if (leaving.length > 0) {
      void this.#ledger.givenUp(leaving).then(() => {
        if (generation === this.#standing.generation) this.#interrupt('rebalance')
      })
    }
    this.#gate.open(this.#standing.identity)
    this.#onJoined()
    this.#options.logger.info('Assigned', { generation, tasks: tasks.join(' ') })
    if (this.#isOutdated(assignment, tasks)) this.#interrupt('rebalance')
  }

  /**
   * A static member that comes back is given the last assignment of its predecessor. If that one
   * ran another plan, or had yet to give tasks up, only another generation brings them to others.
   */
  #isOutdated({ tasks, isSettled }: AssignmentData, ours: readonly TaskId[]): boolean {
    const isFirst = this.#options.instanceId !== null && this.#rebalances === 1
    return isFirst && (ours.length < tasks.length || !isSettled)
  }

  async #lose(): Promise<void> {
    this.#options.logger.warn('The group did without this member; joining again', {
      tasks: this.#ledger.claims().join(' '),
    })
    const lost = this.#ledger.lose()
    this.#standing.lose()
    this.#gate.lose()
    if (this.#reason !== 'stop') this.#reason = undefined
    await lost
  }

  #interrupt(reason: Reason): void {
    if (this.#reason !== 'stop' && !(this.#reason === 'lost' && reason === 'rebalance')) {
      this.#reason = reason
    }
    this.#change.tell()
  }

  #fail(cause: unknown): void {
    this.#failure ??=
      cause instanceof FatalError
        ? cause
        : new FatalError(
            'MILLRACE_GROUP_FAILED',
            `The membership of ${this.#options.groupId} ended: ${messageOf(cause)}; ` +
              'restart the process',
            { cause }
          )
    this.#interrupt('stop')
    this.#stopping.abort()
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
