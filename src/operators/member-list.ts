/**
 * Members of a set as they come, for those who count them later: runs of the bytes that they came
 * as, which nobody decodes unless a window has to tell them apart. It holds a member twice where a
 * message came twice, which only at least once does.
 *
 *     run   length, member, length, member, …     as a `ByteWriter` writes `binary`
 *
 * As texts, which live as long as their windows do, they were most of what there was to collect.
 */
import { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import type { MemberSet } from './member-set.ts'

/** Its bytes never change. */
export interface MemberRun {
  readonly bytes: Uint8Array
  readonly count: number
}

/** Longer ones are cut, so that each fits into a block of a store. */
export const runBytesMax = 15 * 1024

export class MemberList implements Iterable<string> {
  readonly runs: MemberRun[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  addRun(run: MemberRun): void {
    this.runs.push(run)
    this.#size += run.count
  }

  add(member: string): void {
    this.addRun({ bytes: new ByteWriter().binary(member).take(), count: 1 })
  }

  *[Symbol.iterator](): Generator<string, undefined> {
    for (const { bytes } of this.runs) {
      const reader = new ByteReader(bytes)
      while (!reader.isDone) yield reader.binary()
    }
    return undefined
  }
}

/** Where the members of one set are kept: each once, or as they come. */
export type Members = MemberSet | MemberList

export function eachOf({ bytes }: MemberRun, visit: (member: string) => void): void {
  const reader = new ByteReader(bytes)
  while (!reader.isDone) visit(reader.binary())
}

/** One run, of bytes that never change. Throws a RangeError where they end too early. */
export function runOf(bytes: Uint8Array): MemberRun {
  const reader = new ByteReader(bytes)
  let count = 0
  for (; !reader.isDone; count++) reader.skipBinary()
  return { bytes, count }
}

/** As it travels. */
export function writeRun(writer: ByteWriter, slot: number, { bytes, count }: MemberRun): void {
  writer.u8(slot).count(count).bytes(bytes)
}

/** All that are left to read, as views. Throws a RangeError where the bytes end too early. */
export function eachRun(reader: ByteReader, visit: (slot: number, run: MemberRun) => void): void {
  while (!reader.isDone) {
    const [slot, count] = [reader.u8(), reader.count()]
    visit(slot, { bytes: reader.bytes(), count })
  }
}
