/**
 * Where we stand with the group: the name and the generation it gave us, what it assigned, and what
 * its answers mean for that.
 */
import { FatalError, type MillraceError } from '../errors.ts'
import type { TaskId } from '../ids.ts'
import type { GroupPlan } from '../runtime/ports.ts'
import { type AssignmentData, encodeSubscription, type MemberData } from './consumer-protocol.ts'
import { sourcesOf, topicsOf } from './group-leader.ts'
import { errorClassOf, errorCodes, isTransient, kafkaError } from './kafka-errors.ts'
import { digestOf } from './plan-digest.ts'
import type { GroupIdentity } from './requests/offsets.ts'

export interface StandingOptions {
  readonly groupId: string
  /** Of this process and run. */
  readonly instance: string
  /** Of a static member: the same in every run. Null: dynamic. */
  readonly instanceId: string | null
  readonly transactionalId: string | null
  readonly plan: GroupPlan
}

/** What an answer asks for. */
export type Verdict = 'nothing' | 'rebalance' | 'lost' | MillraceError

export class Standing {
  readonly planDigest: string
  readonly #options: StandingOptions
  #memberId = ''
  #generation = -1
  #transactionalIds: readonly string[] = []

  constructor(options: StandingOptions) {
    this.#options = options
    this.planDigest = digestOf(options.plan.tasks)
  }

  get memberId(): string {
    return this.#memberId
  }

  get generation(): number {
    return this.#generation
  }

  get identity(): GroupIdentity {
    const { groupId, instanceId } = this.#options
    return { groupId, memberId: this.#memberId, generation: this.#generation, instanceId }
  }

  isCurrent(memberId: string, generation: number): boolean {
    return memberId === this.#memberId && generation === this.#generation
  }

  /**
   * Answers with the tasks that are ours. A static member that comes back is given what its
   * predecessor had, and no leader looks at whether both run the same plan.
   */
  accept(memberId: string, generation: number, assignment: AssignmentData): readonly TaskId[] {
    this.#memberId = memberId
    this.#generation = generation
    this.#transactionalIds = assignment.transactionalIds
    return assignment.plan === this.planDigest ? assignment.tasks : []
  }

  /** Producers that a generation has seen, of which only our member knows. */
  remember(transactionalIds: readonly string[]): void {
    this.#transactionalIds = [...new Set([...this.#transactionalIds, ...transactionalIds])]
  }

  /** Of the producers it keeps the names: they may still have something open. */
  lose(): void {
    this.#generation = -1
  }

  /** What an answer of the group means; an error: it can never be otherwise. */
  judge(code: number, what: string): Verdict {
    if (code === errorCodes.REBALANCE_IN_PROGRESS) return 'rebalance'
    // The group still knows the member, which may have joined the next generation for us: whether
    // what we claim is still ours, the next join tells.
    if (code === errorCodes.ILLEGAL_GENERATION) return 'rebalance'
    if (code === 0 || isTransient(code)) return 'nothing'
    if (code === errorCodes.FENCED_INSTANCE_ID) return this.twinned()
    if (errorClassOf(code) !== 'migrated') {
      const { groupId } = this.#options
      return kafkaError(code, `${what} of ${groupId}`, null, groupId)
    }
    if (code === errorCodes.UNKNOWN_MEMBER_ID) this.#memberId = ''
    return 'lost'
  }

  /** What we tell the leader when we join. */
  metadata(owned: readonly TaskId[]): Uint8Array {
    const { instance, transactionalId, plan } = this.#options
    const data: MemberData = {
      instance,
      transactionalId,
      plan: this.planDigest,
      generation: this.#generation,
      owned,
      held: plan.held(),
      transactionalIds: this.#transactionalIds,
    }
    const { tasks } = plan
    return encodeSubscription({ topics: topicsOf(tasks), owned: sourcesOf(tasks, owned), data })
  }

  /** What a process is told whose instance id another one uses. */
  twinned(): FatalError {
    const { groupId, instanceId } = this.#options
    return new FatalError(
      'MILLRACE_INSTANCE_FENCED',
      `Another process has joined the group ${groupId} with this one's instance id, ` +
        `'${instanceId}', and has its tasks now; give each process an id of its own`
    )
  }
}
