/**
 * The thread in which a member lives: its own connections, and no user's function near them. See
 * `member-thread.ts` for the other side.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { present } from '../assert.ts'
import { silentLogger } from '../log.ts'
import { Attention } from './attention.ts'
import { Cluster } from './cluster.ts'
import { Member, type MemberSettings } from './member.ts'
import {
  type FromMember,
  type MemberThreadData,
  plainFields,
  type ToMember,
  toErrorMessage,
} from './member-messages.ts'

const fenceMs = 3_000
/** How long the group may take to hear of a rebalance before its member joins for it. */
const standInAfterMs = 1_000

const port = present(parentPort, 'a thread of its own')
const data = workerData as MemberThreadData
const { groupId, sessionMs, connection, heard, maxPollIntervalMs } = data
// An answer to a heartbeat that comes later than this is as bad as none.
const requestTimeoutMs = Math.max(1_000, Math.floor(sessionMs / 3))
const cluster = new Cluster({ ...connection, requestTimeoutMs, logger: silentLogger })
const log = { warn: tellWarning }

const attention = new Attention(new Int32Array(heard), () => performance.now())

let member: Member | undefined

port.on('message', (message: ToMember) => {
  if (message.kind === 'open') {
    member = open(message.settings)
    return
  }
  const speaker = present(member, 'a member that was opened')
  const { id } = message
  const done = (answer: FromMember) => (): void => tell(answer)
  const failed = (error: unknown): void =>
    tell({ kind: 'rejected', id, error: toErrorMessage(error) })
  if (message.kind === 'leave') {
    speaker.leave(message.saysGoodbye).then(done({ kind: 'left', id }), failed)
  } else {
    speaker.join(message.call).then((outcome) => tell({ kind: 'joined', id, outcome }), failed)
  }
})

// The group will be joined soon; what is wrong with its coordinator is said then.
cluster.coordinator('group', groupId).catch(() => undefined)

function open(settings: MemberSettings): Member {
  const busyMs = (): number => busyMsOf(settings)
  return new Member(
    settings,
    { cluster, isAlive, busyMs, fence },
    {
      onHeartbeat: (memberId, generation, code) =>
        tell({ kind: 'heartbeat', memberId, generation, code }),
      onStandIn: (generation, assignment, busyMs) =>
        tell({ kind: 'stoodIn', generation, assignment, busyMs }),
      onWarning: tellWarning,
      onFailure: (error) => tell({ kind: 'failed', error: toErrorMessage(error) }),
    }
  )
}

/** Loaded by whoever has something to fence: hardly anybody. */
async function fence(ids: readonly string[]): Promise<readonly string[]> {
  const { fenceAll } = await import('./fencing.ts')
  return await fenceAll(cluster, ids, fenceMs, log)
}

function tell(message: FromMember): void {
  attention.tell()
  port.postMessage(message)
}

function tellWarning(message: string, fields: Parameters<typeof plainFields>[0] = {}): void {
  tell({ kind: 'warning', message, fields: plainFields(fields) })
}

/** Every answer to a heartbeat is a message: a group whose thread is free has read them. */
function isAlive(): boolean {
  return attention.unreadMs() < maxPollIntervalMs
}

function busyMsOf({ rebalanceMs }: MemberSettings): number {
  const unreadMs = attention.unreadMs()
  return unreadMs < Math.min(standInAfterMs, rebalanceMs / 4) ? 0 : unreadMs
}
