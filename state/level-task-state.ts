/**
 * The state of one task over LevelDB: the commit's four steps for it, restore, and the way back.
 *
 *     processing ─▶ open ──seal()──▶ sealed ──write()──▶ LevelDB       rollback(): forget both
 *     changelog ─▶ restore() … flushRestored() ───────▶ LevelDB
 *
 * Invariants: one write at a time; a sealed layer exists from `seal` until its write has landed or
 * a rollback, and while it is kept; nothing is added to it while it is written; a restore begins
 * with nothing in the layers. After a failed write nothing more is taken, because nobody knows what
 * LevelDB has of it.
 */
import { setImmediate } from 'node:timers/promises'
import { assert, present } from '../src/assert.ts'
import { crc32c } from '../src/crc32c.ts'
import { MillraceError } from '../src/errors.ts'
import type { Logger } from '../src/log.ts'
import { checksumBytes, writeChecksum } from './checksum.ts'
import type {
  Checkpoint,
  KeyValueState,
  RestoredRecord,
  SealedState,
  StateSnapshot,
  StoreDefinition,
  TaskState,
} from './contract.ts'
import { Entry } from './entry.ts'
import { latin1String } from './latin1.ts'
import { Layers } from './layers.ts'
import { LevelStore, type StoreHost } from './level-store.ts'
import { Arena, SealedLayer } from './sealed-layer.ts'
import type { StateBatch, TaskDatabase } from './task-database.ts'
import { WrittenState } from './written-state.ts'

/** So few are copied faster one by one. */
const loopBytesMax = 64
/** Entries put into a batch before others get a turn: about a millisecond. */
const entriesPerTurn = 2_000
/** A filter takes this part of the cache: 8 MiB of 64, for 5,600,000 keys at 12 bits each. */
const filterShare = 8

export interface LevelTaskStateOptions {
  readonly task: string
  readonly database: TaskDatabase
  readonly log: Logger
  /** How many bytes of clean entries this task may keep at present. */
  readonly cacheBytesMax: () => number
  /** Removes the directory and opens an empty one. */
  readonly renew: (database: TaskDatabase) => Promise<TaskDatabase>
  readonly onClosed: () => void
}

