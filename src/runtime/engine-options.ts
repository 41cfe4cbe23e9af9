/** What an engine is told, and what holds where it is told nothing. */
import type { StateDirectory } from '../../state/contract.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Topology } from '../topology/topology.ts'
import type { CommitProbe } from './commit.ts'
import type { Log } from './ports.ts'
import type { Guarantee } from './task-environment.ts'

export interface EngineOptions {
  readonly topology: Topology
  readonly applicationId: string
  readonly log: Log
  readonly directory: StateDirectory
  readonly clock?: Clock
  readonly logger?: Logger
  /** Default 'exactly_once'. */
  readonly guarantee?: Guarantee
  /** Default 100. */
  readonly commitIntervalMs?: number
  /** Whether updates may wait for the commit. Default true. */
  readonly caching?: boolean
  /** Uncommitted bytes above which a commit comes early, and processing waits. Default 32 MiB. */
  readonly bufferBytesMax?: number
  /** Tasks restored at one time. Default 4. */
  readonly restoresMax?: number
  /** Default 30,000. */
  readonly purgeIntervalMs?: number
  /**
   * How long commits may be kept in memory before one is written to disk with all of them: keys
   * that change in each are written once. Default 0: each commit is written.
   */
  readonly writeIntervalMs?: number
  /** False: nothing happens by itself; whoever holds the engine takes its turns. Default true. */
  readonly runs?: boolean
  readonly probe?: CommitProbe
  /** Of several threads that share a state directory: its number, from 1 on. Default 1. */
  readonly thread?: number
  /** Awaited by `start` when all is ready but the membership of the group. */
  readonly beforeJoining?: () => Promise<void>
  /** Awaited by `close` between the last commit and the good-bye to the group. */
  readonly beforeLeaving?: () => Promise<void>
}

const defaults = {
  guarantee: 'exactly_once',
  commitIntervalMs: 100,
  caching: true,
  bufferBytesMax: 32 * 1024 * 1024,
  restoresMax: 4,
  purgeIntervalMs: 30_000,
  writeIntervalMs: 0,
  runs: true,
  probe: () => {},
  thread: 1,
} as const satisfies Partial<EngineOptions>

export type CompleteOptions = EngineOptions & Required<Pick<EngineOptions, keyof typeof defaults>>

/** With defaults where nothing is said, or undefined is. */
export function completeOptions(options: EngineOptions): CompleteOptions {
  return { ...defaults, ...withoutUndefined(options) }
}

function withoutUndefined<T extends object>(object: T): T {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as T
}
