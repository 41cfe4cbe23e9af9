/** Random lives of a task's state, beside a model that keeps three plain maps. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type KeyValueState,
  openStateDirectory,
  type StateDirectory,
  type StoreDefinition,
  type TaskState,
} from '../../state/index.ts'
import { type Counter, counterCodec } from './task-state-suite.ts'

const definitions: readonly StoreDefinition<Counter>[] = [
  { name: 'logged', codec: counterCodec, logged: true },
  { name: 'unlogged', codec: counterCodec, logged: false },
  { name: 'uncached', codec: counterCodec, logged: true, cached: false },
]
const keys = ['', '\0', 'a', '\xff', '\xff\xff', 'long'.repeat(9)]

const store = fc.nat(definitions.length - 1)
const key = fc.constantFrom(...keys)
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('put'), store, key, count: fc.nat(999) }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('add'), store, key }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('addFresh'), store, key }) },
  { weight: 5, arbitrary: fc.record({ op: fc.constant('delete'), store, key }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('get'), store, key }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('range'), store, key, to: key }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('seal') }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('write'), wait: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('keep') }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('settle') }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('rollback') }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('crash') }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('reopen') }) }
)

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
type Content = readonly Map<string, number>[]

/** The state and its model; each method does one step in both and compares. */
class Life {
  readonly #cacheBytesMax: number
  readonly #paths: string[] = []
  #directory!: StateDirectory
  #state!: TaskState
  #stores!: readonly KeyValueState<Counter>[]
  #current: Content = empty()
  #sealed: Content | undefined
  /** Of commits that have happened and are not written. */
  #kept: Content | undefined
  #written: Content = empty()
  /** What the changelogs say, as of the last written commit, the last kept one, and the seal. */
  #changelog: Content = empty()
  #changelogKept: Content | undefined
  #changelogSealed: Content | undefined
  #writing: Promise<void> | undefined
  #commits = 0
  #writtenCommits = 0

  constructor(cacheBytesMax: number) {
    this.#cacheBytesMax = cacheBytesMax
  }

  async begin(): Promise<void> {
    this.#paths.push(mkdtempSync(join(tmpdir(), 'millrace-model-')))
    await this.#open()
  }

