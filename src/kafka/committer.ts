/**
 * The commit, under either guarantee: records and offsets in one transaction, or records first and
 * then offsets. Both are fenced by the membership under which they began.
 */
import { assert } from '../assert.ts'
import { AbortedError, FatalError, FencedError, MillraceError } from '../errors.ts'
import { type Offset, partitionName, type TaskId } from '../ids.ts'
import type { CommitReceipt, CommitRequest, OutputBatch } from '../runtime/ports.ts'
import type { Cluster } from './cluster.ts'
import type { CommitPass } from './commit-gate.ts'
import type { Group } from './group.ts'
import { errorCodes, kafkaCode, kafkaError, UnknownOutcomeError } from './kafka-errors.ts'
import type { Offsets } from './offsets.ts'
import { KafkaOutputBatch, type PartitionBatches } from './output-batch.ts'
import type { SealedBatch } from './record-batch-chain.ts'
import type { GroupIdentity } from './requests/offsets.ts'
import { type ListOffsetsPartition, listOffsets } from './requests/records.ts'
import type { ThrottledLog } from './throttled-log.ts'

export interface Committer {
  commit(request: CommitRequest): Promise<CommitReceipt>
  /** Whether nothing is left open that a successor would have to end. */
  close(): Promise<boolean>
}

export interface CommitterOptions {
  readonly cluster: Cluster
  readonly offsets: Offsets
  readonly log: ThrottledLog
  /** The membership of the moment. */
  readonly group: () => Group
  /** Whose epochs the receipt is to tell. Default: nobody's. */
  readonly isChangelog?: (topic: string) => boolean
}

/** What must be true of a request before anything is sent; answers with the tasks it is for. */
export function tasksOf({ offsets, batch }: CommitRequest): ReadonlySet<TaskId> {
  const what = 'a commit carries offsets of every task it touches: they are what fences it'
  assert(offsets.length > 0 || batch.records === 0, what)
  return new Set(offsets.map(({ task }) => task))
}

export function batchesOf(batch: OutputBatch): readonly PartitionBatches[] {
  assert(batch instanceof KafkaOutputBatch, 'a batch is committed by the log that created it')
  return batch.take()
}

/** Sends everything side by side; the receipt tells the ends when all of it is acknowledged. */
export async function sendAll(
  cluster: Cluster,
  all: readonly PartitionBatches[],
  send: (topic: string, partition: number, batch: SealedBatch) => Promise<Offset>
): Promise<CommitReceipt> {
  const ends = new Map<string, Offset>()
  const sending = all.map(async ({ topic, partition, batches }) => {
    const bases = await Promise.all(batches.map((batch) => send(topic, partition, batch)))
    const [base, last] = [bases.at(-1), batches.at(-1)]
    if (base === undefined || last === undefined) return
    // A duplicate that the broker remembers only as such has no offset; the end is behind it.
    const end = base >= 0 ? base + last.records : await endOf(cluster, topic, partition)
    ends.set(partitionName({ topic, partition }), end)
  })
  const results = await Promise.allSettled(sending)
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return { endOffset: (topic, partition) => ends.get(partitionName({ topic, partition })) }
}

/**
 * Adds to a receipt under which leaders the changelogs are by now. Nobody waits for the answers:
 * they come while the commit ends, and what has not come by then stays unknown.
 */
export function withEpochs(
  { cluster, isChangelog = () => false }: CommitterOptions,
  all: readonly PartitionBatches[],
  receipt: CommitReceipt
): CommitReceipt {
  const epochs = new Map<string, number>()
  const byLeader = new Map<string, ListOffsetsPartition[]>()
  for (const { topic, partition } of all) {
    const address = isChangelog(topic) ? cluster.leader({ topic, partition })?.address : undefined
    if (address === undefined) continue
    const entries = byLeader.get(address) ?? []
    byLeader.set(address, entries)
    entries.push({ topic, partition, at: 'latest' })
  }
  for (const [address, partitions] of byLeader) {
    cluster.send(address, listOffsets, { isolation: 'uncommitted', partitions }).then(
      (found) => {
        for (const one of found) {
          if (one.error === 0 && one.leaderEpoch >= 0) {
            epochs.set(partitionName(one), one.leaderEpoch)
          }
        }
      },
      (error: Error) => cluster.logger.debug('No epochs for now', { reason: error.message })
    )
  }
  return {
    endOffset: receipt.endOffset,
    leaderEpoch: (topic, partition) => epochs.get(partitionName({ topic, partition })),
  }
}

/** What a broker says of the membership, and not of the producer; undefined: nothing. */
function membershipCode(error: unknown): number | undefined {
  const { ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS } = errorCodes
  const codes = [ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS]
  return codes.find((code) => error instanceof MillraceError && error.code === kafkaCode(code))
}

/**
 * For whom a commit may speak that was refused for its membership: for us in the generation that
 * has overtaken it, if its tasks were ours through all generations in between. The group has seen
 * our claims in each of them then, and given the tasks to nobody: what the commit holds is as true
 * as before, and goes on. Undefined: the refusal stands.
 */
export async function overtakenBy(
  group: Group,
  pass: CommitPass,
  refused: GroupIdentity,
  error: unknown
): Promise<GroupIdentity | undefined> {
  const code = membershipCode(error)
  if (code === undefined) return undefined
  group.reportRefused(refused, code)
  return pass.newer(refused.generation)
}

/** Nothing of the commit happened; who owns the tasks is for the group to say. */
export async function notCommitted(group: Group, cause: unknown): Promise<MillraceError> {
  const isAboutMember = membershipCode(cause) !== undefined
  if (isAboutMember && cause instanceof FencedError) return fenced(cause)
  // What may have been written, and can never be told: no later commit would fare better.
  if (cause instanceof UnknownOutcomeError && cause.cause instanceof FatalError) return cause.cause
  if (cause instanceof FatalError) {
    return cause.code === 'MILLRACE_KAFKA_FENCED_INSTANCE_ID' ? group.twinned() : cause
  }
  if (!(cause instanceof MillraceError)) {
    return new FatalError('MILLRACE_COMMIT_FAILED', `The commit failed: ${String(cause)}`, {
      cause,
    })
  }
  // A producer is fenced by a plain timeout too: only the group knows whether there is a rival.
  const isOpen = cause instanceof FencedError || cause instanceof UnknownOutcomeError
  const isMember = isOpen ? await stillMember(group) : true
  return isMember ? aborted(cause.message, cause) : fenced(cause)
}

/** Unless the group says otherwise; if it cannot be asked, the next commit will tell. */
export async function stillMember(group: Group): Promise<boolean> {
  return group.check().catch(() => true)
}

function aborted(reason: string, cause: unknown): AbortedError {
  const message = `The commit did not happen: ${reason}`
  return new AbortedError('MILLRACE_COMMIT_ABORTED', message, { cause })
}

function fenced(cause: unknown): FencedError {
  return new FencedError(
    'MILLRACE_COMMIT_FENCED',
    'The commit did not happen: the group gave the tasks to others. Drop what is not committed',
    { cause }
  )
}

async function endOf(cluster: Cluster, topic: string, partition: number): Promise<Offset> {
  const isolation = 'uncommitted' as const
  const entry = { topic, partition, at: 'latest' as const }
  const [found] = await cluster.callLeaders('ListOffsets', [entry], (address, partitions) =>
    cluster.send(address, listOffsets, { isolation, partitions })
  )
  if (found?.error === 0) return found.offset
  throw kafkaError(found?.error ?? -1, `ListOffsets of ${partitionName({ topic, partition })}`)
}
