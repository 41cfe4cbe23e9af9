/**
 * Reads a changelog from where the state stands to its end.
 *
 *     committed() before us ─▶ end = high watermark, taken now ─▶ committed records up to the end
 *
 * The order matters: the coordinator answers a commit before its markers are in the partitions, so
 * committed offsets may be newer than what readers of committed records can see yet. The end is
 * therefore the high watermark, and reading waits until the markers have come: stopping at the last
 * stable offset would lose the last commit without a sign.
 */
import { CorruptedError, FatalError, type MillraceError } from '../errors.ts'
import { type Offset, partitionName, type TopicPartition } from '../ids.ts'
import type { RestoreOptions, SourceReader } from '../runtime/ports.ts'
import type { Cluster } from './cluster.ts'
import { kafkaError } from './kafka-errors.ts'
import { listOffsets } from './requests/records.ts'
import { Change } from './waiting.ts'

/** What the event loop can do without, roughly. */
const sliceMs = 3
/** Between two flushes, at most: each costs a checkpoint, and what is gathered takes memory. */
const recordsPerFlushMax = 10_000
const slicesPerFlushMax = 8

export interface RestoreContext {
  readonly cluster: Cluster
  read(partition: TopicPartition, from: Offset, onData: () => void): SourceReader
}

/** Resolves with the position reached; see `Log.restore`. */
export async function restore(
  { cluster, read }: RestoreContext,
  partition: TopicPartition,
  from: Offset | 'earliest',
  options: RestoreOptions
): Promise<Offset> {
  const { start, end } = await bounds(cluster, partition, options.signal)
  options.onBounds?.(start, end)
  const first = from === 'earliest' ? start : from
  if (first < start || first > end) throw notInLog(partition, first, start, end)
  options.onProgress?.(first, end)
  if (first === end) return first
  const change = new Change()
  const reader = read(partition, first, () => change.tell())
  const onAbort = (): void => change.tell()
  options.signal.addEventListener('abort', onAbort)
  try {
    return await readTo(end, reader, change, options)
  } catch (error) {
    throw isNotThere(error) ? notInLog(partition, first, start, end, error) : error
  } finally {
    options.signal.removeEventListener('abort', onAbort)
    reader.close()
  }
}

async function readTo(
  end: Offset,
  reader: SourceReader,
  change: Change,
  { signal, apply, flush, onProgress }: RestoreOptions
): Promise<Offset> {
  let gathered = 0
  let slices = 0
  for (;;) {
    signal.throwIfAborted()
    const changed = change.next()
    const recordsMax = recordsPerFlushMax - gathered
    const { records, position, isDrained } = applySlice(end, reader, { apply, recordsMax, signal })
    signal.throwIfAborted()
    gathered += records
    slices++
    const isAtEnd = position >= end
    const isFull = gathered === recordsPerFlushMax || slices >= slicesPerFlushMax
    if (isAtEnd || (gathered > 0 && (isDrained || isFull))) {
      await flush(position, reader.epochAt?.(position))
      onProgress?.(position, end)
      gathered = 0
      slices = 0
    }
    if (isAtEnd) return position
    // A full slice gives way to heartbeats and the other tasks before it goes on.
    await (isDrained ? changed : new Promise((resolve) => setImmediate(resolve)))
  }
}

interface Slice {
  readonly records: number
  readonly position: Offset
  readonly isDrained: boolean
}

/** Applies what is here; stops in time for the event loop, and before what is behind the end. */
function applySlice(
  end: Offset,
  reader: SourceReader,
  { apply, recordsMax, signal }: Pick<RestoreOptions, 'apply' | 'signal'> & { recordsMax: number }
): Slice {
  const untilMs = performance.now() + sliceMs
  const isLate = (): boolean => performance.now() > untilMs
  for (let records = 0; ; ) {
    const isDrained = reader.position >= end || !reader.advance()
    if (isDrained) return { records, position: reader.position, isDrained }
    // Written after the end was taken: not part of the state to restore.
    if (reader.offset >= end) return { records, position: reader.offset, isDrained }
    apply(reader)
    records++
    const isFull = records === recordsMax || (records % 100 === 0 && isLate())
    if (signal.aborted || isFull) return { records, position: reader.position, isDrained }
  }
}

async function bounds(
  cluster: Cluster,
  partition: TopicPartition,
  signal: AbortSignal
): Promise<{ readonly start: Offset; readonly end: Offset }> {
  const where = async (at: 'earliest' | 'latest'): Promise<Offset> => {
    const entry = { ...partition, at }
    const isolation = 'uncommitted' as const
    const [found] = await cluster.callLeaders(
      'ListOffsets',
      [entry],
      (address, partitions) => cluster.send(address, listOffsets, { isolation, partitions }),
      { signal }
    )
    if (found?.error === 0) return found.offset
    throw kafkaError(found?.error ?? -1, `ListOffsets of ${partitionName(partition)}`)
  }
  const [end, start] = await Promise.all([where('latest'), where('earliest')])
  return { end, start }
}

function isNotThere(error: unknown): boolean {
  const codes = ['MILLRACE_OFFSET_OUT_OF_RANGE', 'MILLRACE_LOG_TRUNCATED']
  return error instanceof FatalError && codes.includes(error.code)
}

function notInLog(
  partition: TopicPartition,
  from: Offset,
  start: Offset,
  end: Offset,
  cause?: unknown
): MillraceError {
  return new CorruptedError(
    'MILLRACE_CHANGELOG_MISMATCH',
    `The state stands at ${from} of ${partitionName(partition)}, which holds [${start}, ${end}): ` +
      'records in between are gone, or the topic was made anew; the state is rebuilt',
    { cause }
  )
}