  async end(): Promise<void> {
    await this.#writing
    await this.#directory.close()
    for (const path of this.#paths) rmSync(path, { recursive: true, force: true })
  }

  async run(one: Step): Promise<void> {
    if ('to' in one) return await this.#range(one.store, one.key, one.to)
    if ('key' in one) return this.#touch(one)
    if (one.op === 'seal') return this.#seal()
    if (one.op === 'keep') return this.#keep()
    if ('wait' in one) return await this.#write(one.wait)
    if (one.op === 'settle') return await this.#settle()
    if (one.op === 'rollback') return this.#rollback()
    if (one.op === 'reopen') return await this.#reopen()
    await this.#crash()
  }

  async compareAll(): Promise<void> {
    for (let index = 0; index < definitions.length; index++) await this.#range(index, '', undefined)
  }

  #touch(one: { op: string; store: number; key: string; count?: number }): void {
    const real = present(this.#stores[one.store])
    const model = present(this.#current[one.store])
    const onDisk = present(this.#written[one.store]).has(one.key)
    const pending = [this.#sealed, this.#kept].some((map) => map?.[one.store]?.has(one.key))
    if (one.op === 'put') {
      real.put(one.key, { count: one.count ?? 0 })
      model.set(one.key, one.count ?? 0)
    } else if (one.op === 'delete') {
      real.delete(one.key)
      model.delete(one.key)
    } else {
      const fresh = one.op === 'addFresh' && !onDisk && !pending
      const found = fresh ? real.getFresh(one.key) : real.get(one.key)
      expect(found?.count).toBe(model.get(one.key))
      if (one.op === 'get') return
      const value = found ?? { count: 0 }
      value.count += 1
      real.put(one.key, value)
      model.set(one.key, value.count)
    }
  }

  async #range(index: number, from: string, to: string | undefined): Promise<void> {
    const found: [string, number][] = []
    for await (const [at, { count }] of present(this.#stores[index]).range(from, to)) {
      found.push([at, count])
    }
    const expected = [...present(this.#current[index])]
      .filter(([at]) => at >= from && (to === undefined || at < to))
      .sort(([left], [right]) => (left < right ? -1 : 1))
    expect(found).toEqual(expected)
  }

  #seal(): void {
    if (this.#sealed !== undefined) return
    const before = this.#current.map((map) => new Map(map))
    const sealed = this.#state.seal()
    this.#sealed = before
    this.#changelogSealed = (this.#changelogKept ?? this.#changelog).map((map) => new Map(map))
    sealed.forEachLogged((name, bytes, value) => {
      const index = definitions.findIndex((definition) => definition.name === name)
      const map = present(this.#changelogSealed?.[index])
      const at = Buffer.from(bytes).toString('latin1')
      if (value === null) map.delete(at)
      else map.set(at, counterCodec.decode(value).count)
    })
    for (const [index, { logged }] of definitions.entries()) {
      const expected = logged ? sortedEntries(before[index]) : []
      expect(sortedEntries(this.#changelogSealed[index])).toEqual(expected)
    }
  }

  async #write(wait: boolean): Promise<void> {
    if (this.#sealed === undefined || this.#writing !== undefined) return
    this.#commits += 1
    this.#writing = this.#state.write({ commitNumber: this.#commits, changelogs: {} })
    if (wait) await this.#settle()
  }

  #keep(): void {
    if (this.#sealed === undefined || this.#writing !== undefined) return
    this.#commits += 1
    this.#state.keep({ commitNumber: this.#commits, changelogs: {} })
    expect(this.#state.checkpoint?.commitNumber).toBe(this.#commits)
    this.#kept = this.#sealed
    this.#changelogKept = this.#changelogSealed
    this.#sealed = undefined
  }

  async #settle(): Promise<void> {
    if (this.#writing === undefined) return
    await this.#writing
    this.#landed()
    expect(this.#state.checkpoint?.commitNumber).toBe(this.#commits)
  }

  #landed(): void {
    this.#written = present(this.#sealed)
    this.#changelog = present(this.#changelogSealed)
    this.#sealed = undefined
    this.#writing = undefined
    this.#writtenCommits = this.#commits
    this.#forgetKept()
  }

  #forgetKept(): void {
    this.#kept = undefined
    this.#changelogKept = undefined
  }

  #rollback(): void {
    this.#state.rollback()
    // A commit that is being written has happened.
    const base = this.#writing === undefined ? this.#written : present(this.#sealed)
    this.#current = base.map((map) => new Map(map))
    this.#forgetKept()
    if (this.#writing !== undefined) return
    this.#sealed = undefined
    this.#commits = this.#writtenCommits
  }

  async #reopen(): Promise<void> {
    await this.#settle()
    await this.#directory.close()
    await this.#open()
    this.#commits = this.#writtenCommits
    expect(this.#state.checkpoint?.commitNumber ?? 0).toBe(this.#commits)
    this.#forgetKept()
    this.#sealed = undefined
    this.#current = this.#written.map((map) => new Map(map))
  }

  /** As `kill -9` at this moment: the files are copied, and life goes on in the copy. */
  async #crash(): Promise<void> {
    const copy = mkdtempSync(join(tmpdir(), 'millrace-model-'))
    cpSync(present(this.#paths.at(-1)), copy, { recursive: true })
    await this.#writing
    await this.#directory.close()
    this.#paths.push(copy)
    await this.#open()
    const found = this.#state.checkpoint?.commitNumber ?? 0
    if (this.#writing !== undefined) {
      // The write was under way: either it is there whole, or not at all.
      if (found === this.#commits) this.#landed()
    }
    this.#commits = this.#writtenCommits
    expect(found).toBe(this.#commits)
    this.#forgetKept()
    this.#writing = undefined
    this.#sealed = undefined
    this.#current = this.#written.map((map) => new Map(map))
  }

  async #open(): Promise<void> {
    const path = present(this.#paths.at(-1))
    this.#directory = await openStateDirectory(path, { cacheBytesMax: this.#cacheBytesMax })
    this.#state = await this.#directory.open('0_0')
    this.#stores = definitions.map((definition) => this.#state.store(definition))
  }
}

test('whatever happens, reads and scans agree with the model, and so does a restart', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(0, 1_500, 1_000_000),
      fc.array(step, { minLength: 20, maxLength: 120 }),
      async (cacheBytesMax, steps) => {
        const life = new Life(cacheBytesMax)
        await life.begin()
        try {
          for (const one of steps) await life.run(one)
          await life.compareAll()
          await life.run({ op: 'crash' })
          await life.compareAll()
        } finally {
          await life.end()
        }
      }
    ),
    { numRuns: 60 }
  )
})

function empty(): Content {
  return definitions.map(() => new Map<string, number>())
}

function sortedEntries(map: Map<string, number> | undefined): [string, number][] {
  return [...(map ?? [])].sort(([left], [right]) => (left < right ? -1 : 1))
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('The model lost something')
  return value
}
