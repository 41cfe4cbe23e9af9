/**
 * Ordered scans over all layers of a store.
 *
 *     dirty and sealed entries, sorted ─┐
 *                                       ├─▶ merged by key; memory wins, deletions are left out
 *     LevelDB, as of the start ─────────┘
 *
 * Invariant: both sides are taken in the same instant, and memory holds whatever LevelDB does not
 * have for certain; so it does not matter when a write in flight lands.
 */
import { AbortedError } from '../src/errors.ts'
import type { Entry, EntryOwner } from './entry.ts'
import type { Layers } from './layers.ts'
import type { TaskDatabase } from './task-database.ts'

/** First steps are short, for the many scans that want a few entries. */
const stepMin = 64
const stepMax = 1024

interface ScannedStore extends EntryOwner {
  resident(key: string): Entry | undefined
}

export async function* mergedRange(
  store: ScannedStore,
  layers: Layers,
  database: TaskDatabase,
  from: string,
  to: string | undefined
): AsyncGenerator<readonly [key: string, value: unknown]> {
  const { epoch } = layers
  const { prefix } = store
  const end = to === undefined ? String.fromCharCode(prefix.charCodeAt(0) + 1) : prefix + to
  if (to !== undefined && to <= from) return
  const memory = layers.unwritten(store, from, to)
  const scan = database.scan(prefix + from, end)
  try {
    let at = 0
    for (let step = stepMin; ; step = Math.min(step * 4, stepMax)) {
      const entries = await scan.next(step)
      if (layers.epoch !== epoch) throw interrupted(store)
      for (const [keyOnDisk, bytes] of entries) {
        const key = keyOnDisk.slice(1)
        for (; at < memory.length && (memory[at] as Entry).key < key; at++) {
          const entry = newest(store, memory[at] as Entry)
          if (entry.value !== undefined) yield [entry.key, entry.value]
        }
        // Memory wins; its entry follows with the next round.
        if (at < memory.length && (memory[at] as Entry).key === key) continue
        const entry = store.resident(key)
        if (entry === undefined) yield [key, store.definition.codec.decode(bytes)]
        else if (entry.value !== undefined) yield [key, entry.value]
      }
      if (entries.length === 0) break
    }
    for (; at < memory.length; at++) {
      const entry = newest(store, memory[at] as Entry)
      if (entry.value !== undefined) yield [entry.key, entry.value]
    }
  } finally {
    await scan.close()
  }
}

/** An entry that was written and evicted meanwhile still has its value. */
function newest(store: ScannedStore, entry: Entry): Entry {
  return entry.resident ? entry : (store.resident(entry.key) ?? entry)
}

function interrupted(store: ScannedStore): AbortedError {
  const { name } = store.definition
  return new AbortedError(
    'MILLRACE_STATE_ROLLED_BACK',
    `A scan of store ${name} was cut off by a rollback; read it again from the start`
  )
}
