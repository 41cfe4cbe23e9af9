/** What whoever looks after an application asks of brokers; the engine itself never does. */
import type { Rpc } from '../protocol.ts'
import { adminApis, apis } from '../protocol.ts'
import { type OffsetFetchResponse, offsetFetch } from './offsets.ts'

export interface GroupMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly host: string
}

export interface DescribedGroup {
  readonly error: number
  /** `Stable`, `PreparingRebalance`, `CompletingRebalance`, `Empty`; `Dead`: there is none. */
  readonly state: string
  readonly members: readonly GroupMember[]
}

export const describeGroup: Rpc<{ readonly groupId: string }, DescribedGroup> = {
  api: adminApis.describeGroups,
  encode(writer, { groupId }) {
    writer.array([groupId], (id) => writer.string(id)).boolean(false)
  },
  decode(reader) {
    reader.throttle()
    const [group] = reader.array(() => {
      const error = reader.int16()
      reader.string()
      const state = reader.string()
      reader.string()
      reader.string()
      const members = reader.array(() => {
        const member = {
          memberId: reader.string(),
          instanceId: reader.nullableString(),
          clientId: reader.string(),
          host: reader.string(),
        }
        reader.bytes()
        reader.bytes()
        return member
      })
      reader.int32()
      return { error, state, members }
    })
    return group ?? { error: 0, state: 'Dead', members: [] }
  },
}

/** All offsets that a group has committed, of whatever topics. */
export const fetchAllOffsets: Rpc<{ readonly groupId: string }, OffsetFetchResponse> = {
  api: apis.offsetFetch,
  encode(writer, { groupId }) {
    writer.string(groupId)
    writer.array(null, () => undefined)
    writer.boolean(false).end()
  },
  decode: (reader) => offsetFetch.decode(reader),
}

/** With all its offsets; refused as long as somebody is in it. */
export const deleteGroup: Rpc<{ readonly groupId: string }, { readonly error: number }> = {
  api: adminApis.deleteGroups,
  encode(writer, { groupId }) {
    writer.array([groupId], (id) => writer.string(id))
  },
  decode(reader) {
    reader.throttle()
    const [error = 0] = reader.array(() => {
      reader.string()
      return reader.int16()
    })
    return { error }
  },
}
