/**
 * The LevelDB of one task: what its keys and values look like, and the one way to write them.
 *
 *     \0c          the checkpoint, JSON: numbers of batch and commit, changelogs, store names, how
 *                  far the input was read, and under which leaders
 *     \0r<slot>    the number of the batch that wrote slot `number mod 1024`
 *     <store><key> a value of a store; <store> is one character, handed out in order of appearance
 *
 * Every value ends in its CRC-32C. Batches are numbered without gaps and each holds the checkpoint,
 * so that a batch which LevelDB has lost shows as a gap in the ring. The number is ours and not the
 * commit's: commit numbers jump when a task has lived elsewhere meanwhile.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Level } from 'level'
import { assert } from '../src/assert.ts'
import type { Clock } from '../src/clock.ts'
import { CorruptedError, FatalError } from '../src/errors.ts'
import { checksumBytes, checksumHolds, withChecksum } from './checksum.ts'
import { type CommitMark, MarkWriter } from './commit-mark.ts'
import type { Checkpoint } from './contract.ts'

type Database = Level<string, Buffer>
type LevelBatch = ReturnType<typeof openBatch>
export type DatabaseSnapshot = ReturnType<Database['snapshot']>

const checkpointKey = '\0c'
const ringPrefix = '\0r'
const ringSlots = 1024
/** Store prefixes begin above the engine's own keys and stay below the surrogates. */
const firstStorePrefix = 0x20
const storesMax = 0xd000
const measureEveryMs = 5_000

interface CheckpointRecord extends Checkpoint {
  readonly format: 1
  readonly number: number
  readonly stores: readonly string[]
}

export class TaskDatabase {
  readonly path: string
  readonly #task: string
  readonly #clock: Clock
  readonly #level: Database
  readonly #mark: MarkWriter
  #checkpoint: CheckpointRecord | undefined
  #stores: string[] = []
  #failure: FatalError | undefined
  #diskBytes = 0
  #measureAt = 0

  private constructor(path: string, task: string, clock: Clock, level: Database) {
    this.path = path
    this.#task = task
    this.#clock = clock
    this.#level = level
    this.#mark = new MarkWriter(path)
  }

  /**
   * Creates a database where there is none, or opens one whose files were inspected. Rejects with
   * what LevelDB says, or with CorruptedError if the content contradicts itself or the mark.
   */
  static async open(
    path: string,
    options: {
      readonly task: string
      readonly create: boolean
      readonly mark: CommitMark | undefined
      readonly clock: Clock
    }
  ): Promise<TaskDatabase> {
    const { task, create, mark, clock } = options
    const level = new Level<string, Buffer>(path, {
      keyEncoding: 'utf8',
      valueEncoding: 'buffer',
      createIfMissing: create,
      errorIfExists: create,
    })
    await level.open()
    try {
      const database = new TaskDatabase(path, task, clock, level)
      await database.#readCheckpoint(mark)
      return database
    } catch (error) {
      await level.close()
      throw error
    }
  }

  get checkpoint(): Checkpoint | undefined {
    return this.#checkpoint
  }

  /** The number of the last batch; 0 before the first. */
  get batchNumber(): number {
    return this.#checkpoint?.number ?? 0
  }

  /** Of all files, as they were some seconds ago at most: nobody has to look at every call. */
  get diskBytes(): number {
    const now = performance.now()
    if (now >= this.#measureAt) {
      this.#measureAt = now + measureEveryMs
      this.#diskBytes = bytesIn(this.path)
    }
    return this.#diskBytes
  }

  /** Names of stores that have, or had, something on disk. */
  get storedNames(): readonly string[] {
    return this.#checkpoint?.stores ?? []
  }

  /** Whether anything of this store may be on disk, or in a batch. */
  knows(store: string): boolean {
    return this.#stores.includes(store)
  }

  /** What the keys of this store begin with; handed out at its first appearance. */
  prefixOf(store: string): string {
    let index = this.#stores.indexOf(store)
    if (index < 0) index = this.#stores.push(store) - 1
    assert(index < storesMax, 'a task has few enough stores for one character each')
    return String.fromCharCode(firstStorePrefix + index)
  }

  /** What is there now, for later reads; it is closed with the database, or before. */
  snapshot(): DatabaseSnapshot {
    return this.#level.snapshot()
  }

  /**
   * The value without its checksum; throws CorruptedError if that does not hold.
   *
   * @param snapshot default: as of now
   */
  read(key: string, snapshot?: DatabaseSnapshot): Uint8Array | undefined {
    const bytes =
      snapshot === undefined ? this.#level.getSync(key) : this.#level.getSync(key, { snapshot })
    return bytes === undefined ? undefined : this.#verified(key, bytes)
  }

