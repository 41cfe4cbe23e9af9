/** Members of a distinct set as binary strings (one char per byte): equal exactly if they are. */
import type { Member } from './aggregator.ts'

const double = Buffer.alloc(8)

/** The text that came last, and its key: several sets of one record often count the same. */
let recentText = ''
let recentKey = 's'

/** Undefined: nothing to count. Throws a TypeError on what cannot be told apart. */
export function memberKey(value: Member): string | undefined {
  switch (typeof value) {
    case 'string':
      if (value !== recentText) {
        recentKey = `s${binaryText(value)}`
        recentText = value
      }
      return recentKey
    case 'number':
      // Adding 0 makes −0 the 0 that it equals; every NaN is written as the same one.
      double.writeDoubleBE(Number.isNaN(value) ? Number.NaN : value + 0)
      return `n${double.toString('latin1')}`
    case 'bigint':
      return `i${value}`
    case 'boolean':
      return value ? 't' : 'f'
    case 'undefined':
      return undefined
    default:
      if (value === null) return undefined
      if (value instanceof Uint8Array) return `b${binary(value)}`
      throw new TypeError('distinct tells strings, numbers, bigints, booleans and bytes apart')
  }
}

/** UTF-8, one char per byte. */
export function binaryText(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1')
}

export function binary(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}
