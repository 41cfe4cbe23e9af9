/**
 * Makes many bytes few with the same CRC-32C, sixteen at a time in WebAssembly, which has no table
 * to wait for: 12 GB/s, copying included, where tables make 2.
 *
 *     x^5321 + x^3574 + x^2491 + 1 is a multiple of the polynomial of CRC-32C, and so is its eighth
 *     power, which is the same with bytes in place of bits. So a byte may be taken away where it is
 *     added 1747, 2830 and 5321 bytes later:
 *
 *     bytes   │ window │ window │ … │          folded[i] = bytes[i] + folded[i − 1747] + …
 *     folded  │ 5328 before │ window │         of the next window its end is what was before
 *     rest                        │ 5321 to 5336 bytes, with all that the folded ones add to them
 *
 * Invariants: what is added is exclusive or, so that its order does not matter; what is before the
 * first byte is zero, and so is what the rest would add to itself; nothing is left between calls.
 */
import { assert } from './assert.ts'

/** From here on it takes less than tables, measured: of fewer bytes too many are left as a rest. */
export const foldBytesMin = 12 * 1024

const distances = [1747, 2830, 5321] as const
const reach = distances[2]
const lanes = 16
const windowBytes = 32 * 1024

/** In its memory: what was folded last, a window behind it, what is folded into it, the rest. */
const before = Math.ceil(reach / lanes) * lanes
const givenAt = before + windowBytes + lanes
const restAt = givenAt + windowBytes + lanes
const pages = Math.ceil((restAt + before + lanes) / 65_536)

interface Folder {
  readonly memory: Uint8Array
  /** `folded`: where what is written to `out` lies, less the reach, which is in memory, too. */
  readonly fold: (out: number, given: number, folded: number, givenEnd: number) => void
}

/** Undefined: there is none, and there will be none. */
let folder: Folder | undefined
let isMade = false

/**
 * Bytes that lead from 0 to the register that `bytes[start, end)` lead to from `register`; until
 * the next call. Undefined: the machine cannot do it.
 */
export function folded(
  bytes: Uint8Array,
  start: number,
  end: number,
  register: number
): Uint8Array | undefined {
  assert(end - start >= foldBytesMin, 'there is something to fold')
  if (!isMade) folder = makeFolder()
  isMade = true
  if (folder === undefined) return undefined
  const { memory, fold } = folder
  const foldEnd = end - reach - ((end - start - reach) % lanes)
  memory.fill(0, 0, before)
  for (let at = start; at < foldEnd; at += windowBytes) {
    const length = Math.min(windowBytes, foldEnd - at)
    memory.set(bytes.subarray(at, at + length), givenAt)
    if (at === start) addRegister(memory, register)
    fold(before, givenAt, before - reach, givenAt + length)
    memory.copyWithin(0, length, length + before)
  }
  const restBytes = end - foldEnd
  memory.fill(0, before, before + restBytes)
  memory.set(bytes.subarray(foldEnd, end), givenAt)
  fold(restAt, givenAt, before - reach, givenAt + restBytes)
  return memory.subarray(restAt, restAt + restBytes)
}

/** A register is the same as what it would turn the first four bytes into. */
function addRegister(memory: Uint8Array, register: number): void {
  for (let at = 0; at < 4; at++) {
    memory[givenAt + at] = (memory[givenAt + at] as number) ^ ((register >>> (at * 8)) & 255)
  }
}

/** What of WebAssembly is used; the type declarations of Node leave it out. */
interface Wasm {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

function makeFolder(): Folder | undefined {
  try {
    const { Module, Instance } = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly
    const { memory, fold } = new Instance(new Module(moduleBytes())).exports as {
      readonly memory: { readonly buffer: ArrayBuffer }
      readonly fold: Folder['fold']
    }
    return { memory: new Uint8Array(memory.buffer), fold }
  } catch {
    // No WebAssembly (`--jitless`), none with vectors, or no address space left for its memory.
    return undefined
  }
}

/** By the binary format of WebAssembly, https://webassembly.github.io/spec/core/binary */
function moduleBytes(): Uint8Array {
  const [out, given, from, givenEnd, i32] = [0, 1, 2, 3, 0x7f]
  const load = (local: number, offset: number) => [0x20, local, 0xfd, 0x00, 0, ...leb(offset)]
  const xor = [0xfd, 0x51]
  const added = distances.flatMap((distance) => [...load(from, reach - distance), ...xor])
  const store = [0x20, out, ...load(given, 0), ...added, 0xfd, 0x0b, 0, 0]
  const step = [out, from, given].flatMap((local) => [0x20, local, 0x41, lanes, 0x6a, 0x21, local])
  const untilEnd = [0x20, given, 0x20, givenEnd, 0x49, 0x0d, 0]
  const code = [0, 0x03, 0x40, ...store, ...step, ...untilEnd, 0x0b, 0x0b]
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 4, i32, i32, i32, i32, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 1, pages, pages]),
    ...section(7, [2, ...name('memory'), 2, 0, ...name('fold'), 0, 0]),
    ...section(10, [1, ...leb(code.length), ...code]),
  ])
}

function section(id: number, bytes: readonly number[]): readonly number[] {
  return [id, ...leb(bytes.length), ...bytes]
}

function name(text: string): readonly number[] {
  return [text.length, ...Buffer.from(text)]
}

/** An unsigned number, seven bits a byte. */
function leb(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)]
}
