/**
 * The directory of a durable log: whose it is, and whether what lies there can be a log at all.
 *
 *     <path>/format.json   written at every start and clean end: the last batch, and the size of
 *                          the MANIFEST: LevelDB deletes the tables that a shorter one forgot
 *     <path>/holder.json   process that holds the log, for messages; stale after a crash, harmless
 *     <path>/*             LevelDB's own files, its LOCK among them
 *
 * Invariants: LevelDB's lock alone decides between processes. Within one process the register here,
 * and for other threads the holder file, decide before LevelDB is asked: its refusal of a second
 * open would let go of the first one's lock. A directory that ever held a log is never begun anew.
 */
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeDirectory as makeAll } from '../directories.ts'
import { FatalError } from '../errors.ts'
import { damaged, formatVersion } from './layout.ts'

interface Holder {
  readonly pid: number
  /** Of the process, epoch ms: process numbers come again. */
  readonly startedAt: number
  /** A copy of a directory is not held by who holds the original. */
  readonly path: string
}

/** Between two readings of when this very process started: clocks are adjusted. */
const startToleranceMs = 50

const registerKey = Symbol.for('millrace.log.directories')

/** Shared by all copies of this module in the process. */
const holders = globalThis as typeof globalThis & { [registerKey]?: Set<string> }

export interface Claim {
  /** Without symbolic links. */
  readonly path: string
  /** Nothing is there yet. */
  readonly isNew: boolean
  /** Whether the directory says that a log was completely made here. */
  readonly isMarked: boolean
  /** Number of the last batch at the last clean end; 0 if unknown. */
  readonly batches: number
  /** To be called when LevelDB is closed, or was never opened. */
  release(): void
}

interface FormatFile {
  readonly format: number
  readonly batches: number
  readonly manifest: string
  readonly manifestBytes: number
}

/** Claims the directory within this process, and checks what is there. */
export async function claimDirectory(path: string): Promise<Claim> {
  const real = await makeDirectory(path)
  const claimed = (holders[registerKey] ??= new Set())
  if (claimed.has(real)) throw locked(path, process.pid)
  claimed.add(real)
  const release = (): void => void claimed.delete(real)
  try {
    if (isOwn(await readHolder(real), real)) throw locked(path, process.pid)
    return { path: real, release, ...(await lookTwice(real)) }
  } catch (error) {
    release()
    throw error
  }
}

export function locked(path: string, pid: number | undefined): FatalError {
  const holder = pid === undefined ? 'another process' : `process ${pid}`
  return new FatalError(
    'MILLRACE_LOG_LOCKED',
    `The embedded log in ${path} is in use by ${holder}. One process at a time: stop that one, ` +
      'choose another STATE_DIR, or use a broker.'
  )
}

export function unusable(path: string, cause: unknown): FatalError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new FatalError(
    'MILLRACE_LOG_UNUSABLE',
    `The embedded log cannot use ${path}: ${reason}. It needs a writable directory with free ` +
      'space: mend that, or choose another STATE_DIR.',
    { cause }
  )
}

export async function holderPid(path: string): Promise<number | undefined> {
  return (await readHolder(path))?.pid
}

export function writeHolder(path: string): void {
  writeWhole(join(path, 'holder.json'), ownHolder(path))
}

export function removeHolder(path: string): void {
  rmSync(join(path, 'holder.json'), { force: true })
}

export function writeFormat(path: string, batches: number): void {
  const manifest = readFileSync(join(path, 'CURRENT'), 'latin1').trim()
  const manifestBytes = statSync(join(path, manifest)).size
  const content: FormatFile = { format: formatVersion, batches, manifest, manifestBytes }
  writeWhole(join(path, 'format.json'), content)
}

async function readHolder(path: string): Promise<Holder | undefined> {
  const holder = await readJson<Partial<Holder>>(join(path, 'holder.json'))
  if (typeof holder?.pid !== 'number' || typeof holder.startedAt !== 'number') return undefined
  return { pid: holder.pid, startedAt: holder.startedAt, path: String(holder.path) }
}

