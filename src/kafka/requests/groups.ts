/** Membership of a group: the classic protocol, in which the members assign the work. */
import type { Rpc } from '../protocol.ts'
import { apis } from '../protocol.ts'
import type { GroupIdentity } from './offsets.ts'

export interface JoinGroupRequest {
  readonly groupId: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** Empty at first: the broker answers MEMBER_ID_REQUIRED with an id to come back with. */
  readonly memberId: string
  readonly instanceId: string | null
  readonly protocolType: string
  readonly protocols: readonly { readonly name: string; readonly metadata: Uint8Array }[]
}

export interface JoinedMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly metadata: Buffer
}

export interface JoinGroupResponse {
  readonly error: number
  readonly generation: number
  readonly protocol: string
  readonly leaderId: string
  readonly memberId: string
  /** Only the leader is told. */
  readonly members: readonly JoinedMember[]
}

export const joinGroup: Rpc<JoinGroupRequest, JoinGroupResponse> = {
  api: apis.joinGroup,
  encode(writer, request) {
    writer.string(request.groupId)
    writer.int32(request.sessionTimeoutMs).int32(request.rebalanceTimeoutMs)
    writer.string(request.memberId).string(request.instanceId).string(request.protocolType)
    writer.array(request.protocols, ({ name, metadata }) => writer.string(name).bytes(metadata))
  },
  decode(reader) {
    reader.throttle()
    return {
      error: reader.int16(),
      generation: reader.int32(),
      protocol: reader.string(),
      leaderId: reader.string(),
      memberId: reader.string(),
      members: reader.array(() => ({
        memberId: reader.string(),
        instanceId: reader.nullableString(),
        metadata: reader.bytes(),
      })),
    }
  },
}

export interface SyncGroupRequest extends GroupIdentity {
  /** Empty but for the leader. */
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[]
}

export interface SyncGroupResponse {
  readonly error: number
  readonly assignment: Buffer
}

export const syncGroup: Rpc<SyncGroupRequest, SyncGroupResponse> = {
  api: apis.syncGroup,
  encode(writer, request) {
    writer.string(request.groupId).int32(request.generation)
    writer.string(request.memberId).string(request.instanceId)
    writer.array(request.assignments, ({ memberId, assignment }) =>
      writer.string(memberId).bytes(assignment)
    )
  },
  decode(reader) {
    reader.throttle()
    return { error: reader.int16(), assignment: reader.bytes() }
  },
}

export const heartbeat: Rpc<GroupIdentity, { readonly error: number }> = {
  api: apis.heartbeat,
  encode(writer, request) {
    writer.string(request.groupId).int32(request.generation)
    writer.string(request.memberId).string(request.instanceId)
  },
  decode(reader) {
    reader.throttle()
    return { error: reader.int16() }
  },
}

export interface LeaveGroupRequest {
  readonly groupId: string
  readonly members: readonly { readonly memberId: string; readonly instanceId: string | null }[]
}

export interface LeaveGroupResponse {
  readonly error: number
  readonly members: readonly { readonly memberId: string; readonly error: number }[]
}

export const leaveGroup: Rpc<LeaveGroupRequest, LeaveGroupResponse> = {
  api: apis.leaveGroup,
  encode(writer, request) {
    writer.string(request.groupId)
    writer.array(request.members, ({ memberId, instanceId }) =>
      writer.string(memberId).string(instanceId)
    )
  },
  decode(reader) {
    reader.throttle()
    const error = reader.int16()
    const members = reader.array(() => {
      const memberId = reader.string()
      reader.nullableString()
      return { memberId, error: reader.int16() }
    })
    return { error, members }
  },
}
