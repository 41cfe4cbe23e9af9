/** Times and numbers within store keys: binary strings, one char a byte, in their order. */
import type { Timestamp } from '../ids.ts'

const { fromCharCode } = String
const half = 2 ** 32

/** Eight bytes, big endian; times from 0 on. */
export function timeKey(time: Timestamp): string {
  return u32Key(Math.floor(time / half)) + u32Key(time % half)
}

export function readTime(key: string, at = 0): Timestamp {
  return readU32(key, at) * half + readU32(key, at + 4)
}

/** Eight bytes in which times below 0 come before those above: the first bit is turned over. */
export function signedTimeKey(time: Timestamp): string {
  const high = Math.floor(time / half)
  return u32Key(high + half / 2) + u32Key(time - high * half)
}

export function readSignedTime(key: string, at = 0): Timestamp {
  return (readU32(key, at) - half / 2) * half + readU32(key, at + 4)
}

export function u32Key(value: number): string {
  return fromCharCode(
    (value >>> 24) & 0xff,
    (value >>> 16) & 0xff,
    (value >>> 8) & 0xff,
    value & 0xff
  )
}

export function readU32(key: string, at: number): number {
  const high = (key.charCodeAt(at) << 8) | key.charCodeAt(at + 1)
  return high * 0x10000 + ((key.charCodeAt(at + 2) << 8) | key.charCodeAt(at + 3))
}
