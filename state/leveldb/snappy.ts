/** Decompresses Snappy blocks: LevelDB compresses the index that tells where the others are. */
import { ByteReader, DamagedFileError } from './bytes.ts'

export function snappyDecode(input: Buffer): Buffer {
  const reader = new ByteReader(input)
  const length = reader.varint()
  // Snappy's own bound: three bytes never become more than 64.
  if (length > input.length * 22 + 64) throw new DamagedFileError('a block claims too many bytes')
  const output = Buffer.alloc(length)
  let at = 0
  while (!reader.done) {
    const tag = reader.take(1)[0] as number
    const kind = tag & 3
    if (kind === 0) {
      const short = tag >>> 2
      const size = (short < 60 ? short : reader.take(short - 59).readUIntLE(0, short - 59)) + 1
      if (at + size > length) throw new DamagedFileError('a literal leaves its block')
      at += reader.take(size).copy(output, at)
    } else {
      const size = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1
      const distance = distanceOf(kind, tag, reader)
      if (distance === 0 || distance > at || at + size > length) {
        throw new DamagedFileError('a copy leaves its block')
      }
      // Byte by byte: source and target may overlap.
      for (const end = at + size; at < end; at++) output[at] = output[at - distance] as number
    }
  }
  if (at !== length) throw new DamagedFileError('a block is shorter than it claims')
  return output
}

function distanceOf(kind: number, tag: number, reader: ByteReader): number {
  if (kind === 1) return ((tag >>> 5) << 8) | (reader.take(1)[0] as number)
  return kind === 2 ? reader.take(2).readUInt16LE(0) : reader.take(4).readUInt32LE(0)
}