function ownHolder(path: string): Holder {
  const startedAt = Math.round(Date.now() - process.uptime() * 1_000)
  return { pid: process.pid, startedAt, path }
}

function isOwn(holder: Holder | undefined, path: string): boolean {
  const own = ownHolder(path)
  if (holder?.pid !== own.pid || holder.path !== path) return false
  return Math.abs(holder.startedAt - own.startedAt) <= startToleranceMs
}

async function makeDirectory(path: string): Promise<string> {
  try {
    makeAll(path)
    return await realpath(path)
  } catch (error) {
    throw unusable(path, error)
  }
}

type Look = Pick<Claim, 'isNew' | 'isMarked' | 'batches'>

/** Another process may be opening it: what looks like damage is looked at again. */
async function lookTwice(path: string): Promise<Look> {
  try {
    return await look(path)
  } catch {
    const pid = await holderPid(path)
    if (pid !== undefined && pid !== process.pid && isAlive(pid)) throw locked(path, pid)
    await sleep(100)
    return look(path)
  }
}

async function look(path: string): Promise<Look> {
  const files = await readdir(path).catch((error: unknown) => {
    throw unusable(path, error)
  })
  const format = await readFormat(path, files)
  const isMarked = format !== undefined
  const batches = format?.batches ?? 0
  if (files.includes('CURRENT')) {
    await checkCurrent(path, format)
    return { isNew: false, isMarked, batches }
  }
  if (isMarked || (await hasData(path, files))) throw damaged(path, 'its file CURRENT is missing')
  return { isNew: true, isMarked, batches }
}

async function readFormat(path: string, files: readonly string[]): Promise<FormatFile | undefined> {
  if (!files.includes('format.json')) return undefined
  const found = await readJson<Partial<FormatFile>>(join(path, 'format.json'))
  if (typeof found?.format !== 'number' || typeof found.batches !== 'number') {
    throw damaged(path, 'its file format.json cannot be read')
  }
  if (found.format !== formatVersion) {
    throw new FatalError(
      'MILLRACE_LOG_FORMAT_UNKNOWN',
      `The embedded log in ${path} has format ${found.format}; this version reads ` +
        `${formatVersion}. Use the version that wrote it, or another STATE_DIR.`
    )
  }
  const { format, batches, manifest = '', manifestBytes = 0 } = found
  return { format, batches, manifest, manifestBytes }
}

/** CURRENT names the MANIFEST, without which LevelDB would silently know fewer tables. */
async function checkCurrent(path: string, format: FormatFile | undefined): Promise<void> {
  const current = await readFile(join(path, 'CURRENT'), 'latin1').catch((error: unknown) => {
    throw damaged(path, 'its file CURRENT cannot be read', error)
  })
  if (!/^MANIFEST-\d+\n$/.test(current)) throw damaged(path, 'its file CURRENT is not intact')
  const manifest = current.trim()
  const size = await sizeOf(join(path, manifest))
  if (size === undefined) throw damaged(path, `its file ${manifest} is missing`)
  const least = format?.manifest === manifest ? format.manifestBytes : 1
  if (size < least) {
    throw damaged(path, `its file ${manifest} had ${least} bytes at least, and now has ${size}`)
  }
}

/** Whether files of LevelDB are there that hold records. */
async function hasData(path: string, files: readonly string[]): Promise<boolean> {
  if (files.some((file) => /\.(ldb|sst)$/.test(file))) return true
  const logs = files.filter((file) => /^\d+\.log$/.test(file))
  const sizes = await Promise.all(logs.map((file) => sizeOf(join(path, file))))
  return sizes.some((size) => (size ?? 0) > 0)
}

async function sizeOf(file: string): Promise<number | undefined> {
  return stat(file).then(
    ({ size }) => size,
    () => undefined
  )
}

async function readJson<T>(file: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T
  } catch {
    return undefined
  }
}

/** Beside it, synced, then renamed: the file is there whole or not at all. */
function writeWhole(file: string, content: unknown): void {
  const beside = `${file}.new`
  writeFileSync(beside, `${JSON.stringify(content)}\n`)
  const handle = openSync(beside, 'r+')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(beside, file)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
