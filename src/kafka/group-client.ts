/** The four requests of a membership, sent to whichever broker coordinates the group. */
import type { CallOptions, Cluster } from './cluster.ts'
import type { MemberAssignment } from './group-leader.ts'
import type { Rpc } from './protocol.ts'
import {
  heartbeat,
  type JoinGroupResponse,
  joinGroup,
  leaveGroup,
  type SyncGroupResponse,
  syncGroup,
} from './requests/groups.ts'
import type { GroupIdentity } from './requests/offsets.ts'

const protocolType = 'consumer'
const protocolName = 'millrace'
/** What a coordinator may take longer than it lets a rebalance last. */
const parkedGraceMs = 5_000
/** After which a parked request is sent again, however long the session. */
const parkedMsMax = 10_000
/** How long to try to say good-bye. */
export const leaveMs = 2_000

export interface GroupClientOptions {
  readonly cluster: Pick<Cluster, 'callCoordinator'>
  readonly groupId: string
  readonly instanceId: string | null
  readonly sessionMs: number
  readonly rebalanceMs: number
  /** Ends what is under way; `leave` is sent all the same. */
  readonly signal: AbortSignal
}

export class GroupClient {
  readonly #options: GroupClientOptions

  constructor(options: GroupClientOptions) {
    this.#options = options
  }

  join(memberId: string, metadata: Uint8Array): Promise<JoinGroupResponse> {
    const { groupId, instanceId, sessionMs, rebalanceMs } = this.#options
    const request = {
      groupId,
      sessionTimeoutMs: sessionMs,
      rebalanceTimeoutMs: rebalanceMs,
      memberId,
      instanceId,
      protocolType,
      protocols: [{ name: protocolName, metadata }],
    }
    return this.#call(joinGroup, request, this.#parking())
  }

  sync(
    identity: GroupIdentity,
    assignments: readonly MemberAssignment[]
  ): Promise<SyncGroupResponse> {
    return this.#call(syncGroup, { ...identity, assignments }, this.#parking())
  }

  async heartbeat(identity: GroupIdentity): Promise<number> {
    const { sessionMs: deadlineMs } = this.#options
    const { error } = await this.#call(heartbeat, identity, { role: 'heartbeat', deadlineMs })
    return error
  }

  async leave(memberId: string): Promise<void> {
    const { cluster, groupId, instanceId } = this.#options
    const request = { groupId, members: [{ memberId, instanceId }] }
    // Not on the group's own link: a JoinGroup may be parked there.
    const options = { role: 'control', deadlineMs: leaveMs } as const
    await cluster.callCoordinator('group', groupId, leaveGroup, request, errorOf, options)
  }

  /**
   * Brokers park JoinGroup and SyncGroup until all members are there, and nobody can tell from here
   * whether such a request waits or was lost with its connection. So it is repeated, soon enough
   * for a session that has begun with the answer: the second one takes the place of the first, or
   * is answered as that was.
   */
  #parking(): CallOptions {
    const { sessionMs, rebalanceMs } = this.#options
    const timeoutMs = Math.min(sessionMs / 2, parkedMsMax)
    return { timeoutMs, deadlineMs: rebalanceMs + parkedGraceMs }
  }

  #call<Request, Response extends { readonly error: number }>(
    rpc: Rpc<Request, Response>,
    request: Request,
    options: CallOptions
  ): Promise<Response> {
    const { cluster, groupId, signal } = this.#options
    const all: CallOptions = { role: 'group', signal, ...options }
    return cluster.callCoordinator('group', groupId, rpc, request, errorOf, all)
  }
}

function errorOf({ error }: { readonly error: number }): number {
  return error
}
