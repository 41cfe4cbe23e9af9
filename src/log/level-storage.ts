/**
 * The bytes of a durable log, in LevelDB.
 *
 * LevelDB notices little of what happens to its files: it opens without the tables that a lost
 * MANIFEST named, skips the torn part of its own log, and does not check what it reads. So opening
 * looks for gaps in the numbers of batches and at both ends of every partition, and reading checks
 * every checksum and that chunks follow each other without a hole.
 */
import { Level } from 'level'
import { FatalError } from '../errors.ts'
import type { Offset } from '../ids.ts'
import { type Chunk, openChunk } from './chunk.ts'
import {
  type Claim,
  claimDirectory,
  holderPid,
  locked,
  removeHolder,
  unusable,
  writeFormat,
  writeHolder,
} from './directory.ts'
import {
  baseOf,
  damaged,
  formatVersion,
  keys,
  type OffsetEntry,
  type PartitionEntry,
  seal,
  slots,
  type TopicEntry,
  unseal,
} from './layout.ts'
import type { BatchWriter, Storage, StoredEntries, StoredPartition } from './storage.ts'

type Db = Level<Buffer, Buffer>

export interface OpenedStorage {
  readonly storage: Storage
  readonly entries: StoredEntries
  /** Number of the batch written last. */
  readonly batches: number
}

export async function openLevelStorage(path: string): Promise<OpenedStorage> {
  const claim = await claimDirectory(path)
  const db: Db = new Level<Buffer, Buffer>(claim.path, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    createIfMissing: claim.isNew,
  })
  let isHeld = false
  try {
    await openDb(db, claim)
    isHeld = true
    writeHolderFile(claim.path)
    const batches = await recover(db, claim)
    const entries = await readEntries(db, claim.path)
    return { storage: new LevelStorage(db, claim, batches), entries, batches }
  } catch (error) {
    if (isHeld) removeHolder(claim.path)
    await db.close().catch(() => {})
    claim.release()
    throw error
  }
}

async function openDb(db: Db, { path }: Claim): Promise<void> {
  try {
    await db.open()
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const code = codeOf(cause)
    if (code === 'LEVEL_LOCKED') throw locked(path, await holderPid(path))
    if (code === 'LEVEL_CORRUPTION') throw damaged(path, messageOf(cause), cause)
    throw unusable(path, cause)
  }
}

function writeHolderFile(path: string): void {
  try {
    writeHolder(path)
  } catch (error) {
    throw unusable(path, error)
  }
}

/** The number of the last batch; makes the log if the directory is new. */
async function recover(db: Db, { path, isMarked, batches }: Claim): Promise<number> {
  const format = await guarded(path, db.get(keys.format))
  const found = await lastBatch(db, path)
  if (format === undefined) {
    if (isMarked || found > 0) throw damaged(path, 'its first entry is missing')
    await createLog(db, path)
    return 0
  }
  unseal<number>(format, 'format entry', path)
  if (found < batches) {
    throw damaged(path, `it ended with batch ${batches}, and ends now with batch ${found}`)
  }
  mark(path, found)
  return found
}

async function createLog(db: Db, path: string): Promise<void> {
  try {
    await db.batch().put(keys.format, seal(formatVersion)).write({ sync: true })
  } catch (error) {
    throw unusable(path, error)
  }
  mark(path, 0)
}

function mark(path: string, batches: number): void {
  try {
    writeFormat(path, batches)
  } catch (error) {
    throw unusable(path, error)
  }
}

/** Every batch leaves its number in the slot `number mod slots`: a gap is a batch that is lost. */
async function lastBatch(db: Db, path: string): Promise<number> {
  const values = await all(db, 's', path)
  const numbers = values.map(([, value]) => unseal<number>(value, 'number of a batch', path))
  const last = numbers.reduce((most, number) => Math.max(most, number), 0)
  const there = new Set(numbers)
  for (let number = last; number > Math.max(0, last - slots); number--) {
    if (!there.has(number)) throw damaged(path, `batch ${number} of ${last} is missing`)
  }
  return last
}

async function readEntries(db: Db, path: string): Promise<StoredEntries> {
  const read = async <T>(kind: string, what: string): Promise<T[]> =>
    (await all(db, kind, path)).map(([, value]) => unseal<T>(value, what, path))
  const partitions: StoredPartition[] = []
  for (const entry of await read<PartitionEntry>('p', 'entry of a partition')) {
    partitions.push({ entry, storedFrom: await checkEnds(db, path, entry) })
  }
  return {
    topics: await read<TopicEntry>('t', 'entry of a topic'),
    offsets: await read<OffsetEntry>('o', 'committed offset'),
    partitions,
  }
}

