/** What a cursor reads in place must be what its views show. */
import { expect } from 'vitest'
import type { RecordCursor } from '../../src/record.ts'

const copied = (bytes: Uint8Array, start: number, end: number): Buffer =>
  Buffer.from(bytes.slice(start, end))

/** Looks at the current record both ways. */
export function expectInPlace(cursor: RecordCursor): void {
  const { key, value, headers, keyLength, valueLength } = cursor
  expect([keyLength, valueLength]).toEqual([key?.length ?? -1, value?.length ?? -1])
  if (key !== null) expect(cursor.readKey(copied).equals(key)).toBe(true)
  if (value !== null) expect(cursor.readValue(copied).equals(value)).toBe(true)
  for (const name of [...headers.map(([known]) => known), 'nobody has this one']) {
    const first = headers.find(([known, bytes]) => known === name && bytes !== null)?.[1]
    const read = cursor.readHeader(Buffer.from(name), copied)
    expect(read?.toString('hex')).toBe(first ? Buffer.from(first).toString('hex') : undefined)
  }
  expect(cursor.headers).toEqual(headers)
}
