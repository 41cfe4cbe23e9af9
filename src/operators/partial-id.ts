/** What tells partial results of a window without a key apart, and the keys of their entries. */
import type { Timestamp } from '../ids.ts'
import { readSignedTime, readU32, signedTimeKey, u32Key } from './time-keys.ts'

/** Where a partial comes from, and which windows it counts for. */
export interface PartialId {
  readonly pane: Timestamp
  /** The first window end that its records count for. */
  readonly end: Timestamp
  /** Of the source. */
  readonly topic: string
  readonly partition: number
}

export function compareIds(a: PartialId, b: PartialId): number {
  return (
    a.pane - b.pane ||
    a.end - b.end ||
    a.partition - b.partition ||
    (a.topic < b.topic ? -1 : Number(a.topic > b.topic))
  )
}

/** Behind every time: the first byte of a time is 0x7f or 0x80. */
export const progressKey = '\xff'
/** What follows the id in a key: nothing for the record, this for members. */
export const memberTag = '\x01'

/** What the keys of the blocks of a set begin with; the number follows. */
export function blockPrefix(id: string, slot: number): string {
  return id + memberTag + String.fromCharCode(slot)
}

/** The topic's length comes before it, so that no id is the beginning of another. */
export function idKey({ pane, end, topic, partition }: PartialId): string {
  const name = Buffer.from(topic, 'utf8').toString('latin1')
  return signedTimeKey(pane) + signedTimeKey(end) + u32Key(partition) + u32Key(name.length) + name
}

/** The id that such a key says. */
export function idOf(key: string): PartialId {
  return {
    pane: readSignedTime(key, 0),
    end: readSignedTime(key, 8),
    partition: readU32(key, 16),
    topic: Buffer.from(key.slice(24), 'latin1').toString('utf8'),
  }
}