/** Where the first chunk begins; both ends must be where the partition's entry has them. */
async function checkEnds(db: Db, path: string, entry: PartitionEntry): Promise<Offset> {
  const { topic, partition, logStart, end } = entry
  const range = {
    gte: keys.chunk(topic, partition, 0),
    lt: keys.chunksEnd(topic, partition),
    limit: 1,
  }
  const where = `partition ${partition} of topic number ${topic}`
  const [first] = await guarded(path, db.keys(range).all())
  const [last] = await guarded(path, db.values({ ...range, reverse: true }).all())
  const from = first === undefined ? end : baseOf(first)
  const to = last === undefined ? end : openChunk(last, `${where} in ${path}`).end
  if (from > logStart || to !== end) {
    throw damaged(path, `${where} should hold [${logStart}, ${end}) and holds [${from}, ${to})`)
  }
  return from
}

async function all(db: Db, kind: string, path: string): Promise<[Buffer, Buffer][]> {
  const lt = Buffer.from(String.fromCharCode(kind.charCodeAt(0) + 1))
  return guarded(path, db.iterator({ gte: Buffer.from(kind), lt }).all())
}

/** LevelDB's own findings, in our words. */
async function guarded<T>(path: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof FatalError) throw error
    throw damaged(path, messageOf(error), error)
  }
}

class LevelStorage implements Storage {
  readonly path: string
  readonly #db: Db
  readonly #claim: Claim
  #batches: number

  constructor(db: Db, claim: Claim, batches: number) {
    this.path = claim.path
    this.#db = db
    this.#claim = claim
    this.#batches = batches
  }

  async write(fill: (batch: BatchWriter) => void): Promise<void> {
    const batch = this.#db.batch()
    fill(batch)
    await batch.write({ sync: true })
    this.#batches++
  }

  async load(
    topic: number,
    partition: number,
    from: Offset,
    bytesMax: number
  ): Promise<readonly Chunk[]> {
    const values = await guarded(this.path, this.#values(topic, partition, from, bytesMax))
    const where = `partition ${partition} of topic number ${topic} in ${this.path}`
    const chunks = values.map((bytes) => openChunk(bytes, where))
    let next = from
    for (const [i, { base, end }] of chunks.entries()) {
      const follows = i === 0 ? base <= next && next < end : base === next
      if (!follows) throw damaged(this.path, `${where} has a hole at offset ${next}`)
      next = end
    }
    if (chunks.length === 0) throw damaged(this.path, `${where} ends before offset ${from}`)
    return chunks
  }

  /** One snapshot, because compaction may move the borders of chunks between two reads. */
  async #values(
    topic: number,
    partition: number,
    from: Offset,
    bytesMax: number
  ): Promise<Buffer[]> {
    const snapshot = this.#db.snapshot()
    const key = keys.chunk(topic, partition, from)
    const options = { snapshot, highWaterMarkBytes: bytesMax }
    const forward = this.#db.values({ ...options, gte: key, lt: keys.chunksEnd(topic, partition) })
    try {
      const values = await forward.nextv(1_000)
      const base = values[0] === undefined ? undefined : openChunkBase(values[0])
      if (base === from) return values
      const before = { gte: keys.chunk(topic, partition, 0), lt: key, reverse: true, limit: 1 }
      return [...(await this.#db.values({ ...options, ...before }).all()), ...values]
    } finally {
      await forward.close()
      await snapshot.close()
    }
  }

  async bases(topic: number, partition: number): Promise<readonly Offset[]> {
    const range = { gte: keys.chunk(topic, partition, 0), lt: keys.chunksEnd(topic, partition) }
    return (await guarded(this.path, this.#db.keys(range).all())).map(baseOf)
  }

  async reclaim(topic: number, partition: number, before: Offset): Promise<void> {
    const db: Db & { compactRange?: (start: Buffer, end: Buffer) => Promise<void> } = this.#db
    await db.compactRange?.(keys.chunk(topic, partition, 0), keys.chunk(topic, partition, before))
  }

  async close(): Promise<void> {
    // While the lock is held: the next holder writes its own files.
    try {
      writeFormat(this.path, this.#batches)
      removeHolder(this.path)
    } catch {
      // A full disk, say. Both files only serve checks and messages: the old ones do as well.
    }
    await this.#db.close()
    this.#claim.release()
  }
}

/** Before the checksum is checked: a wrong one only costs a look at the chunk before. */
function openChunkBase(bytes: Buffer): number | undefined {
  return bytes.length < 16 ? undefined : bytes.readDoubleLE(8)
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
