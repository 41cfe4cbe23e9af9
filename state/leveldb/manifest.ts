/** Reads a MANIFEST: which tables, of which sizes, and which log a database consists of. */
import { ByteReader, DamagedFileError } from './bytes.ts'
import { logRecords } from './log-records.ts'

export interface Manifest {
  /** Size in bytes by file number. */
  readonly tables: ReadonlyMap<number, number>
  /** The oldest log that still counts; 0 in a database that was only just created. */
  readonly logNumber: number
}

const comparator = 1
const logNumber = 2
const nextFileNumber = 3
const lastSequence = 4
const compactPointer = 5
const deletedFile = 6
const newFile = 7
const previousLogNumber = 9

export function readManifest(file: Buffer): Manifest {
  const tables = new Map<number, number>()
  let log = 0
  let records = 0
  for (const record of logRecords(file)) {
    records += 1
    const edit = new ByteReader(record)
    while (!edit.done) {
      const tag = edit.varint()
      if (tag === logNumber) log = edit.varint()
      else applyField(tag, edit, tables)
    }
  }
  if (records === 0) throw new DamagedFileError('it holds no record')
  return { tables, logNumber: log }
}

function applyField(tag: number, edit: ByteReader, tables: Map<number, number>): void {
  switch (tag) {
    case comparator:
      edit.take(edit.varint())
      return
    case nextFileNumber:
    case lastSequence:
    case previousLogNumber:
      edit.varint()
      return
    case compactPointer:
      edit.varint()
      edit.take(edit.varint())
      return
    case deletedFile:
      edit.varint()
      tables.delete(edit.varint())
      return
    case newFile:
      edit.varint()
      tables.set(edit.varint(), edit.varint())
      edit.take(edit.varint())
      edit.take(edit.varint())
      return
    default:
      throw new DamagedFileError(`it holds an unknown field ${tag}`)
  }
}