  /** Entries with `from` ≤ key < `to`, in order, without their checksums. */
  scan(from: string, to: string, snapshot?: DatabaseSnapshot): DatabaseScan {
    const iterator = this.#level.iterator({
      gte: from,
      lt: to,
      highWaterMarkBytes: 256 * 1024,
      ...(snapshot === undefined ? {} : { snapshot }),
    })
    return {
      next: async (count) => {
        const entries = await iterator.nextv(count)
        for (const entry of entries) {
          entry[1] = this.#verified(entry[0], entry[1]) as Buffer
        }
        return entries
      },
      close: () => iterator.close(),
    }
  }

  batch(): StateBatch {
    if (this.#failure !== undefined) throw this.#failure
    return new StateBatch(openBatch(this.#level))
  }

  /** Adds the checkpoint to the batch and writes both, or neither. One at a time. */
  async commit(batch: StateBatch, checkpoint: Checkpoint): Promise<void> {
    const number = this.batchNumber + 1
    const stores = [...this.#stores]
    const { writtenAt = this.#clock.now() } = checkpoint
    const record = { ...checkpoint, format: 1, number, stores, writtenAt } as const
    batch.putBytes(checkpointKey, withChecksum(Buffer.from(JSON.stringify(record))))
    batch.putBytes(ringKey(number), withChecksum(Buffer.from(String(number))))
    try {
      await batch.write()
      this.#checkpoint = record
      this.#mark.write(number, checkpoint)
    } catch (cause) {
      this.#failure = new FatalError(
        'MILLRACE_STATE_WRITE_FAILED',
        `The state of task ${this.#task} could not be written to ${this.path}: ${reason(cause)}. ` +
          'The commit itself has happened. Check free space and permissions, then start again: ' +
          'the rest comes from the changelogs.',
        { cause }
      )
      throw this.#failure
    }
  }

  async close(): Promise<void> {
    await this.#level.close()
    // Compactions have ended now, so the mark can tell the final size of the MANIFEST.
    const record = this.#checkpoint
    if (record !== undefined && this.#failure === undefined) this.#mark.write(record.number, record)
    this.#mark.close()
  }

  async #readCheckpoint(mark: CommitMark | undefined): Promise<void> {
    const bytes = this.read(checkpointKey)
    if (bytes === undefined) {
      const [first] = await this.#level.keys({ limit: 1 }).all()
      if (first !== undefined) throw this.#damaged('it has entries and no checkpoint')
      if (mark !== undefined) throw this.#damaged('its checkpoint is missing')
      return
    }
    const record = JSON.parse(Buffer.from(bytes).toString()) as CheckpointRecord
    if (mark !== undefined && record.number < mark.batchNumber) {
      throw this.#damaged(`it ends at batch ${record.number} of ${mark.batchNumber}`)
    }
    this.#checkpoint = record
    this.#stores = [...record.stores]
    await this.#checkRing(record.number)
  }

  async #checkRing(last: number): Promise<void> {
    const slots = await this.#level.iterator({ gte: ringPrefix, lt: `${ringPrefix}\uffff` }).all()
    if (slots.length !== Math.min(last, ringSlots)) {
      throw this.#damaged(`it remembers ${slots.length} batches of ${last}`)
    }
    for (const [key, bytes] of slots) {
      const number = Number(Buffer.from(this.#verified(key, bytes)).toString())
      const fits = number > last - ringSlots && number <= last && key === ringKey(number)
      if (!fits) throw this.#damaged(`batch ${number} is where a later one should be`)
    }
  }

  #verified(key: string, bytes: Buffer): Uint8Array {
    if (!checksumHolds(bytes)) {
      throw this.#damaged(`the checksum of key ${Buffer.from(key).toString('hex')} does not hold`)
    }
    return bytes.subarray(0, bytes.length - checksumBytes)
  }

  #damaged(what: string): CorruptedError {
    return new CorruptedError(
      'MILLRACE_STATE_CORRUPTED',
      `The state of task ${this.#task} in ${this.path} is damaged: ${what}. ` +
        'It has to be rebuilt from its changelogs.'
    )
  }
}

export type ScannedEntries = readonly (readonly [key: string, value: Uint8Array])[]

export interface DatabaseScan {
  /** At most `count` entries; none: the end. */
  next(count: number): Promise<ScannedEntries>
  close(): Promise<void>
}

/** LevelDB copies values at once, so that one buffer serves them all; a view per length is kept. */
const scratch = Buffer.allocUnsafeSlow(1024)
const views: Buffer[] = []

/** Puts and deletions that become visible together. */
export class StateBatch {
  readonly #batch: LevelBatch

  constructor(batch: LevelBatch) {
    this.#batch = batch
  }

  /** `bytes[start, end)` ends in its checksum already. */
  put(key: string, bytes: Buffer, start: number, end: number): void {
    const length = end - start
    if (length > scratch.length) {
      this.#batch.put(key, bytes.subarray(start, end))
      return
    }
    const view = (views[length] ??= scratch.subarray(0, length))
    if (length < 64) {
      for (let at = 0; at < length; at++) view[at] = bytes[start + at] as number
    } else {
      bytes.copy(view, 0, start, end)
    }
    this.#batch.put(key, view)
  }

  putBytes(key: string, bytes: Uint8Array): void {
    this.#batch.put(key, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
  }

  delete(key: string): void {
    this.#batch.del(key)
  }

  async write(): Promise<void> {
    await this.#batch.write()
  }

  /** Frees the batch without writing it. */
  abandon(): void {
    this.#batch.close().catch(() => {})
  }
}

function openBatch(level: Database) {
  return level.batch()
}

/** LevelDB removes files beside: one that is gone by now counts for nothing. */
function bytesIn(path: string): number {
  try {
    const sizes = readdirSync(path).map(
      (name) => statSync(join(path, name), { throwIfNoEntry: false })?.size ?? 0
    )
    return sizes.reduce((sum, size) => sum + size, 0)
  } catch {
    return 0
  }
}

function ringKey(number: number): string {
  return ringPrefix + String.fromCharCode(number % ringSlots)
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
