/** What every TaskState must do, whatever it is made of. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type {
  Checkpoint,
  KeyValueState,
  SealedState,
  StateDirectory,
  StoreDefinition,
  TaskState,
  ValueCodec,
} from '../../state/index.ts'
import { HeldRecord } from '../support/held-record.ts'

export interface Counter {
  count: number
}

/** Mutable values, as aggregates are. */
export const counterCodec: ValueCodec<Counter> = {
  encode: ({ count }) => Buffer.from(String(count)),
  decode: (bytes) => ({ count: Number(Buffer.from(bytes).toString()) }),
  sizeOf: () => 24,
}

export const counters: StoreDefinition<Counter> = {
  name: 'counters',
  codec: counterCodec,
  logged: true,
}

export function checkpoint(commitNumber: number, offset = commitNumber * 10): Checkpoint {
  return { commitNumber, changelogs: { counters: offset } }
}

export async function collect(
  store: KeyValueState<Counter>,
  from?: string,
  to?: string
): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for await (const [key, { count }] of store.range(from, to)) found[key] = count
  return found
}

export function loggedOf(sealed: SealedState): string[] {
  const records: string[] = []
  sealed.forEachLogged((store, key, value) => {
    const text = value === null ? 'null' : Buffer.from(value).toString()
    records.push(`${store} ${Buffer.from(key).toString('latin1')}=${text}`)
  })
  return records
}

