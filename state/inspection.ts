/**
 * Looks at a task's files before LevelDB does, because LevelDB opens many damaged ones quietly with
 * a part of the data: CURRENT, the MANIFEST it names, the tables and the log which that one lists.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type CommitMark, manifestName, manifestNumberOf, readMark } from './commit-mark.ts'
import { DamagedFileError } from './leveldb/bytes.ts'
import { type Manifest, readManifest } from './leveldb/manifest.ts'
import { checkTable } from './leveldb/table.ts'

export type Inspection =
  /** Nothing there, or a creation that was cut off before there was any data. */
  | { readonly kind: 'absent' | 'unfinished' }
  | { readonly kind: 'damaged'; readonly reason: string }
  | { readonly kind: 'sound'; readonly mark: CommitMark | undefined }

/**
 * Tables beyond this, oldest first, are not read through at every start; what is wrong with a value
 * there shows when it is read. Reading so much takes a second or two.
 */
const checkedBytesMax = 1024 * 1024 * 1024

export async function inspectTask(path: string): Promise<Inspection> {
  const files = new Set(await filesIn(path))
  if (files.size === 0) return { kind: 'absent' }
  const mark = readMark(path)
  if (mark === 'damaged') return damaged('COMMITTED is not as it was written')
  try {
    if (!files.has('CURRENT')) return withoutCurrent(files, mark)
    const current = manifestNumberOf(await readFile(join(path, 'CURRENT'), 'utf8'))
    if (current === undefined) return damaged('CURRENT names no MANIFEST')
    const name = manifestName(current)
    if (!files.has(name)) return damaged(`${name} is missing`)
    const bytes = await readFile(join(path, name))
    if (mark !== undefined && isShort(mark, current, bytes.length)) {
      return damaged(`${name} is shorter than it was`)
    }
    const manifest = named(name, () => readManifest(bytes))
    return (await checkFiles(path, files, manifest)) ?? { kind: 'sound', mark }
  } catch (error) {
    if (error instanceof DamagedFileError) return damaged(error.message)
    throw error
  }
}

async function filesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** A process that died while it created the database leaves some files, but none with data. */
function withoutCurrent(files: ReadonlySet<string>, mark: CommitMark | undefined): Inspection {
  const hasData = [...files].some((name) => /\.(ldb|sst|log)$/.test(name))
  if (mark !== undefined || hasData) return damaged('CURRENT is missing')
  return { kind: 'unfinished' }
}

function isShort(mark: CommitMark, manifestNumber: number, manifestBytes: number): boolean {
  if (manifestNumber !== mark.manifestNumber) return manifestNumber < mark.manifestNumber
  return manifestBytes < mark.manifestBytes
}

async function checkFiles(
  path: string,
  files: ReadonlySet<string>,
  { tables, logNumber }: Manifest
): Promise<Inspection | undefined> {
  if (logNumber > 0 && !files.has(fileName(logNumber, 'log'))) {
    return damaged(`${fileName(logNumber, 'log')} is missing`)
  }
  let checkedBytes = 0
  for (const [number, size] of [...tables].sort(([left], [right]) => right - left)) {
    const name = fileName(number, files.has(fileName(number, 'sst')) ? 'sst' : 'ldb')
    if (!files.has(name)) return damaged(`${name} is missing`)
    const found = (await stat(join(path, name))).size
    if (found !== size) return damaged(`${name} has ${found} bytes of ${size}`)
    checkedBytes += size
    if (checkedBytes > checkedBytesMax) continue
    const bytes = await readFile(join(path, name))
    named(name, () => checkTable(bytes))
  }
  return undefined
}

function named<T>(name: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof DamagedFileError) {
      throw new DamagedFileError(`${name}: ${error.message}`)
    }
    throw error
  }
}

function fileName(number: number, kind: string): string {
  return `${String(number).padStart(6, '0')}.${kind}`
}

function damaged(reason: string): Inspection {
  return { kind: 'damaged', reason }
}
