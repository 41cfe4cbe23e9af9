/**
 * The name of this process's producer, and that of the process before it.
 *
 * A process that was killed alone leaves nobody behind to abort its transaction: the next one reads
 * the name here and does it. So the file is written before the first use of the name, and through
 * to the disk.
 */
import { randomUUID } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeDirectory } from '../directories.ts'
import { FatalError } from '../errors.ts'

/**
 * A static member keeps its name, so that whoever takes its place ends what it left open. The colon
 * occurs in neither part: no two members of a cluster come to the same name by accident.
 */
export function transactionalIdOf(applicationId: string, instanceId: string | null): string {
  return instanceId === null ? `${applicationId}-${randomUUID()}` : `${applicationId}:${instanceId}`
}

/** Undefined: there was none before, or it left in good order. */
export async function readTransactionalId(path: string): Promise<string | undefined> {
  try {
    const text = (await readFile(path, 'utf8')).trim()
    return text === '' ? undefined : text
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