export function taskStateSuite(name: string, openDirectory: () => Promise<StateDirectory>): void {
  describe(`the state of a task in ${name}`, () => {
    let directory: StateDirectory
    let state: TaskState
    let store: KeyValueState<Counter>
    let commits: number

    const open = async (): Promise<void> => {
      directory = await openDirectory()
      state = await directory.open('0_0')
      store = state.store(counters)
    }

    const restore = (key: string, value: string | null): void => {
      const bytes = value === null ? null : Buffer.from(value)
      state.restore('counters', new HeldRecord({ key: Buffer.from(key, 'latin1'), value: bytes }))
    }

    const reopen = async (): Promise<void> => {
      await directory.close()
      await open()
    }

    const commit = async (): Promise<string[]> => {
      const logged = loggedOf(state.seal())
      commits += 1
      await state.write(checkpoint(commits))
      return logged
    }

    beforeEach(async () => {
      commits = 0
      await open()
    })

    afterEach(() => directory.close())

    test('a new state has no checkpoint, and a key that was never put is undefined', () => {
      expect(state.checkpoint).toBeUndefined()
      expect(store.get('a')).toBeUndefined()
      expect(state.dirtyBytes).toBe(0)
    })

    test('what is put is read at once, and after a commit and a reopening', async () => {
      store.put('a', { count: 1 })
      expect(store.get('a')).toEqual({ count: 1 })
      await commit()
      expect(store.get('a')).toEqual({ count: 1 })
      await reopen()
      expect(state.checkpoint).toMatchObject(checkpoint(1))
      expect(store.get('a')).toEqual({ count: 1 })
    })

    test('what was not committed is gone after a reopening', async () => {
      store.put('a', { count: 1 })
      await commit()
      store.put('a', { count: 2 })
      store.put('b', { count: 1 })
      state.seal()
      store.put('c', { count: 1 })
      await reopen()
      expect(await collect(store)).toEqual({ a: 1 })
    })

    test('the seal names each changed key once, in order of its first write', async () => {
      store.put('b', { count: 1 })
      store.put('a', { count: 1 })
      store.put('b', { count: 2 })
      store.delete('unknown')
      expect(await commit()).toEqual(['counters b=2', 'counters a=1', 'counters unknown=null'])
    })

    test('what happens after the seal does not change what is sealed or written', async () => {
      const counter = { count: 1 }
      store.put('a', counter)
      const sealed = state.seal()
      counter.count = 2
      store.put('a', counter)
      store.put('b', { count: 7 })
      expect(loggedOf(sealed)).toEqual(['counters a=1'])
      await state.write(checkpoint(1))
      expect(store.get('a')).toEqual({ count: 2 })
      state.rollback()
      expect(await collect(store)).toEqual({ a: 1 })
    })

    test('a key deleted and put again after the seal belongs to the open layer', async () => {
      store.put('a', { count: 1 })
      store.put('b', { count: 1 })
      state.seal()
      store.delete('a')
      store.delete('b')
      store.put('b', { count: 2 })
      const writing = state.write(checkpoint(1))
      expect(store.get('a')).toBeUndefined()
      await writing
      expect(store.get('a')).toBeUndefined()
      commits = 1
      expect(await commit()).toEqual(['counters a=null', 'counters b=2'])
      await reopen()
      expect(await collect(store)).toEqual({ b: 2 })
    })

    test('a key that comes and goes within one layer leaves no trace', async () => {
      expect(store.getFresh('window')).toBeUndefined()
      store.put('window', { count: 1 })
      store.delete('window')
      expect(store.get('read')).toBeUndefined()
      store.put('read', { count: 1 })
      store.put('between', { count: 1 })
      store.delete('read')
      const sealed = state.seal()
      expect(sealed.entries).toBe(1)
      expect(loggedOf(sealed)).toEqual(['counters between=1'])
      await state.write(checkpoint(1))
      expect(await collect(store)).toEqual({ between: 1 })
    })

    test('a key that comes, goes and comes again within one layer is written', async () => {
      store.getFresh('a')
      store.put('a', { count: 1 })
      store.delete('a')
      store.getFresh('b')
      store.getFresh('a')
      store.put('a', { count: 2 })
      expect(await collect(store)).toEqual({ a: 2 })
      expect(await commit()).toEqual(['counters a=2'])
      await reopen()
      expect(await collect(store)).toEqual({ a: 2 })
    })

    test('a sealed deletion hides its key until it is written', async () => {
      store.put('a', { count: 1 })
      await commit()
      store.delete('a')
      state.seal()
      store.put('a', { count: 2 })
      store.delete('a')
      store.get('b')
      expect(store.get('a')).toBeUndefined()
      await state.write(checkpoint(2))
      expect(store.get('a')).toBeUndefined()
      expect(state.seal().entries).toBe(0)
      await state.write(checkpoint(3))
      expect(await collect(store)).toEqual({})
    })

    test('a rollback leaves what the last written commit left', async () => {
      store.put('a', { count: 1 })
      store.put('b', { count: 1 })
      await commit()
      store.put('a', { count: 2 })
      store.delete('b')
      state.seal()
      store.put('c', { count: 3 })
      state.rollback()
      expect(await collect(store)).toEqual({ a: 1, b: 1 })
      expect(store.get('b')).toEqual({ count: 1 })
      expect(state.dirtyBytes).toBe(0)
      expect(state.seal().entries).toBe(0)
    })

    test('a rollback during the write keeps the commit that is being written', async () => {
      const counter = { count: 1 }
      store.put('a', counter)
      store.put('gone', { count: 9 })
      await commit()
      counter.count = 2
      store.put('a', counter)
      store.delete('gone')
      state.seal()
      const writing = state.write(checkpoint(2))
      counter.count = 3
      store.put('a', counter)
      store.put('b', { count: 1 })
      state.rollback()
      expect(store.get('a')).toEqual({ count: 2 })
      expect(store.get('gone')).toBeUndefined()
      expect(await collect(store)).toEqual({ a: 2 })
      await writing
      expect(await collect(store)).toEqual({ a: 2 })
      expect(state.dirtyBytes).toBe(0)
      await reopen()
      expect(state.checkpoint?.commitNumber).toBe(2)
      expect(await collect(store)).toEqual({ a: 2 })
    })

    test('an unlogged store is written and not logged', async () => {
      const unlogged = state.store({ ...counters, name: 'unlogged', logged: false })
      unlogged.put('a', { count: 5 })
      store.put('a', { count: 6 })
      const sealed = state.seal()
      expect(sealed.entries).toBe(2)
      expect(loggedOf(sealed)).toEqual(['counters a=6'])
      await state.write(checkpoint(1))
      await reopen()
      const reopened = state.store({ ...counters, name: 'unlogged', logged: false })
      expect(reopened.get('a')).toEqual({ count: 5 })
    })

    test('stores do not see the keys of others, whatever order they are opened in', async () => {
      const others = ['z', 'y', 'x'].map((other) => state.store({ ...counters, name: other }))
      others.forEach((other, index) => {
        other.put('k', { count: index })
      })
      await commit()
      await reopen()
      for (const other of ['x', 'y', 'z']) {
        const reopened = state.store({ ...counters, name: other })
        expect(await collect(reopened)).toEqual({ k: ['z', 'y', 'x'].indexOf(other) })
      }
      expect(await collect(store)).toEqual({})
    })

    test('keys are any bytes, the empty one too, and keep the order of their bytes', async () => {
      const keys = ['', '\0', '\0\0', '\x01', 'a', '\x7f', '\x80', '\xff', '\xff\0', '\xff\xff']
      keys.forEach((key, index) => {
        store.put(key, { count: index })
      })
      expect(Object.entries(await collect(store))).toEqual(keys.map((key, index) => [key, index]))
      await commit()
      await reopen()
      expect(Object.entries(await collect(store))).toEqual(keys.map((key, index) => [key, index]))
      expect(await collect(store, '\x7f', '\xff')).toEqual({ '\x7f': 5, '\x80': 6 })
      expect(await collect(store, '\xff')).toEqual({ '\xff': 7, '\xff\0': 8, '\xff\xff': 9 })
      keys.forEach((key, index) => {
        expect(store.get(key)).toEqual({ count: index })
      })
    })

    test('values are any length', async () => {
      const definition: StoreDefinition<Uint8Array> = {
        name: 'bytes',
        codec: { encode: (value) => value, decode: (bytes) => bytes },
        logged: true,
      }
      const lengths = [0, 1, 59, 60, 63, 64, 1019, 1020, 1021, 70_000, 3_000_000]
      const value = (length: number): Uint8Array => new Uint8Array(length).fill(length & 255)
      for (const length of lengths) {
        state.store(definition).put(String(length), value(length))
      }
      await commit()
      await reopen()
      for (const length of lengths) {
        const found = state.store(definition).get(String(length))
        expect(Buffer.compare(found ?? Buffer.from('absent'), value(length))).toBe(0)
      }
    })

    test('a scan merges what is open, sealed, being written and on disk', async () => {
      for (const key of ['a', 'c', 'e', 'g']) store.put(key, { count: 1 })
      await commit()
      store.put('b', { count: 2 })
      store.put('c', { count: 2 })
      store.delete('e')
      state.seal()
      store.put('d', { count: 3 })
      store.put('c', { count: 3 })
      store.delete('b')
      store.put('h', { count: 3 })
      const all = { a: 1, c: 3, d: 3, g: 1, h: 3 }
      expect(await collect(store)).toEqual(all)
      const writing = state.write(checkpoint(2))
      expect(await collect(store)).toEqual(all)
      await writing
      expect(await collect(store)).toEqual(all)
      expect(Object.keys(await collect(store))).toEqual(['a', 'c', 'd', 'g', 'h'])
      expect(await collect(store, 'c', 'h')).toEqual({ c: 3, d: 3, g: 1 })
      expect(await collect(store, 'h', 'c')).toEqual({})
    })

    test('a scan may be broken off, and what it has passed may be deleted on the way', async () => {
      for (let index = 0; index < 500; index++) store.put(`k${index + 100}`, { count: index })
      await commit()
      let seen = 0
      for await (const [key] of store.range()) {
        store.delete(key)
        seen += 1
        if (seen === 300) break
      }
      expect(Object.keys(await collect(store))).toHaveLength(200)
      for await (const [key] of store.range()) store.delete(key)
      await commit()
      expect(await collect(store)).toEqual({})
    })

    test('a scan goes on rightly while a commit of all its keys is written', async () => {
      for (let index = 0; index < 3000; index++) store.put(`k${index + 1000}`, { count: 1 })
      await commit()
      for (let index = 0; index < 3000; index++) store.put(`k${index + 1000}`, { count: 2 })
      state.seal()
      let writing: Promise<void> | undefined
      let sum = 0
      for await (const [, { count }] of store.range()) {
        writing ??= state.write(checkpoint(2))
        sum += count
      }
      await writing
      expect(sum).toBe(6000)
    })

    test('scans between writes see them all in order, however many there are', async () => {
      const model = new Map<string, number>()
      for (let index = 0; index < 1200; index++) {
        const key = `k${(index * 7919) % 1201}`
        if (index % 3 === 2) store.delete(key)
        else store.put(key, { count: index })
        if (index % 3 !== 2) model.set(key, index)
        if (index % 100 !== 99) continue
        const found = await collect(store, 'k1', 'k5')
        const expected = [...model].filter(([at]) => at >= 'k1' && at < 'k5')
        expect(Object.entries(found)).toEqual(expected.sort(([a], [b]) => (a < b ? -1 : 1)))
        if (index === 599) state.seal()
      }
    })

    test('a scan that a rollback has overtaken says so', async () => {
      for (let index = 0; index < 500; index++) store.put(`k${index}`, { count: 1 })
      await commit()
      const scanned = (async () => {
        for await (const _ of store.range()) state.rollback()
      })()
      await expect(scanned).rejects.toMatchObject({ code: 'MILLRACE_STATE_ROLLED_BACK' })
    })

    test('a store whose owner keeps the values itself holds none after the write', async () => {
      const uncached = state.store({ ...counters, name: 'uncached', cached: false })
      for (let index = 0; index < 100; index++) {
        uncached.getFresh(`k${index}`)
        uncached.put(`k${index}`, { count: index })
      }
      expect(state.bytes).toBeGreaterThan(0)
      await commit()
      expect(uncached.get('k7')).toEqual({ count: 7 })
      expect(uncached.get('absent')).toBeUndefined()
      expect(state.bytes).toBe(0)
      uncached.getFresh('new')
      uncached.put('new', { count: 1 })
      uncached.delete('new')
      uncached.delete('k7')
      expect(await commit()).toEqual(['uncached k7=null'])
      expect(uncached.get('k7')).toBeUndefined()
    })

    test('restored records are there with their checkpoint, deletions too', async () => {
      restore('a', '1')
      restore('b\xff', '2')
      const first = state.flushRestored(checkpoint(3, 2))
      restore('a', null)
      restore('c', '3')
      await first
      expect(state.checkpoint).toMatchObject(checkpoint(3, 2))
      await state.flushRestored(checkpoint(3, 4))
      expect(await collect(store)).toEqual({ 'b\xff': 2, c: 3 })
      await reopen()
      expect(state.checkpoint).toMatchObject(checkpoint(3, 4))
      expect(await collect(store)).toEqual({ 'b\xff': 2, c: 3 })
    })

    test('what was read before a restore is read anew after it', async () => {
      expect(store.get('a')).toBeUndefined()
      restore('a', '1')
      await state.flushRestored(checkpoint(1))
      expect(store.get('a')).toEqual({ count: 1 })
    })

    test('records restored after the last flush are not kept', async () => {
      restore('a', '1')
      await state.flushRestored(checkpoint(1))
      restore('b', '1')
      await reopen()
      expect(await collect(store)).toEqual({ a: 1 })
    })

    test('after a wipe the state is new, and its stores go on working', async () => {
      store.put('a', { count: 1 })
      await commit()
      store.put('b', { count: 1 })
      await state.wipe()
      expect(state.checkpoint).toBeUndefined()
      expect(directory.held()).toEqual([])
      expect(await collect(store)).toEqual({})
      store.put('c', { count: 3 })
      await commit()
      await reopen()
      expect(await collect(store)).toEqual({ c: 3 })
    })

    test('thousands of commits leave the last checkpoint', async () => {
      for (let index = 1; index <= 2100; index++) {
        store.put(`k${index % 7}`, { count: index })
        await commit()
      }
      await reopen()
      expect(state.checkpoint).toMatchObject(checkpoint(2100))
      expect(store.get('k0')).toEqual({ count: 2100 })
    })

    test('tasks with a checkpoint are held, others are not', async () => {
      expect(directory.held()).toEqual([])
      await commit()
      await directory.open('1_4')
      expect(directory.held()).toEqual(['0_0'])
      await reopen()
      expect(directory.held()).toEqual(['0_0'])
    })

    test('a closed state takes nothing more', async () => {
      await state.close()
      expect(() => store.get('a')).toThrow(/closed/)
      await expect(state.wipe()).rejects.toMatchObject({ code: 'MILLRACE_STATE_CLOSED' })
      state = await directory.open('0_0')
      expect(state.checkpoint).toBeUndefined()
    })
  })
}