export class LevelTaskState implements TaskState {
  readonly #options: LevelTaskStateOptions
  readonly #layers = new Layers()
  readonly #arena = new Arena()
  readonly #stores = new Map<string, LevelStore<unknown>>()
  readonly #host: StoreHost
  #database: TaskDatabase
  #writing: Promise<void> | undefined
  #restoring: StateBatch | undefined
  #scratch = Buffer.allocUnsafeSlow(1024)
  /** Into the scratch, which has room. */
  readonly #copy = (bytes: Uint8Array, start: number, end: number): void => {
    const scratch = this.#scratch
    if (end - start > loopBytesMax) scratch.set(bytes.subarray(start, end))
    else for (let at = start; at < end; at++) scratch[at - start] = bytes[at] as number
  }
  /** Of a commit that is not written; `isKept` until the next seal: then nothing is under way. */
  #unwritten: Checkpoint | undefined
  #isKept = false
  #evictNext = 0
  #closed = false
  #namesCompared = false

  constructor(options: LevelTaskStateOptions) {
    this.#options = options
    this.#database = options.database
    this.#host = {
      layers: this.#layers,
      database: () => this.#usable(),
      evict: () => this.#evict(64),
      filterBytesMax: () => this.#cleanBytesMax() / filterShare,
    }
  }

  get checkpoint(): Checkpoint | undefined {
    return this.#unwritten ?? this.#database.checkpoint
  }

  get isKept(): boolean {
    return this.#isKept
  }

  get sealedBytes(): number {
    return this.#arena.length
  }

  /** Stores that are on disk, whether or not anybody has opened them. */
  get storedNames(): readonly string[] {
    return this.#database.storedNames
  }

  get bytes(): number {
    return this.#layers.cleanBytes + this.#layers.filterBytes + this.dirtyBytes
  }

  get diskBytes(): number {
    return this.#database.diskBytes
  }

  get dirtyBytes(): number {
    return this.#layers.dirtyBytes + this.#arena.length
  }

  store<V>(definition: StoreDefinition<V>): KeyValueState<V> {
    const known = this.#stores.get(definition.name)
    if (known !== undefined) return known as KeyValueState<unknown> as KeyValueState<V>
    const database = this.#usable()
    const isEmpty = !database.knows(definition.name)
    const prefix = database.prefixOf(definition.name)
    const store = new LevelStore<V>(definition, prefix, this.#host, isEmpty)
    this.#stores.set(definition.name, store as unknown as LevelStore<unknown>)
    return store
  }

  snapshot(): StateSnapshot {
    return new WrittenState(this.#usable())
  }

  seal(): SealedState {
    this.#usable()
    const kept = this.#layers.sealed
    assert(kept === undefined || this.#isKept, 'at most one sealed layer is under way')
    assert(this.#writing === undefined, 'nothing is added to what is being written')
    assert(this.#restoring === undefined, 'what was restored has been flushed')
    this.#compareNames()
    this.#isKept = false
    kept?.renew()
    const sealed = kept ?? new SealedLayer(this.#arena)
    this.#layers.seal(sealed)
    return sealed
  }

  keep(checkpoint: Checkpoint): void {
    assert(this.#layers.sealed !== undefined && !this.#isKept, 'a sealed layer to keep')
    assert(this.#writing === undefined, 'what is being written is not kept')
    this.#unwritten = checkpoint
    this.#isKept = true
  }

  async write(checkpoint: Checkpoint): Promise<void> {
    const sealed = present(this.#layers.sealed, 'the sealed layer to write')
    this.#isKept = false
    await this.#exclusively(async (database) => {
      const batch = database.batch()
      for (let index = 0; index < sealed.size; index++) {
        if (index % entriesPerTurn === entriesPerTurn - 1) await setImmediate()
        const { owner, key } = sealed.entryAt(index)
        const start = sealed.startAt(index)
        if (start < 0) batch.delete(owner.prefix + key)
        else batch.put(owner.prefix + key, sealed.buffer, start, sealed.endAt(index))
      }
      await database.commit(batch, checkpoint)
      this.#unwritten = undefined
      this.#layers.endSealed()
      this.#arena.clear()
    })
    await this.#trim()
  }

  rollback(): void {
    const { sealed } = this.#layers
    this.#forget()
    this.#restoring?.abandon()
    this.#restoring = undefined
    this.#isKept = false
    this.#unwritten = undefined
    if (sealed === undefined) return
    if (this.#writing === undefined) {
      this.#arena.clear()
      return
    }
    // A commit that is being written has happened: only what came after its seal is undone.
    for (let index = 0; index < sealed.size; index++) {
      const { owner, key } = sealed.entryAt(index)
      const bytes = sealed.valueAt(index)
      const value = bytes === null ? undefined : owner.definition.codec.decode(bytes.slice())
      const entry = new Entry(owner, key, value, value !== undefined)
      sealed.replaceAt(index, entry)
      owner.adopt(entry)
    }
    this.#layers.keepSealed(sealed)
  }

  restore(store: string, record: RestoredRecord): void {
    const database = this.#usable()
    assert(this.#layers.dirtyBytes === 0, 'nothing is restored beneath unwritten changes')
    this.#restoring ??= database.batch()
    const keyOnDisk = database.prefixOf(store) + record.readKey(latin1String)
    const length = record.valueLength
    if (length < 0) {
      this.#restoring.delete(keyOnDisk)
      return
    }
    if (length + checksumBytes > this.#scratch.length) {
      this.#scratch = Buffer.allocUnsafeSlow((length + checksumBytes) * 2)
    }
    record.readValue(this.#copy)
    writeChecksum(this.#scratch, length, crc32c(this.#scratch, 0, length))
    this.#restoring.put(keyOnDisk, this.#scratch, 0, length + checksumBytes)
  }

  /** The next records may come while these are written; await it before anything else. */
  async flushRestored(checkpoint: Checkpoint): Promise<void> {
    const batch = this.#restoring ?? this.#usable().batch()
    this.#restoring = undefined
    while (this.#writing !== undefined) await this.#writing.catch(ignore)
    await this.#exclusively((database) => database.commit(batch, checkpoint))
    // What was read before, misses included, may not be true any more.
    assert(this.#layers.dirtyBytes === 0, 'nothing is restored beneath unwritten changes')
    this.#forget()
  }

  async wipe(): Promise<void> {
    this.#usable()
    await this.#settle()
    this.rollback()
    this.#database = await this.#options.renew(this.#database)
    for (const store of this.#stores.values()) store.prefix = this.#database.prefixOf(store.name)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#settle()
    this.rollback()
    await this.#database.close()
    this.#options.onClosed()
  }

  #usable(): TaskDatabase {
    if (!this.#closed) return this.#database
    throw new MillraceError(
      'MILLRACE_STATE_CLOSED',
      `The state of task ${this.#options.task} is closed; open it again from its directory`
    )
  }

  /** By the first seal all stores are opened: what else is on disk belongs to nobody. */
  #compareNames(): void {
    if (this.#namesCompared) return
    this.#namesCompared = true
    const stores = this.storedNames.filter((name) => !this.#stores.has(name))
    if (stores.length === 0) return
    const { task, log } = this.#options
    log.warn('The state on disk has stores that the topology does not know', { task, stores })
  }

  async #exclusively(work: (database: TaskDatabase) => Promise<void>): Promise<void> {
    const database = this.#usable()
    assert(this.#writing === undefined, 'one write at a time')
    this.#writing = work(database)
    try {
      await this.#writing
    } finally {
      this.#writing = undefined
    }
  }

  async #settle(): Promise<void> {
    await this.#writing?.catch(ignore)
    this.#writing = undefined
  }

  #forget(): void {
    this.#layers.reset()
    for (const store of this.#stores.values()) store.clear()
  }

  /** Evicts what a write has made clean, giving way now and then. */
  async #trim(): Promise<void> {
    let steps = 0
    for (const { size } of this.#stores.values()) steps += size * 2 + 2
    for (; steps > 0 && !this.#closed; steps -= entriesPerTurn) {
      if (this.#evict(entriesPerTurn)) return
      await setImmediate()
    }
  }

  /** What the filters of the stores leave of the cache. */
  #cleanBytesMax(): number {
    return Math.max(0, this.#options.cacheBytesMax() - this.#layers.filterBytes)
  }

  /** Of clean entries; it may grow while they are evicted, by a filter that begins. */
  get #excessBytes(): number {
    return this.#layers.cleanBytes - this.#cleanBytesMax()
  }

  /** Evicts in at most so many steps; answers whether that was enough. */
  #evict(stepsMax: number): boolean {
    if (this.#excessBytes <= 0) return true
    const stores = [...this.#stores.values()]
    for (let turn = 0; turn < stores.length && this.#excessBytes > 0; turn++) {
      this.#evictNext = (this.#evictNext + 1) % stores.length
      const store = stores[this.#evictNext]
      // Twice around: once to take the marks away, once to take the entries.
      const steps = Math.min(stepsMax, (store?.size ?? 0) * 2 + 2)
      store?.evict(this.#excessBytes, steps)
    }
    return this.#excessBytes <= 0
  }
}

function ignore(): void {}
