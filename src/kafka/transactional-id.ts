/**
 * The names of this process's producers, and those of the process before it.
 *
 *     <directory>/producer      of the only thread that writes, or of the first
 *     <directory>/producer-2    of the second …
 *
 * A process that was killed alone leaves nobody behind to abort its transactions: the next one
 * reads the names here and does it, however many threads either has. So a file is written before
 * the first use of its name, and through to the disk.
 */
import { randomUUID } from 'node:crypto'
import { open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeDirectory } from '../directories.ts'
import { FatalError } from '../errors.ts'

/**
 * A static member keeps its name, so that whoever takes its place ends what it left open. The colon
 * occurs in neither part: no two members of a cluster come to the same name by accident.
 */
export function transactionalIdOf(applicationId: string, instanceId: string | null): string {
  return instanceId === null ? `${applicationId}-${randomUUID()}` : `${applicationId}:${instanceId}`
}

/** @param thread from 1 on */
export function producerFile(directory: string, thread = 1): string {
  return join(directory, thread === 1 ? 'producer' : `producer-${thread}`)
}

/** What the process before has not closed in good order: each name, and the file that it is in. */
export async function leftTransactionalIds(
  directory: string
): Promise<readonly { readonly id: string; readonly path: string }[]> {
  const left: { id: string; path: string }[] = []
  for (const name of (await namesIn(directory)).toSorted()) {
    if (!/^producer(-\d+)?$/.test(name)) continue
    const path = join(directory, name)
    const id = (await reading(path, () => readFile(path, 'utf8')))?.trim() ?? ''
    if (id !== '') left.push({ id, path })
  }
  return left
}

async function namesIn(directory: string): Promise<readonly string[]> {
  return (await reading(directory, () => readdir(directory))) ?? []
}

/** Undefined: it is not there. */
async function reading<T>(path: string, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unusable(path, cause)
  }
}

export async function writeTransactionalId(path: string, id: string): Promise<void> {
  const beside = `${path}.${process.pid}.tmp`
  try {
    makeDirectory(dirname(path))
    const file = await open(beside, 'w')
    try {
      await file.writeFile(`${id}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
  } catch (cause) {
    throw unusable(path, cause)
  }
}

export async function removeTransactionalId(path: string): Promise<void> {
  await rm(path, { force: true })
}

function unusable(path: string, cause: unknown): FatalError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new FatalError(
    'MILLRACE_STATE_DIR_UNUSABLE',
    `Cannot keep the name of the producer in ${path}: ${reason}; make the directory writable`,
    { cause }
  )
}
