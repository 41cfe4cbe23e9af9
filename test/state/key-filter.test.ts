/** The filter of keys that have left memory, by itself and beneath a store. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openStateDirectory, type StateDirectory, type TaskState } from '../../state/index.ts'
import { KeyFilter } from '../../state/key-filter.ts'
import { TaskDatabase } from '../../state/task-database.ts'
import { HeldRecord } from '../support/held-record.ts'
import { type Counter, checkpoint, collect, counters } from './task-state-suite.ts'

let path: string
let directory: StateDirectory
let state: TaskState

beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'millrace-filter-'))
})

afterEach(async () => {
  vi.restoreAllMocks()
  await directory?.close()
  rmSync(path, { recursive: true })
})

/** A state whose clean entries may take so much: too little for any of these tests' keys. */
async function open(cacheBytesMax: number): Promise<void> {
  directory = await openStateDirectory(path, { cacheBytesMax })
  state = await directory.open('0_0')
}

async function write(keys: readonly string[], commit: number): Promise<void> {
  const store = state.store(counters)
  for (const key of keys) {
    const count = (store.get(key)?.count ?? 0) + 1
    store.put(key, { count })
  }
  state.seal()
  await state.write(checkpoint(commit))
}

function keysFrom(start: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `key-${start + index}`)
}

/** How many of these keys LevelDB is asked for. */
function asked(keys: readonly string[], expected: Counter | undefined): number {
  const read = vi.spyOn(TaskDatabase.prototype, 'read')
  const store = state.store(counters)
  for (const key of keys) expect(store.get(key)).toEqual(expected)
  const { length } = read.mock.calls
  read.mockRestore()
  return length
}

test('a key that was added is there, whatever was added beside it', () => {
  const key = fc.string({ unit: 'binary-ascii', maxLength: 40 })
  fc.assert(
    fc.property(fc.uniqueArray(key, { maxLength: 300 }), fc.nat(2000), (keys, bytesMax) => {
      const filter = new KeyFilter(() => bytesMax)
      const taken = keys.filter((one) => filter.add(one))
      expect(filter.bytes).toBeLessThanOrEqual(bytesMax)
      for (const one of taken) expect(filter.mayHold(one)).toBe(true)
    })
  )
})

test('few other keys seem to be there, and many when it is full', () => {
  const filter = new KeyFilter(() => 16 * 1024)
  const shares: number[] = []
  for (const bits of [12, 8, 4]) {
    for (const key of keysFrom(0, (16 * 1024 * 8) / bits)) expect(filter.add(key)).toBe(true)
    shares.push(keysFrom(1_000_000, 10_000).filter((key) => filter.mayHold(key)).length / 10_000)
  }
  const [sparse = 1, dense = 1, full = 1] = shares
  expect(sparse).toBeLessThan(0.01)
  expect(dense).toBeLessThan(0.05)
  expect(full).toBeLessThan(0.4)
})

test('what has no room is not taken, and what came before stays', () => {
  const filter = new KeyFilter(() => 100)
  expect([filter.bytes, filter.mayHold('a')]).toEqual([0, false])
  const keys = keysFrom(0, 1000)
  const taken = keys.filter((key) => filter.add(key))
  expect(filter.bytes).toBe(64)
  expect(taken.length).toBeLessThan(keys.length)
  for (const key of taken) expect(filter.mayHold(key)).toBe(true)
  expect(new KeyFilter(() => 31).add('a')).toBe(false)
})

test('a store that began empty asks for what it has let go, and for little else', async () => {
  await open(20_000)
  await write(keysFrom(0, 1000), 1)
  expect(asked(keysFrom(0, 1000), { count: 1 })).toBeGreaterThan(800)
  expect(asked(keysFrom(5000, 1000), undefined)).toBeLessThan(50)
  await write(keysFrom(500, 1000), 2)
  expect(asked(keysFrom(500, 500), { count: 2 })).toBeGreaterThan(300)
  expect(asked(keysFrom(1000, 500), { count: 1 })).toBeGreaterThan(300)
})

test('what was deleted while it was not in memory stays deleted, and can return', async () => {
  await open(5000)
  await write(keysFrom(0, 100), 1)
  const store = state.store(counters)
  for (const key of keysFrom(0, 50)) store.delete(key)
  state.seal()
  await state.write(checkpoint(2))
  asked(keysFrom(0, 50), undefined)
  await write(keysFrom(25, 50), 3)
  expect(asked(keysFrom(25, 25), { count: 1 })).toBeGreaterThan(0)
  asked(keysFrom(50, 25), { count: 2 })
})

test('a filter that is full is given up, its memory as well', async () => {
  await open(2000)
  await write(keysFrom(0, 400), 1)
  expect(state.bytes).toBeLessThanOrEqual(2000)
  await write(keysFrom(400, 1600), 2)
  expect(asked(keysFrom(9000, 500), undefined)).toBe(500)
  for (const start of [0, 400, 1500]) asked(keysFrom(start, 100), { count: 1 })
  expect(state.bytes).toBeLessThanOrEqual(2000)
})

test('after a rollback or a restart, LevelDB is asked for every key', async () => {
  await open(20_000)
  await write(keysFrom(0, 500), 1)
  state.store(counters).put('key-1', { count: 7 })
  state.rollback()
  expect(asked(keysFrom(5000, 300), undefined)).toBe(300)
  expect((await collect(state.store(counters)))['key-1']).toBe(1)
  await directory.close()
  await open(20_000)
  expect(asked(keysFrom(5000, 300), undefined)).toBe(300)
  asked(keysFrom(0, 500), { count: 1 })
})

test('what a restore brings is found, whatever the store knew before', async () => {
  await open(20_000)
  await write(keysFrom(0, 500), 1)
  await state.wipe()
  for (const key of keysFrom(1000, 300)) {
    state.restore('counters', new HeldRecord({ key: Buffer.from(key), value: Buffer.from('4') }))
  }
  await state.flushRestored(checkpoint(2))
  asked(keysFrom(0, 500), undefined)
  expect(asked(keysFrom(1000, 300), { count: 4 })).toBe(300)
})
