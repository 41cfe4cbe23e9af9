/**
 * The state of one task: its stores, in layers.
 *
 *     writes → open layer ──seal()──▶ sealed layer ──write()──▶ LevelDB, one atomic batch
 *                                       ▲ └─keep()─┐ the next seal adds to it; a key that changes
 *                                       └──────────┘ in each of ten commits is written once
 *     reads  ← open layer, sealed layer, clean cache, LevelDB (getSync), in this order
 *
 * Invariants: nothing reaches LevelDB before its commit is acknowledged; the bytes handed out at
 * the seal are the bytes that are written, unless newer ones are; at most one sealed layer exists;
 * a rollback forgets both layers and the cache, so that the state is again what the last written
 * commit left, and kept ones come back from the changelogs.
 *
 * Keys are binary strings (one char per byte, `latin1`): cheap in a Map, and LevelDB keeps their
 * order.
 */
import type { RecordCursor } from '../src/record.ts'

/** How a store turns live values into bytes; values may be mutable objects that change in place. */
export interface ValueCodec<V> {
  /** Copied at once: the bytes may be valid until the next call only. */
  encode(value: V): Uint8Array
  decode(bytes: Uint8Array): V
  /** Rough size in memory, in bytes, of a value. Default: a constant. */
  sizeOf?(value: V): number
}

export interface StoreDefinition<V> {
  readonly name: string
  readonly codec: ValueCodec<V>
  /**
   * Whether changes go to a changelog. A store without one is empty after the loss of its
   * directory.
   */
  readonly logged: boolean
  /**
   * Keep clean values in the record cache (default). Off for stores whose owner keeps them itself.
   */
  readonly cached?: boolean
}

/** What can be read of a store, whichever layers are behind it. */
export interface StoreEntries<V> {
  /** Undefined if it is not there. Mutate the value in place only if you `put` it afterwards. */
  get(key: string): V | undefined
  /** All entries with `from` ≤ key < `to` in key order. No writes to this range meanwhile. */
  range(from?: string, to?: string): AsyncIterable<readonly [key: string, value: V]>
}

/** One store of a task, as operators see it: all layers merged. Synchronous but for scans. */
export interface KeyValueState<V> extends StoreEntries<V> {
  readonly name: string
  /** As `get`, for a key that cannot be in LevelDB: saves the read. */
  getFresh(key: string): V | undefined
  put(key: string, value: V): void
  delete(key: string): void
}

/** What is written of a task, as of one instant: no layer shows, nor what is written later. */
export interface StateSnapshot {
  entries<V>(definition: StoreDefinition<V>): StoreEntries<V>
  /** Snapshots keep old files alive: close each of them. */
  close(): void
}

/** The changes of one seal, in the order of the first write of each key. */
export interface SealedState {
  readonly entries: number
  /** Only of logged stores. The bytes are valid until `visit` returns. Null: deleted. */
  forEachLogged(visit: (store: string, key: Uint8Array, value: Uint8Array | null) => void): void
}

/** How far a partition was read, and, if known, under which leader. */
export interface SourcePlace {
  readonly offset: number
  readonly leaderEpoch?: number
}

export interface Checkpoint {
  /** The commit this state belongs to; 0 before the first. */
  readonly commitNumber: number
  /** Per logged store: the changelog offset up to which (exclusive) this state includes it. */
  readonly changelogs: Readonly<Record<string, number>>
  /** Per logged store: of the leader that took the changelog up to there, or of a later one. */
  readonly epochs?: Readonly<Record<string, number>>
  /** Per source partition: what this state has of it. */
  readonly sources?: Readonly<Record<string, SourcePlace>>
  /** Epoch ms up to which it misses nothing of its changelogs. Default: when it is written. */
  readonly writtenAt?: number
}

export interface TaskState {
  /**
   * Of the last commit that was written, or kept. Undefined: the directory was new, damaged or
   * wiped; restore from the beginning.
   */
  readonly checkpoint: Checkpoint | undefined
  store<V>(definition: StoreDefinition<V>): KeyValueState<V>
  /** What the last written commit left: for readers from outside. */
  snapshot(): StateSnapshot
  /** Bytes held by layers and cache, estimated. */
  readonly bytes: number
  /** Bytes of its files, measured now and then. */
  readonly diskBytes: number
  /** Bytes that a commit has not written yet. */
  readonly dirtyBytes: number
  /** Of what is sealed, and of all that was kept with it. */
  readonly sealedBytes: number
  /** There are commits that were kept, not written, and none is under way. */
  readonly isKept: boolean
  /** Freezes the open layer. Only when no sealed layer exists, or a kept one. */
  seal(): SealedState
  /**
   * Step 4 of the commit: the sealed layer, with what was kept, and the checkpoint in one batch;
   * then evicts.
   */
  write(checkpoint: Checkpoint): Promise<void>
  /** Step 4, left to a later commit: a crash before it has more of the changelogs to restore. */
  keep(checkpoint: Checkpoint): void
  /** Forgets both layers and the cache, and what was kept. */
  rollback(): void
  /** While restoring: raw changelog records, unsealed; flush them with `flushRestored`. */
  restore(store: string, record: RestoredRecord): void
  flushRestored(checkpoint: Checkpoint): Promise<void>
  /** Deletes everything, checkpoint included: the restore starts from the beginning. */
  wipe(): Promise<void>
  close(): Promise<void>
}

/** What a restore reads of a record: its key, which is not null, and its value. */
export type RestoredRecord = Pick<RecordCursor, 'key' | 'readKey' | 'valueLength' | 'readValue'>

/** The state directory of one application: locked, one subdirectory per task. */
export interface StateDirectory {
  readonly path: string
  /**
   * Opens or creates; a damaged one is detected, set aside with a log line, and opened empty. Waits
   * while another thread has it open, or until the signal aborts.
   */
  open(task: string, signal?: AbortSignal): Promise<TaskState>
  /** Tasks with a checkpoint on disk, without opening them for good. */
  held(): readonly string[]
  /** Changelog records that the checkpoint of this task includes; 0 if it has none. */
  restored(task: string): number
  /** What `keepDescription` kept, across restarts; undefined before the first. */
  readonly description: string | undefined
  /** Keeps a text about what writes here, atomically. Throws if the disk refuses. */
  keepDescription(text: string): void
  close(): Promise<void>
}
