/**
 * Checks every block of a table file; LevelDB itself does not when it reads.
 *
 *     data blocks │ filter block │ meta index │ index │ footer 48
 *     block       bytes │ type 1 (0 plain, 1 Snappy) │ masked CRC-32C 4
 *     footer      place of meta index, place of index, padding, magic 8
 *
 * Every byte but the footer's padding is under a checksum then.
 */
import { ByteReader, DamagedFileError, maskedChecksum } from './bytes.ts'
import { snappyDecode } from './snappy.ts'

const footerBytes = 48
const trailerBytes = 5
const magic = Buffer.from('57fb808b247547db', 'hex')

interface Place {
  readonly offset: number
  readonly size: number
}

export function checkTable(file: Buffer): void {
  const footerAt = file.length - footerBytes
  if (footerAt < 0 || !file.subarray(file.length - magic.length).equals(magic)) {
    throw new DamagedFileError('it does not end as a table does')
  }
  const footer = new ByteReader(file.subarray(footerAt))
  const metaIndex = placeIn(footer)
  const index = placeIn(footer)
  for (const place of placesIn(blockAt(file, metaIndex))) blockAt(file, place, false)
  for (const place of placesIn(blockAt(file, index))) blockAt(file, place, false)
}

function blockAt(file: Buffer, { offset, size }: Place, decode = true): Buffer {
  const end = offset + size
  if (end + trailerBytes > file.length - footerBytes) {
    throw new DamagedFileError(`a block at byte ${offset} leaves the file`)
  }
  if (file.readUInt32LE(end + 1) !== maskedChecksum(file, offset, end + 1)) {
    throw new DamagedFileError(`the checksum of the block at byte ${offset} does not hold`)
  }
  const block = file.subarray(offset, end)
  return decode && file[end] === 1 ? snappyDecode(block) : block
}

/** The places that an index block names: its entries, up to the array of restart points. */
function* placesIn(block: Buffer): Generator<Place> {
  if (block.length < 4) throw new DamagedFileError('an index is too short')
  const restartsAt = block.length - 4 * (block.readUInt32LE(block.length - 4) + 1)
  if (restartsAt < 0) throw new DamagedFileError('an index has too many restart points')
  const entries = new ByteReader(block.subarray(0, restartsAt))
  while (!entries.done) {
    entries.varint()
    const keyBytes = entries.varint()
    const valueBytes = entries.varint()
    entries.take(keyBytes)
    yield placeIn(new ByteReader(entries.take(valueBytes)))
  }
}

function placeIn(reader: ByteReader): Place {
  return { offset: reader.varint(), size: reader.varint() }
}
