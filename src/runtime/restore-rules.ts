/**
 * When a state can be brought up to its last commit, and what to do when it cannot: nothing of what
 * was committed is left out in silence.
 *
 *     changelog begins behind the state   records by age: rebuilt; otherwise refused
 *     changelog ends before the state     refused; also if it has other records from there on
 *     state older than tombstones live    rebuilt
 *     no offsets, but committed records   refused
 *     offsets set by hand                 the state stays as it is
 */
import { CorruptedError, FatalError } from '../errors.ts'
import type { Offset, TopicPartition } from '../ids.ts'
import { partitionName } from '../ids.ts'
import { tombstonesKeptMs } from '../topology/internal-topics.ts'
import type { CommittedOffset } from './ports.ts'
import { readTimeMetadata } from './time-metadata.ts'

/** Of a state with a part to restore; an hour is left for clocks that differ. */
export const ageMsMax = tombstonesKeptMs - 3_600_000

/**
 * Of a task's last commit. Undefined: there was none; 'unknown': there are offsets, and they are
 * not ours, so somebody has set them by hand.
 */
export type CommittedNumber = number | 'unknown' | undefined

export function committedNumberOf(offsets: readonly CommittedOffset[]): CommittedNumber {
  const there = offsets.filter(({ offset }) => offset !== undefined)
  if (there.length === 0) return undefined
  const numbers = there.flatMap(({ metadata }) => readTimeMetadata(metadata)?.commitNumber ?? [])
  return numbers.length === 0 ? 'unknown' : Math.max(...numbers)
}

export interface FoundChangelog {
  readonly task: string
  readonly changelog: TopicPartition
  /** Undefined: there is no state to begin with. */
  readonly from: Offset | undefined
  readonly start: Offset
  readonly end: Offset
}

/** Records that nobody but a hand deletes are gone before they were read. */
export function changelogCut({ task, changelog, from, start }: FoundChangelog): FatalError {
  const name = partitionName(changelog)
  const has = from === undefined ? 'there is no state here' : `the state here ends at ${from}`
  return new FatalError(
    'MILLRACE_CHANGELOG_TRUNCATED',
    `The state of task ${task} cannot be restored: ${name} begins at ${start}, and ${has}. ` +
      'Records in between were deleted, though a compacted changelog loses none by itself. Start ' +
      'an instance whose STATE_DIR still has this task, bring the topic back from a copy, or ' +
      'begin anew under another APPLICATION_ID'
  )
}

/** What was committed is not in the changelog any more; the state here may be the last copy. */
export function changelogShort({ task, changelog, from, end }: FoundChangelog): FatalError {
  const name = partitionName(changelog)
  return new FatalError(
    'MILLRACE_CHANGELOG_TRUNCATED',
    `The state of task ${task} stands at ${from} of ${name}, which has what was there only up ` +
      `to ${end}: it has lost records (an unclean election of a leader, or the topic was made ` +
      `anew). Bring the topic back from a copy; or remove tasks/${task} from the state ` +
      'directory, to go on with what the changelog still has; or begin anew under another ' +
      'APPLICATION_ID'
  )
}

/** Deletions may have been compacted away that the state here has never seen. */
export function outdated({ changelog, from }: FoundChangelog): CorruptedError {
  return new CorruptedError(
    'MILLRACE_STATE_OUTDATED',
    `The state stands at ${from} of ${partitionName(changelog)}, and is older than tombstones ` +
      'are kept there: what was deleted since may not be told any more; the state is rebuilt'
  )
}

/** Reading the input from its start would count everything twice. */
export function offsetsLost(
  applicationId: string,
  task: string,
  changelog: TopicPartition,
  commands?: string
): FatalError {
  const here =
    commands === undefined ? '' : ` (the state here stands where these would set them: ${commands})`
  return new FatalError(
    'MILLRACE_OFFSETS_LOST',
    `The group ${applicationId} has no offsets for the input of task ${task}, but ` +
      `${partitionName(changelog)} holds what it has committed: offsets expire while nobody is ` +
      'in the group (offsets.retention.minutes), and go with a topic that is deleted. ' +
      `Set them again with kafka-consumer-groups.sh --reset-offsets${here}: the state stays as ` +
      'it is; ' +
      'or begin anew under another APPLICATION_ID'
  )
}
