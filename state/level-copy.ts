/**
 * A copy of a LevelDB that somebody else may be writing to: for readers who must neither wait for
 * it nor change it.
 *
 *     marks of ours ─▶ MANIFEST ─▶ tables that it lists, linked ─▶ logs, copied ─▶ MANIFEST again
 *
 * Invariants: tables never change once they are there, so that a link is as good as a copy; logs
 * and the MANIFEST only grow, so that what was read of them is a beginning. If the MANIFEST has
 * changed in between, a table or log may be missing, and it begins anew. What was vouched for
 * before (the marks) is then in the copy, or the copy counts as damaged like the original.
 */
import { copyFile, link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RetriableError } from '../src/errors.ts'
import { manifestNumberOf } from './commit-mark.ts'
import { readManifest } from './leveldb/manifest.ts'

const attemptsMax = 20
const pauseMs = 50

/**
 * Copies the database in `from` to `to`, which is made, or made anew. Files that are not LevelDB's
 * come along if their names are among the `marks`. Rejects with what the file system says, and with
 * a RetriableError where the database changes faster than it can be copied.
 */
export async function copyLevelDirectory(
  from: string,
  to: string,
  marks: readonly string[]
): Promise<void> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    if (attempt > 0) await sleep(pauseMs)
    await rm(to, { recursive: true, force: true })
    await mkdir(to, { recursive: true })
    if (await copyOnce(from, to, marks)) return
  }
  throw new RetriableError(
    'MILLRACE_STATE_COPY_UNSTEADY',
    `${from} changes faster than it can be copied: try again when less is written there.`
  )
}

/** False: it has changed meanwhile. */
async function copyOnce(from: string, to: string, marks: readonly string[]): Promise<boolean> {
  try {
    for (const name of marks) await ifThere(copyFile(join(from, name), join(to, name)))
    const current = await readFile(join(from, 'CURRENT'), 'utf8')
    const name = current.trim()
    // Not one of LevelDB's: whoever opens the copy finds out what is wrong.
    const isNamed = manifestNumberOf(current) !== undefined
    const manifest = isNamed ? await readFile(join(from, name)) : Buffer.alloc(0)
    const found = readManifestOf(manifest)
    const files = await readdir(from)
    for (const file of files) {
      const number = Number(/^(\d+)\.(ldb|sst)$/.exec(file)?.[1] ?? -1)
      if (found === undefined || found.tables.has(number)) await linkTable(from, to, file)
    }
    for (const file of files.filter(isLog)) await copyFile(join(from, file), join(to, file))
    await writeFile(join(to, 'CURRENT'), current)
    if (isNamed) await writeFile(join(to, name), manifest)
    const isSame = (await readFile(join(from, 'CURRENT'), 'utf8')) === current
    return isSame && (!isNamed || (await readFile(join(from, name))).length === manifest.length)
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && (await isThere(from))) return false
    throw error
  }
}

/** Undefined: it cannot be read; then every table comes along. */
function readManifestOf(bytes: Buffer): ReturnType<typeof readManifest> | undefined {
  try {
    return readManifest(bytes)
  } catch {
    return undefined
  }
}

async function linkTable(from: string, to: string, name: string): Promise<void> {
  if (!/\.(ldb|sst)$/.test(name)) return
  try {
    await link(join(from, name), join(to, name))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw error
    // Another disk, or a file system without links.
    await copyFile(join(from, name), join(to, name))
  }
}

async function ifThere(work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}

/** Whether the database is still there, and not only a file of it gone. */
async function isThere(path: string): Promise<boolean> {
  const files: readonly string[] = await readdir(path).catch(() => [])
  return files.includes('CURRENT')
}

function isLog(name: string): boolean {
  return /^\d+\.log$/.test(name)
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
