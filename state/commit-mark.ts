/**
 * What LevelDB had for certain at some time, kept outside of it: 48 bytes in the file COMMITTED.
 *
 *     │ magic │ batch number │ commit number │ restored │ MANIFEST number │ its bytes │ crc │
 *
 * Invariant: written after the batch it speaks of, in place; so LevelDB may be ahead of it, and is
 * damaged if it is behind. A log that lost its end looks sound from the inside: only this tells.
 */
import { closeSync, constants, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32c } from '../src/crc32c.ts'
import { checksumBytes, checksumHolds, writeChecksum } from './checksum.ts'
import type { Checkpoint } from './contract.ts'

const markFile = 'COMMITTED'
const magic = 0x4d4c5231
const markBytes = 48
const numbersAt = 4

export interface CommitMark {
  readonly batchNumber: number
  readonly commitNumber: number
  /** Sum of the changelog offsets of the checkpoint. */
  readonly restored: number
  readonly manifestNumber: number
  readonly manifestBytes: number
}

/** Undefined: there is none; 'damaged': there was one. */
export function readMark(path: string): CommitMark | 'damaged' | undefined {
  let bytes: Buffer
  try {
    bytes = readFileSync(join(path, markFile))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  // Created, and not yet written.
  if (bytes.length === 0) return undefined
  const holds = bytes.length === markBytes && bytes.readUInt32LE(0) === magic
  if (!holds || !checksumHolds(bytes)) return 'damaged'
  const number = (index: number): number => bytes.readDoubleLE(numbersAt + index * 8)
  return {
    batchNumber: number(0),
    commitNumber: number(1),
    restored: number(2),
    manifestNumber: number(3),
    manifestBytes: number(4),
  }
}

/** The number in the name that CURRENT holds; undefined if it holds none. */
export function manifestNumberOf(current: string): number | undefined {
  const match = /^MANIFEST-(\d+)\n$/.exec(current)
  return match === null ? undefined : Number(match[1])
}

export function manifestName(number: number): string {
  return `MANIFEST-${String(number).padStart(6, '0')}`
}

/** Keeps the mark of an open database up to date. */
export class MarkWriter {
  readonly #file: number
  readonly #manifestNumber: number
  readonly #manifestPath: string
  readonly #bytes = Buffer.alloc(markBytes)

  /** After LevelDB has been opened: it begins a new MANIFEST then. */
  constructor(path: string) {
    const current = readFileSync(join(path, 'CURRENT'), 'utf8')
    this.#manifestNumber = manifestNumberOf(current) ?? 0
    this.#manifestPath = join(path, manifestName(this.#manifestNumber))
    this.#file = openSync(join(path, markFile), constants.O_RDWR | constants.O_CREAT, 0o644)
  }

  /** Five microseconds, so synchronous: no other write can come between. */
  write(batchNumber: number, { commitNumber, changelogs }: Checkpoint): void {
    let restored = 0
    for (const offset of Object.values(changelogs)) restored += offset
    const bytes = this.#bytes
    const numbers = [
      batchNumber,
      commitNumber,
      restored,
      this.#manifestNumber,
      statSync(this.#manifestPath).size,
    ]
    bytes.writeUInt32LE(magic, 0)
    numbers.forEach((number, index) => {
      bytes.writeDoubleLE(number, numbersAt + index * 8)
    })
    const end = markBytes - checksumBytes
    writeChecksum(bytes, end, crc32c(bytes, 0, end))
    writeSync(this.#file, bytes, 0, markBytes, 0)
  }

  close(): void {
    closeSync(this.#file)
  }
}
