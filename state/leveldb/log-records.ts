/**
 * Records of LevelDB's log format, in which it writes MANIFEST files.
 *
 *     block of 32 KiB   │ crc 4 │ length 2 │ type 1 │ payload │ …  records, then up to 6 zeros
 *     type              1 full, 2 first, 3 middle, 4 last fragment of a record
 *
 * A record that the end of the file cuts off was being written when the process died: it is not
 * there. Anything else that does not fit is damage.
 */
import { DamagedFileError, maskedChecksum } from './bytes.ts'

const blockBytes = 32 * 1024
const headerBytes = 7
const full = 1
const first = 2
const last = 4

export function* logRecords(file: Buffer): Generator<Buffer> {
  let fragments: Buffer[] = []
  for (let at = 0; at < file.length; ) {
    const left = blockBytes - (at % blockBytes)
    if (left < headerBytes) {
      at += left
      continue
    }
    if (at + headerBytes > file.length) return
    const end = at + headerBytes + file.readUInt16LE(at + 4)
    if (end > at + left) throw new DamagedFileError(`a record at byte ${at} leaves its block`)
    if (end > file.length) return
    if (file.readUInt32LE(at) !== maskedChecksum(file, at + 6, end)) {
      throw new DamagedFileError(`the checksum of the record at byte ${at} does not hold`)
    }
    const type = file[at + 6] as number
    const begins = type === full || type === first
    if (type < full || type > last || begins !== (fragments.length === 0)) {
      throw new DamagedFileError(`the record at byte ${at} is out of order`)
    }
    fragments.push(file.subarray(at + headerBytes, end))
    if (type === full || type === last) {
      yield Buffer.concat(fragments)
      fragments = []
    }
    at = end
  }
}
