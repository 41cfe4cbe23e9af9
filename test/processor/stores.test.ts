/** Typed stores over binary ones: order, retention, and what they refuse. */
import { describe, expect, it } from 'vitest'
import { openStore } from '../../src/processor/opened-stores.ts'
import {
  type KeyValueStore,
  keyValueStore,
  type WindowStore,
  windowStore,
} from '../../src/processor/stores.ts'
import { data } from '../../src/serde/data.ts'
import { nullable } from '../../src/serde/nullable.ts'
import { int32, string } from '../../src/serde/primitives.ts'
import { FakeTask } from '../operators/fake-task.ts'

async function all<T>(from: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of from) items.push(item)
  return items
}

describe('a key-value store', () => {
  const handle = keyValueStore('seen', { key: int32(), value: data<{ n: number }>() })
  const open = () => openStore(new FakeTask(), handle) as KeyValueStore<number, { n: number }>

  it('gets, puts and deletes by typed key', () => {
    const store = open()
    store.put(7, { n: 1 })
    expect(store.get(7)).toEqual({ n: 1 })
    expect(store.get(8)).toBeUndefined()
    expect(store.delete(7)).toEqual({ n: 1 })
    expect(store.delete(7)).toBeUndefined()
    expect(store.get(7)).toBeUndefined()
  })

  it('scans in the order of the keys, the upper end excluded', async () => {
    const store = open()
    for (const key of [300, 2, 255, 256]) store.put(key, { n: key })
    expect((await all(store.range())).map(([key]) => key)).toEqual([2, 255, 256, 300])
    expect((await all(store.range(255, 300))).map(([, { n }]) => n)).toEqual([255, 256])
  })

  it('keeps no null', () => {
    const store = openStore(
      new FakeTask(),
      keyValueStore('s', { key: string(), value: nullable(string()) })
    ) as KeyValueStore<string, string | null>
    expect(() => store.put('a', null)).toThrow("Store 's' keeps no null: delete the key instead")
  })
})

describe('a window store', () => {
  const handle = windowStore('busy', {
    key: string(),
    value: int32(),
    size: '10ms',
    retention: '30ms',
  })
  function open() {
    const task = new FakeTask()
    task.time.streamTime = 0
    return { task, store: openStore(task, handle) as WindowStore<string, number> }
  }

  it('keeps one value by key and start', () => {
    const { store } = open()
    store.put('a', 1, 0)
    store.put('a', 2, 10)
    store.put('b', 3, 10)
    expect([store.get('a', 0), store.get('a', 10), store.get('b', 0)]).toEqual([1, 2, undefined])
  })

  it('fetches the windows of a key, both ends included, oldest first, below zero too', async () => {
    const { store } = open()
    for (const start of [20, -10, 10, 0]) store.put('a', start, start)
    store.put('ab', 99, 10)
    expect(await all(store.fetch('a', -10, 10))).toEqual([
      [{ start: -10, end: 0 }, -10],
      [{ start: 0, end: 10 }, 0],
      [{ start: 10, end: 20 }, 10],
    ])
    expect(await all(store.fetch('a', 11, 10))).toEqual([])
  })

  it('hides what is past its retention, and drops and counts what comes for it', async () => {
    const { task, store } = open()
    store.put('a', 1, 0)
    store.put('a', 2, 10)
    task.time.streamTime = 30
    expect(store.get('a', 0)).toBeUndefined()
    expect((await all(store.fetch('a', 0, 100))).map(([, value]) => value)).toEqual([2])
    store.put('a', 3, 0)
    expect(task.dropped).toEqual(['expired'])
  })

  it('deletes what is past its retention between records', async () => {
    const { task, store } = open()
    for (let start = 0; start < 30; start += 10) store.put('a', start, start)
    await task.drain()
    task.time.streamTime = 45
    store.put('a', 45, 40)
    await task.drain()
    expect(task.stores.get('busy')?.entries.size).toBe(2)
  })

  it('cannot keep less than one window', () => {
    const options = { key: string(), value: int32(), size: '10ms', retention: '5ms' } as const
    expect(() => windowStore('w', options)).toThrow(
      expect.objectContaining({ code: 'MILLRACE_STORE_INVALID' })
    )
  })
})
