/**
 * One owner per state directory, across processes and inside one.
 *
 *     <application>/lock/         a LevelDB that holds nothing: its lock ends with the process
 *     <application>/holder.json   who holds it, for the message that others get
 *
 * Invariant: LevelDB never sees a second open of the same directory in one process, because its
 * failure would close a file descriptor of the lock file, and with it release the lock (that is how
 * POSIX record locks work). So a registry, and the holder file for other threads, are asked first.
 */
import { readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Level } from 'level'
import { makeDirectory } from '../src/directories.ts'
import { FatalError } from '../src/errors.ts'

export interface DirectoryLock {
  /** The directory by its real name. */
  readonly path: string
  release(): Promise<void>
}

interface Holder {
  readonly pid: number
  /** Epoch ms. */
  readonly startedAt: number
  /** A copy of a directory is not held by the holder of the original. */
  readonly path: string
}

/** On the global object: the module may be loaded twice, the process is one. */
const registryKey = Symbol.for('millrace.state-directories')
const registries = globalThis as unknown as Record<symbol, Set<string> | undefined>
const held = (registries[registryKey] ??= new Set<string>())

/** Between two readings of when this very process started: clocks are adjusted. */
const startToleranceMs = 50

/** Creates the directory if need be. Rejects with FatalError when it is held or cannot be used. */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = createDirectory(directory)
  const self = ownHolder(path)
  if (held.has(path)) throw lockedError(path, self)
  const holder = readHolder(path)
  if (holder !== undefined && isSame(holder, self)) throw lockedError(path, holder)
  held.add(path)
  const level = new Level(join(path, 'lock'))
  try {
    await level.open()
    writeHolder(path, self)
  } catch (error) {
    await level.close().catch(() => {})
    held.delete(path)
    if (causes(error).includes('LEVEL_LOCKED')) throw lockedError(path, readHolder(path))
    throw unusableError(path, error)
  }
  return {
    path,
    release: async () => {
      rmSync(join(path, 'holder.json'), { force: true })
      await level.close()
      held.delete(path)
    },
  }
}

/** Anything the file system refuses, as an error that names the path. */
export function unusableError(path: string, cause: unknown): FatalError {
  const detail = causes(cause).at(-1) ?? String(cause)
  return new FatalError(
    'MILLRACE_STATE_DIRECTORY_UNUSABLE',
    `The state directory ${path} cannot be used: ${detail}. It must be a directory on a local ` +
      'disk, writable for this user, with free space; or set STATE_DIR to another one.',
    { cause }
  )
}

/** Codes and messages of an error and of what caused it, outermost first. */
export function causes(error: unknown): readonly string[] {
  const found: string[] = []
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at) found.push(String(at.code))
    found.push(at.message)
  }
  return found
}

function createDirectory(directory: string): string {
  try {
    makeDirectory(directory)
    return realpathSync(directory)
  } catch (error) {
    throw unusableError(directory, error)
  }
}

function ownHolder(path: string): Holder {
  const startedAt = Math.round(Date.now() - process.uptime() * 1_000)
  return { pid: process.pid, startedAt, path }
}

function isSame(left: Holder, right: Holder): boolean {
  const apartMs = Math.abs(left.startedAt - right.startedAt)
  return left.pid === right.pid && left.path === right.path && apartMs <= startToleranceMs
}

function readHolder(path: string): Holder | undefined {
  try {
    const holder: unknown = JSON.parse(readFileSync(join(path, 'holder.json'), 'utf8'))
    const { pid, startedAt, path: of } = holder as Holder
    const isWhole = typeof pid === 'number' && typeof startedAt === 'number'
    return isWhole && typeof of === 'string' ? { pid, startedAt, path: of } : undefined
  } catch {
    // Absent, or torn by a crash: it only serves messages, the lock itself is LevelDB's.
    return undefined
  }
}

function writeHolder(path: string, holder: Holder): void {
  const file = join(path, 'holder.json')
  writeFileSync(`${file}.new`, `${JSON.stringify(holder)}\n`)
  renameSync(`${file}.new`, file)
}

function lockedError(path: string, holder: Holder | undefined): FatalError {
  const by =
    holder === undefined
      ? 'another process'
      : `process ${holder.pid} (started ${new Date(holder.startedAt).toISOString()})`
  return new FatalError(
    'MILLRACE_STATE_DIRECTORY_LOCKED',
    `The state directory ${path} is in use by ${by}. Stop that process, or set STATE_DIR to ` +
      'another directory: two instances never share one.'
  )
}
