/** Plain copies of what a running application looks like: for HTTP, metrics and tests. */
import type { Offset, TaskId, Timestamp } from '../ids.ts'
import type { LogHealth } from './ports.ts'

export type AppState =
  | 'created'
  | 'starting'
  | 'running'
  | 'rebalancing'
  | 'closing'
  | 'closed'
  | 'failed'
export type TaskState = 'created' | 'restoring' | 'running' | 'closed'

export interface PartitionSnapshot {
  readonly topic: string
  readonly partition: number
  readonly position: Offset
  /** High watermark by the latest fetch; null before the first answer. */
  readonly endOffset: Offset | null
  readonly lag: number | null
  /** Null before the first record. */
  readonly watermark: Timestamp | null
}

export interface RestoreSnapshot {
  readonly store: string
  readonly position: Offset
  readonly end: Offset
}

export interface TaskSnapshot {
  readonly id: TaskId
  /** Which of several threads runs it, from 1 on; absent where there is one. */
  readonly thread?: number
  readonly state: TaskState
  readonly partitions: readonly PartitionSnapshot[]
  readonly streamTime: Timestamp | null
  readonly stateBytes: number
  readonly restore: readonly RestoreSnapshot[]
}

export interface GaugeSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface CounterSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface DurationTotals {
  readonly count: number
  readonly seconds: number
}

export interface AppSnapshot {
  readonly applicationId: string
  /** Of this process and run. */
  readonly instance: string
  readonly state: AppState
  /** Why it is not ready, in sentences; empty when it is. */
  readonly reasons: readonly string[]
  readonly log: LogHealth
  readonly tasks: readonly TaskSnapshot[]
  readonly recordsIn: number
  readonly recordsOut: number
  readonly dropped: Readonly<Record<string, number>>
  readonly commits: DurationTotals & { readonly aborted: number }
  /** `records`: of changelogs, those that were behind the checkpoints. */
  readonly restores: DurationTotals & { readonly records: number }
  readonly rebalances: number
  /** Committed values of the topology's gauges that this instance owns. */
  readonly gauges: readonly GaugeSample[]
  readonly counters: readonly CounterSample[]
}
