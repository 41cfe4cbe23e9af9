/** Layers that are kept from commit to commit, and stores that need not ask the disk. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  type KeyValueState,
  openStateDirectory,
  type StateDirectory,
  type TaskState,
} from '../../state/index.ts'
import { type Counter, checkpoint, collect, counters, loggedOf } from './task-state-suite.ts'

let path: string
let directory: StateDirectory
let state: TaskState
let store: KeyValueState<Counter>

async function open(): Promise<void> {
  directory = await openStateDirectory(path)
  state = await directory.open('0_0')
  store = state.store(counters)
}

async function reopen(): Promise<void> {
  await directory.close()
  await open()
}

async function commit(): Promise<void> {
  state.seal()
  await state.write(checkpoint(1))
}

beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'millrace-kept-'))
  await open()
})

afterEach(async () => {
  await directory.close()
  rmSync(path, { recursive: true })
})

test('what was kept is read, logged once, and written with what comes later', async () => {
  store.put('hot', { count: 1 })
  store.put('once', { count: 1 })
  expect(loggedOf(state.seal())).toEqual(['counters hot=1', 'counters once=1'])
  state.keep(checkpoint(1))
  expect([state.isKept, state.checkpoint?.commitNumber]).toEqual([true, 1])
  store.put('hot', { count: 2 })
  store.put('new', { count: 2 })
  const sealed = state.seal()
  expect([sealed.entries, ...loggedOf(sealed)]).toEqual([2, 'counters hot=2', 'counters new=2'])
  state.keep(checkpoint(2))
  expect(await collect(state.store(counters))).toEqual({ hot: 2, new: 2, once: 1 })
  store.put('hot', { count: 3 })
  expect(loggedOf(state.seal())).toEqual(['counters hot=3'])
  const writing = state.write(checkpoint(3))
  store.put('hot', { count: 4 })
  await writing
  expect([state.isKept, store.get('hot')]).toEqual([false, { count: 4 }])
  await reopen()
  expect(state.checkpoint).toMatchObject(checkpoint(3))
  expect(await collect(store)).toEqual({ hot: 3, new: 2, once: 1 })
})

test('a rollback forgets what was kept, and so does the end', async () => {
  store.put('a', { count: 1 })
  await commit()
  for (const number of [2, 3]) {
    store.put('a', { count: number })
    state.seal()
    state.keep(checkpoint(number))
    if (number === 2) state.rollback()
    else await reopen()
    expect(state.checkpoint).toMatchObject(checkpoint(1))
    expect(await collect(store)).toEqual({ a: 1 })
  }
  expect(state.dirtyBytes).toBe(0)
})

test('what is on disk, and deleted in a kept commit, does not return', async () => {
  store.put('a', { count: 1 })
  await commit()
  store.delete('a')
  state.seal()
  state.keep(checkpoint(2))
  store.put('a', { count: 2 })
  store.delete('a')
  state.seal()
  state.keep(checkpoint(3))
  expect(store.get('a')).toBeUndefined()
  expect(await collect(store)).toEqual({})
  state.seal()
  await state.write(checkpoint(4))
  await reopen()
  expect(await collect(store)).toEqual({})
})

test('a store that began empty finds what it has let go of', async () => {
  const uncached = state.store({ ...counters, name: 'uncached', cached: false })
  for (const one of [store, uncached]) {
    expect(one.get('a')).toBeUndefined()
    one.put('a', { count: 1 })
  }
  await commit()
  expect([store.get('a'), uncached.get('a')]).toEqual([{ count: 1 }, { count: 1 }])
  store.put('a', { count: 2 })
  state.rollback()
  expect([store.get('a'), uncached.get('a')]).toEqual([{ count: 1 }, { count: 1 }])
  expect(state.store({ ...counters, name: 'new' }).get('a')).toBeUndefined()
})
