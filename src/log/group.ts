/**
 * The members of one application in this process, and which tasks each of them owns.
 *
 *     join, leave, expel ──▶ rebalance:  target ──▶ revoke, awaited ──▶ give ──▶ again, if anything
 *                                                                               changed meanwhile
 *
 * Invariants: a task has at most one owner, and only the owner's commits are taken; the owner keeps
 * a task until its `onRevoked` has resolved; calls to one listener come one at a time.
 */
import { FatalError, FencedError } from '../errors.ts'
import type { TaskId } from '../ids.ts'
import type { Logger } from '../log.ts'
import type { AssignmentListener, GroupPlan, Membership } from '../runtime/ports.ts'
import { assign, byTask, type Candidate } from './assign.ts'

interface Member {
  readonly id: string
  readonly plan: GroupPlan
  readonly tasks: ReadonlySet<TaskId>
  readonly listener: AssignmentListener
  readonly owned: Set<TaskId>
  /** A frozen one is out of the group without knowing it. */
  state: 'member' | 'expelled' | 'gone'
  rebalances: number
  /** It was told what it has, since it joined. */
  isAssigned: boolean
  readonly fail: (error: FatalError) => void
}

/** A member as the client that joined sees it. */
export interface GroupMember {
  readonly membership: Membership
  owns(task: TaskId): boolean
  /** Out of the group at once, tasks to others, the listener told nothing: a crash. */
  drop(): void
  /** As if its session had timed out: its tasks go to others, and it is not told yet. */
  expel(): void
  /** It finds out: `onLost`, and then it joins again. */
  rejoin(): Promise<void>
}

export class Group {
  readonly #logger: Logger
  readonly #members = new Map<string, Member>()
  #joined = 0
  #work: Promise<void> = Promise.resolve()
  #scheduled = false

  constructor(logger: Logger) {
    this.#logger = logger
  }

  join(plan: GroupPlan, listener: AssignmentListener): GroupMember {
    let finish = (): void => {}
    let fail = (_error: FatalError): void => {}
    const ended = new Promise<void>((resolve, reject) => {
      finish = resolve
      fail = reject
    })
    // Nobody has to listen to `ended`: an unheard rejection must not end the process.
    ended.catch(() => {})
    const member: Member = {
      id: `member-${++this.#joined}`,
      plan,
      tasks: new Set(plan.tasks.map(({ id }) => id)),
      listener,
      owned: new Set(),
      state: 'member',
      rebalances: 0,
      isAssigned: false,
      fail,
    }
    this.#members.set(member.id, member)
    this.#rebalanceSoon()
    const leave = async (): Promise<void> => {
      this.#remove(member)
      finish()
    }
    const owns = (task: TaskId): boolean => member.state === 'member' && member.owned.has(task)
    return {
      membership: {
        leave,
        ended,
        memberId: member.id,
        get rebalances() {
          return member.rebalances
        },
        get isAssigned() {
          return member.isAssigned
        },
        stillHas: async (task) => owns(task),
      },
      owns,
      drop: () => this.#remove(member),
      expel: () => this.#expel(member),
      rejoin: () => this.#rejoin(member),
    }
  }

  /** Resolves when every member has got what it is to have. */
  async settled(): Promise<void> {
    for (;;) {
      const work = this.#work
      await work
      if (work === this.#work) return
    }
  }

  #remove(member: Member): void {
    member.state = 'gone'
    member.owned.clear()
    if (this.#members.delete(member.id)) this.#rebalanceSoon()
  }

  #expel(member: Member): void {
    if (member.state !== 'member') return
    member.state = 'expelled'
    member.owned.clear()
    this.#members.delete(member.id)
    this.#rebalanceSoon()
  }

  async #rejoin(member: Member): Promise<void> {
    if (member.state !== 'expelled') return
    await this.#enqueue(async () => {
      member.isAssigned = false
      await this.#tell(member, () => member.listener.onLost())
      if (member.state !== 'expelled') return
      member.state = 'member'
      this.#members.set(member.id, member)
    })
    this.#rebalanceSoon()
  }

  #rebalanceSoon(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    void this.#enqueue(() => {
      this.#scheduled = false
      return this.#rebalance()
    })
  }

  #enqueue(step: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(step)
    return this.#work
  }

  async #rebalance(): Promise<void> {
    const members = [...this.#members.values()]
    const tasks = new Set(members.flatMap((member) => [...member.tasks]))
    const target = assign([...tasks], members.map(candidate))
    const wanted = (member: Member): ReadonlySet<TaskId> => new Set(target.get(member.id))
    for (const member of members) member.rebalances++
    await Promise.all(members.map((member) => this.#revoke(member, wanted(member))))
    await Promise.all(members.map((member) => this.#give(member, wanted(member))))
  }

  async #revoke(member: Member, wanted: ReadonlySet<TaskId>): Promise<void> {
    const leaving = [...member.owned].filter((task) => !wanted.has(task)).sort(byTask)
    if (leaving.length === 0) return
    await this.#tell(member, () => member.listener.onRevoked(leaving))
    for (const task of leaving) member.owned.delete(task)
  }

  async #give(member: Member, wanted: ReadonlySet<TaskId>): Promise<void> {
    const taken = new Set([...this.#members.values()].flatMap((other) => [...other.owned]))
    const coming = [...wanted].filter((task) => !taken.has(task)).sort(byTask)
    if (member.state !== 'member') return
    for (const task of coming) member.owned.add(task)
    if (coming.length > 0) await this.#tell(member, () => member.listener.onAssigned(coming))
    member.isAssigned = true
  }

  /** A listener that fails ends its own membership, not the group. */
  async #tell(member: Member, call: () => Promise<void>): Promise<void> {
    if (isGone(member)) return
    try {
      await call()
    } catch (cause) {
      if (isGone(member)) return
      const message = `The listener of ${member.id} failed during a rebalance.`
      this.#logger.error(message, { error: cause })
      this.#remove(member)
      member.fail(new FatalError('MILLRACE_GROUP_LISTENER_FAILED', message, { cause }))
    }
  }
}

export function fenced(task: TaskId, memberId: string | undefined): FencedError {
  const who = memberId === undefined ? 'This client is in no group' : `${memberId} lost the task`
  return new FencedError(
    'MILLRACE_TASK_FENCED',
    `The commit for task ${task} was refused: ${who}. Drop what is not committed, and join again.`
  )
}

function isGone({ state }: Member): boolean {
  return state === 'gone'
}

function candidate(member: Member): Candidate {
  const held = new Map(member.plan.held().map(({ id, restored }) => [id, restored]))
  return { id: member.id, plan: member.tasks, owned: member.owned, held }
}
