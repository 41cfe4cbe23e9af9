/**
 * What the two tables of a foreign-key join tell each other through their internal topics:
 *
 *     subscription   foreign key → what to do, the left value's hash, the left key, its partition
 *     response       left key    → the left value's hash, the right value
 *
 * The hash says which left value a response is for: one that has changed meanwhile is not joined.
 */
import { createHash } from 'node:crypto'
import { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import type { Serde } from '../serde/serde.ts'
import { binaryText } from '../serde/text.ts'

/** What the right side does with a left row: keep or forget it, answer always or if it can. */
export const instructions = {
  forget: 0,
  forgetAndTell: 1,
  tell: 2,
  tellIfFound: 3,
} as const

export type Instruction = (typeof instructions)[keyof typeof instructions]

export interface Subscription {
  readonly instruction: Instruction
  /** Of the left value; empty: it is gone. */
  readonly hash: string
  /** Bytes of the left key, one char each. */
  readonly primaryKey: string
  readonly partition: number
}

export interface Response {
  readonly hash: string
  /** Null: no row. */
  readonly value: Uint8Array | null
}

const writer = new ByteWriter()

export const subscriptionSerde: Serde<Subscription> = Object.freeze({
  name: 'subscription',
  serialize: ({ instruction, hash, primaryKey, partition }: Subscription) =>
    writer.u8(instruction).binary(hash).binary(primaryKey).count(partition).take(),
  deserialize(bytes: Uint8Array) {
    const reader = new ByteReader(bytes)
    const instruction = reader.u8() as Instruction
    return {
      instruction,
      hash: reader.binary(),
      primaryKey: reader.binary(),
      partition: reader.count(),
    }
  },
})

export const responseSerde: Serde<Response> = Object.freeze({
  name: 'response',
  serialize({ hash, value }: Response) {
    writer.binary(hash).u8(value === null ? 0 : 1)
    return (value === null ? writer : writer.rest(value)).take()
  },
  deserialize(bytes: Uint8Array) {
    const reader = new ByteReader(bytes)
    const hash = reader.binary()
    return { hash, value: reader.u8() === 0 ? null : reader.rest() }
  },
})

const hashBytes = 16

/** Empty for null. */
export function hashOf(serde: Serde<unknown>, value: unknown): string {
  const bytes = value === null || value === undefined ? null : serde.serialize(value)
  if (bytes === null) return ''
  return binaryText(createHash('sha256').update(bytes).digest().subarray(0, hashBytes))
}
