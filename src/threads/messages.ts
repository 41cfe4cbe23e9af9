/** What the main thread and those that run tasks tell each other. */
import type { TaskId } from '../ids.ts'
import type { KafkaSettings } from '../kafka/kafka-settings.ts'
import type { EngineOptions } from '../runtime/engine-options.ts'
import type { AppSnapshot } from '../runtime/snapshot.ts'
import type { Settling } from '../topology/settled.ts'
import type { PlainError } from './plain-error.ts'
import type { PlainQuery } from './plain-rows.ts'
import type { LogLine } from './thread-logger.ts'
import type { TopologyModule } from './topology-module.ts'

/** Of an engine, what is the same in all threads, and no function. */
export type EngineSettings = Pick<
  EngineOptions,
  | 'guarantee'
  | 'commitIntervalMs'
  | 'bufferBytesMax'
  | 'restoresMax'
  | 'purgeIntervalMs'
  | 'writeIntervalMs'
>

/** What a thread is born with. */
export interface ThreadData {
  /** From 1 on. */
  readonly thread: number
  readonly module: TopologyModule
  /** Of the topology that the main thread has: what the module builds has to be the same. */
  readonly description: string
  readonly settling: Settling
  readonly applicationId: string
  /** The application's own directory, locked by the main thread. */
  readonly directory: string
  /** With credentials: they stay within the process. */
  readonly kafka: KafkaSettings
  readonly engine: EngineSettings
  /** Of this thread; 0: no coalescing. */
  readonly cacheBytesMax: number
}

export type ToThread =
  | { readonly kind: 'close'; readonly deadlineMs: number }
  /** All are ready to join the group. */
  | { readonly kind: 'join' }
  /** All have made their last commits. */
  | { readonly kind: 'leave' }
  | { readonly kind: 'granted'; readonly id: number }
  | ReadRequest

/** `open`, `find`, then `more` for each further page, and `shut` at any time. */
export type ReadRequest =
  | {
      readonly kind: 'open'
      readonly id: number
      readonly store: string
      readonly task: TaskId | 'global'
    }
  | { readonly kind: 'find'; readonly id: number; readonly query: PlainQuery }
  | { readonly kind: 'more'; readonly id: number }
  | { readonly kind: 'shut'; readonly id: number }

export type FromThread =
  | { readonly kind: 'started'; readonly places: StorePlaces; readonly snapshot: AppSnapshot }
  | { readonly kind: 'snapshot'; readonly snapshot: AppSnapshot }
  | { readonly kind: 'line'; readonly line: LogLine }
  | { readonly kind: 'acquire' | 'release'; readonly id: number; readonly task: string }
  /** It is ready to join the group. */
  | { readonly kind: 'joining' }
  /** It has made its last commit. */
  | { readonly kind: 'leaving' }
  /** It has closed all that it had; undefined: it has never run. */
  | { readonly kind: 'closed'; readonly snapshot: AppSnapshot | undefined }
  | {
      readonly kind: 'failed'
      readonly error: PlainError
      readonly snapshot: AppSnapshot | undefined
    }
  | ReadAnswer

export type ReadAnswer =
  | {
      readonly kind: 'rows'
      readonly id: number
      readonly rows: readonly Uint8Array[]
      readonly isLast: boolean
    }
  | { readonly kind: 'refused'; readonly id: number; readonly error: PlainError }

/** By store: the tasks that have a part of it, wherever they run. */
export type StorePlaces = Readonly<Record<string, readonly StorePlan[]>>

export interface StorePlan {
  readonly task: TaskId | 'global'
  readonly partition: number
}
