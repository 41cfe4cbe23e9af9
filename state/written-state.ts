/**
 * What is written of a task, as of one instant, for readers who must not see what no commit has
 * confirmed.
 *
 *     reader ─▶ snapshot of LevelDB            open and sealed layers, and the cache: passed by
 *
 * Invariants: all reads of one snapshot see the same commit; it never shows a commit by halves, for
 * each is written in one batch. The end of the database ends its snapshots.
 */
import type { StateSnapshot, StoreDefinition, StoreEntries } from './contract.ts'
import type { DatabaseScan, DatabaseSnapshot, TaskDatabase } from './task-database.ts'

/** The first step is short, for the many scans that want a few entries. */
const stepMin = 64
const stepMax = 1024

export class WrittenState implements StateSnapshot {
  readonly #database: TaskDatabase
  readonly #snapshot: DatabaseSnapshot

  constructor(database: TaskDatabase) {
    this.#database = database
    this.#snapshot = database.snapshot()
  }

  entries<V>({ name, codec }: StoreDefinition<V>): StoreEntries<V> {
    const [database, snapshot] = [this.#database, this.#snapshot]
    const prefix = database.prefixOf(name)
    const end = String.fromCharCode(prefix.charCodeAt(0) + 1)
    return {
      get(key) {
        const bytes = database.read(prefix + key, snapshot)
        return bytes === undefined ? undefined : codec.decode(bytes)
      },
      async *range(from = '', to) {
        const scan = database.scan(prefix + from, to === undefined ? end : prefix + to, snapshot)
        try {
          for await (const [key, bytes] of entriesOf(scan))
            yield [key.slice(1), codec.decode(bytes)]
        } finally {
          await scan.close()
        }
      },
    }
  }

  close(): void {
    // It waits for reads that are under way; nobody has to wait for it.
    this.#snapshot.close().catch(() => {})
  }
}

async function* entriesOf(scan: DatabaseScan) {
  for (let step = stepMin; ; step = Math.min(step * 4, stepMax)) {
    const found = await scan.next(step)
    if (found.length === 0) return
    yield* found
  }
}
