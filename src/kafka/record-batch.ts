/**
 * The header of a record batch, format 2:
 *
 *    0 base offset int64        17 crc-32c of all behind it    43 producer id int64
 *    8 length int32             21 attributes int16            51 producer epoch int16
 *   12 leader epoch int32       23 last offset delta int32     53 base sequence int32
 *   16 magic int8 = 2           27 first timestamp int64       57 record count int32
 *                               35 max timestamp int64         61 records
 *
 * - `length` counts from behind itself. A fetch may end in the middle of a batch.
 * - The next offset is base + last offset delta + 1, whatever the batch still holds: compaction
 *   removes records, and leaves empty batches behind.
 */
import { crc32c } from '../crc32c.ts'
import { FatalError } from '../errors.ts'
import type { Offset } from '../ids.ts'
import type { Codec } from './compression.ts'
import { codecOf, ensureCodec, isCodecReady } from './compression.ts'
import { readInt64, writeInt64 } from './wire.ts'

export const headerBytes = 61

export const at = Object.freeze({
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  firstTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  sequence: 53,
  count: 57,
})

export const attribute = Object.freeze({
  codec: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
})

/** The end of the batch that starts at `start`; undefined if it is cut off. */
export function batchEnd(bytes: Buffer, start: number): number | undefined {
  if (start + headerBytes > bytes.length) return undefined
  const end = start + at.leaderEpoch + bytes.readInt32BE(start + at.length)
  return end > bytes.length ? undefined : end
}

export function lastOffset(bytes: Buffer, start: number): Offset {
  return readInt64(bytes, start) + bytes.readInt32BE(start + at.lastOffsetDelta)
}

/** Throws a FatalError if the bytes between `start` and `end` are not what was written. */
export function checkBatch(bytes: Buffer, start: number, end: number, partition: string): void {
  const magic = bytes.readInt8(start + at.magic)
  if (magic !== 2) {
    throw new FatalError(
      'MILLRACE_KAFKA_FORMAT_UNSUPPORTED',
      `${partition}@${readInt64(bytes, start)}: record format ${magic}, from before Kafka 0.11; ` +
        'copy the topic into a new one'
    )
  }
  if (crc32c(bytes, start + at.attributes, end) === bytes.readUInt32BE(start + at.crc)) return
  throw corrupt(partition, readInt64(bytes, start), 'the checksum is wrong')
}

export function corrupt(partition: string, offset: Offset, what: string): FatalError {
  return new FatalError(
    'MILLRACE_KAFKA_RECORDS_CORRUPT',
    `${partition}@${offset}: ${what}; check the disks of the broker and the network`
  )
}

export interface EpochStart {
  readonly epoch: number
  readonly start: Offset
}

export interface BatchScan {
  /** Where to fetch next: one past the last complete batch, or `from` if there is none. */
  readonly position: Offset
  /** Of the leader that took the last complete batch; −1 if there is none. */
  readonly lastEpoch: number
  /** Where batches of another leader than the ones before begin; the first, too. */
  readonly epochs: readonly EpochStart[]
  /** Codecs that must be loaded first. */
  readonly missing: readonly Codec[]
  /** Whether there is a batch at all, whole or not. */
  readonly isEmpty: boolean
}

/** Looks at headers only, so that the next fetch can be under way while this one is decoded. */
export function scanBatches(bytes: Buffer, from: Offset): BatchScan {
  const missing = new Set<Codec>()
  let position = from
  let lastEpoch = -1
  const epochs: EpochStart[] = []
  for (let start = 0, end = batchEnd(bytes, 0); end !== undefined; ) {
    position = Math.max(position, lastOffset(bytes, start) + 1)
    const epoch = bytes.readInt32BE(start + at.leaderEpoch)
    if (epoch !== lastEpoch) epochs.push({ epoch, start: readInt64(bytes, start) })
    lastEpoch = epoch
    const codec = codecOf(bytes.readInt16BE(start + at.attributes) & attribute.codec)
    if (!isCodecReady(codec)) missing.add(codec)
    start = end
    end = batchEnd(bytes, start)
  }
  return { position, lastEpoch, epochs, missing: [...missing], isEmpty: bytes.length === 0 }
}

/** Loads what the scan found missing; rejects with a FatalError that names the package. */
export async function ensureCodecs({ missing }: BatchScan): Promise<void> {
  await Promise.all(missing.map(ensureCodec))
}

export interface ProducerStamp {
  readonly producerId: number
  readonly epoch: number
  /** Of the first record; the others follow. */
  readonly sequence: number
  /** Hidden from committed reads until the transaction of this producer is committed. */
  readonly isTransactional: boolean
}

/** Stamps a batch and sets its checksum; it may be stamped again if it was not appended. */
export function stampBatch(batch: Buffer, stamp: ProducerStamp): void {
  const attributes = batch.readInt16BE(at.attributes) & ~attribute.transactional
  const transactional = stamp.isTransactional ? attribute.transactional : 0
  batch.writeInt16BE(attributes | transactional, at.attributes)
  writeInt64(batch, stamp.producerId, at.producerId)
  batch.writeInt16BE(stamp.epoch, at.producerEpoch)
  batch.writeInt32BE(stamp.sequence, at.sequence)
  batch.writeUInt32BE(crc32c(batch, at.attributes, batch.length), at.crc)
}
