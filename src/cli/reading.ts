/**
 * Copies of what an application keeps on disk, for commands that look at it: the application may
 * run meanwhile, and nothing of it is changed.
 *
 *     <STATE_DIR>/<application>/.reading-<pid>-<number>/     tables are links: no room, no time
 *     <temporary directory>/millrace-reading-…/              where that cannot be written
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { copyLevelDirectory } from '../../state/index.ts'
import { makeDirectory } from '../directories.ts'
import { FatalError } from '../errors.ts'

export interface Reading {
  readonly path: string
  /** Removes the copy. */
  release(): Promise<void>
}

/** Of the embedded log. Rejects with `MILLRACE_LOG_ABSENT` if there is none. */
export async function copyOfLog(directory: string): Promise<Reading> {
  const from = join(directory, 'log')
  if (!existsSync(from)) {
    throw new FatalError(
      'MILLRACE_LOG_ABSENT',
      `There is no embedded log in ${from}: nothing has run there yet, or STATE_DIR or ` +
        'APPLICATION_ID is another, or KAFKA_BROKERS is missing.'
    )
  }
  return await copied(directory, (to) => copyLevelDirectory(from, to, ['format.json']))
}

/** Of the states of all tasks: each is opened in its own time, below `path`, by its name. */
export async function placeForTasks(directory: string): Promise<Reading> {
  return await copied(directory, async () => {})
}

/** Names of the tasks that have a directory. Rejects with `MILLRACE_STATE_ABSENT` if none has. */
export function tasksIn(directory: string): readonly string[] {
  const path = join(directory, 'tasks')
  const names = existsSync(path) ? readdirSync(path) : []
  // Others were set aside, or are on their way out.
  const tasks = names.filter((name) => /^[A-Za-z0-9_-]+$/.test(name))
  if (tasks.length > 0) return tasks.sort(byNumbers)
  throw new FatalError(
    'MILLRACE_STATE_ABSENT',
    `There is no state of a task in ${path}: no task has run there, or STATE_DIR or ` +
      'APPLICATION_ID is another.'
  )
}

function byNumbers(left: string, right: string): number {
  return left.localeCompare(right, 'en', { numeric: true })
}

let readings = 0

async function copied(directory: string, copy: (to: string) => Promise<void>): Promise<Reading> {
  const path = makePlace(directory)
  const remove = (): void => rmSync(path, { recursive: true, force: true })
  process.once('exit', remove)
  const release = async (): Promise<void> => {
    process.off('exit', remove)
    remove()
  }
  try {
    await copy(path)
    return { path, release }
  } catch (error) {
    await release()
    throw error
  }
}

function makePlace(directory: string): string {
  const path = join(directory, `.reading-${process.pid}-${readings++}`)
  try {
    sweep(directory)
    makeDirectory(path)
    return path
  } catch {
    return mkdtempSync(join(tmpdir(), 'millrace-reading-'))
  }
}

/** What commands have left behind that were killed. */
function sweep(directory: string): void {
  for (const name of readdirSync(directory)) {
    const pid = /^\.reading-(\d+)-\d+$/.exec(name)?.[1]
    if (pid === undefined || isAlive(Number(pid))) continue
    rmSync(join(directory, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
