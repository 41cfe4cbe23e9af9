/**
 * A lock between processes of one clone, held while dependencies are installed or code is built.
 *
 * It saves work; correctness rests on renames alone. The holder touches its directory every second,
 * so a lock whose holder was killed, or whose pid belongs to somebody else by now, goes stale.
 */
import { mkdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const beatMs = 1_000
const staleMs = 10_000

export async function withLock(path, waiting, work) {
  mkdirSync(dirname(path), { recursive: true })
  let told = false
  while (!take(path)) {
    if (!told) waiting()
    told = true
    await sleep(200)
  }
  const beat = setInterval(() => touch(path), beatMs)
  try {
    return await work()
  } finally {
    clearInterval(beat)
    rmSync(path, { recursive: true, force: true })
  }
}

function take(path) {
  try {
    mkdirSync(path)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  }
  if (ageMs(path) < staleMs) return false
  const aside = `${path}.stale-${process.pid}`
  try {
    renameSync(path, aside)
    rmSync(aside, { recursive: true, force: true })
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
  return false
}

function ageMs(path) {
  try {
    return Date.now() - statSync(path).mtimeMs
  } catch {
    return 0
  }
}

function touch(path) {
  try {
    utimesSync(path, new Date(), new Date())
  } catch {
    // Somebody took it for stale while this process was frozen: what follows is still a rename.
  }
}
