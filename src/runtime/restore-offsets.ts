/**
 * Whether the committed offsets and the state on disk are of one past. A state never gets ahead of
 * the offsets by itself, so where it is, somebody has set them back, or their topic has lost some:
 * reading on from there would count again what the state holds.
 *
 *     offsets of an earlier commit     rebuilt where changelogs can tell; otherwise refused
 *     no offsets at all                begun anew if the changelogs are empty, too; else refused
 *     set by hand, before the state    refused, unless the input there is not what was read
 *     set by hand, from the state on   the state stays as it is
 */
import type { Checkpoint, SourcePlace } from '../../state/contract.ts'
import { FatalError } from '../errors.ts'
import type { Offset, Timestamp, TopicPartition } from '../ids.ts'
import { partitionName } from '../ids.ts'
import type { Logger } from '../log.ts'
import { changelogTopic } from './plan.ts'
import type { CommittedOffset, Log } from './ports.ts'
import { ageMsMax, type CommittedNumber, offsetsLost } from './restore-rules.ts'
import { readTimeMetadata } from './time-metadata.ts'

export interface OffsetsCheckOptions {
  readonly log: Log
  readonly applicationId: string
  readonly task: string
  readonly partition: number
  readonly stores: readonly string[]
  readonly checkpoint: Checkpoint | undefined
  readonly committed: CommittedNumber
  readonly offsets?: readonly CommittedOffset[]
  readonly canStepBack?: boolean
  readonly signal: AbortSignal
  readonly logger: Logger
  readonly now: () => Timestamp
}

/** How far the input was read, as a checkpoint keeps it. */
export function placesOf(
  offsets: readonly (TopicPartition & {
    readonly offset: Offset | undefined
    readonly leaderEpoch?: number
  })[]
): Readonly<Record<string, SourcePlace>> {
  const places = offsets.flatMap((one) => {
    const { offset, leaderEpoch } = one
    if (offset === undefined) return []
    return [[partitionName(one), leaderEpoch === undefined ? { offset } : { offset, leaderEpoch }]]
  })
  return Object.fromEntries(places) as Record<string, SourcePlace>
}

export class OffsetsCheck {
  readonly #options: OffsetsCheckOptions

  constructor(options: OffsetsCheckOptions) {
    this.#options = options
  }

  /** Rejects with a FatalError that names the ways out. */
  async outcome(): Promise<'keep' | 'rebuild'> {
    const { committed, checkpoint, task, logger } = this.#options
    if (committed === 'unknown') {
      logger.warn('The offsets of a task were set by hand; its state stays as it is', { task })
    } else if (checkpoint !== undefined && checkpoint.commitNumber > (committed ?? 0)) {
      return this.#ahead(checkpoint, committed)
    }
    if (checkpoint?.sources !== undefined) await this.#expectNotBehind(checkpoint.sources)
    return 'keep'
  }

  async #ahead(checkpoint: Checkpoint, committed: number | undefined): Promise<'rebuild'> {
    const { task, logger, canStepBack = true, now } = this.#options
    const { commitNumber: state, writtenAt = now(), sources } = checkpoint
    if (committed === undefined) await this.#expectForgotten(sources)
    else if (!canStepBack || now() - writtenAt > ageMsMax) {
      const what = `is that of commit ${state}, and the offsets are of ${committed}`
      throw await this.#behind(what, sources)
    }
    const found = { task, state, committed: committed ?? 0 }
    logger.warn('The state is ahead of the committed offsets and is rebuilt', found)
    return 'rebuild'
  }

  /** Without offsets nothing was committed; or all of it is gone, and nothing may be left. */
  async #expectForgotten(sources: Checkpoint['sources']): Promise<void> {
    const { stores, applicationId, task } = this.#options
    for (const store of stores) {
      if (!(await this.#hasRecords(store, 'earliest'))) continue
      const commands = await this.#commands(sources)
      throw offsetsLost(applicationId, task, this.#changelog(store), commands)
    }
  }

  #changelog(store: string): TopicPartition {
    const { applicationId, partition } = this.#options
    return { topic: changelogTopic(applicationId, store), partition }
  }

  /** Whether its changelog has any from there on. */
  async #hasRecords(store: string, from: Offset | 'earliest'): Promise<boolean> {
    const { log, signal } = this.#options
    const found = new Error('a record')
    const apply = (): never => {
      throw found
    }
    try {
      await log.restore(this.#changelog(store), from, { signal, apply, flush: () => {} })
      return false
    } catch (error) {
      if (error === found) return true
      throw error
    }
  }

  /** Whether changelogs know more than the state: a crash has left commits in them alone. */
  async #isShort(): Promise<boolean> {
    const { stores, checkpoint } = this.#options
    for (const store of stores) {
      const from = checkpoint?.changelogs[store] ?? 'earliest'
      // What is not there to be read from is for the restore to complain about.
      if (await this.#hasRecords(store, from).catch(() => true)) return true
    }
    return false
  }

  async #expectNotBehind(sources: Readonly<Record<string, SourcePlace>>): Promise<void> {
    const { offsets = [], log, signal } = this.#options
    for (const one of offsets) {
      const { offset, metadata } = one
      const place = sources[partitionName(one)]
      if (offset === undefined || place === undefined) continue
      if (readTimeMetadata(metadata) !== undefined || offset >= place.offset) continue
      const { leaderEpoch } = place
      // What is there now may be other records than those that were read.
      const parts =
        leaderEpoch === undefined
          ? undefined
          : await log.divergence(one, place.offset, leaderEpoch, signal)
      if (parts !== undefined && parts <= offset) continue
      const name = partitionName(one)
      const what = `holds ${name} up to ${place.offset}, and its offset was set to ${offset}`
      throw await this.#behind(what, sources)
    }
  }

  async #behind(what: string, sources: Checkpoint['sources']): Promise<FatalError> {
    const { task } = this.#options
    const commands = await this.#commands(sources)
    const ways = commands === undefined ? '' : `go on where the state stands, by ${commands}; `
    return new FatalError(
      'MILLRACE_OFFSETS_BEHIND_STATE',
      `The state of task ${task} ${what}: what is in between would be counted twice. With all ` +
        `instances stopped, ${ways}or, if the input was made anew, or offsets and changelogs ` +
        `were set back together, remove tasks/${task} from all state directories: it is rebuilt ` +
        'from its changelogs; or count anew under another APPLICATION_ID'
    )
  }

  /** To go on where the state stands; undefined: nobody knows the place of the last commit. */
  async #commands(sources: Checkpoint['sources']): Promise<string | undefined> {
    if (await this.#isShort()) return undefined
    const { offsets = [], applicationId } = this.#options
    const commands = offsets.flatMap((one) => {
      const place = sources?.[partitionName(one)]
      if (place === undefined) return []
      const at = `--to-offset ${place.offset} --topic ${one.topic}:${one.partition}`
      return `kafka-consumer-groups.sh --group ${applicationId} --reset-offsets ${at} --execute`
    })
    return commands.length === 0 ? undefined : commands.join(' and ')
  }
}
