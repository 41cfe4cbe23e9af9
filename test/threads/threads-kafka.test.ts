/**
 * An application in several threads, on a real broker: one from outside, whatever its threads are.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { type FatalError, StreamApp, type StreamAppOptions } from '../../src/index.ts'
import { partitionForKey } from '../../src/serde/murmur2.ts'
import { sharedBroker } from '../support/shared-broker.ts'
import { openTestLog } from '../support/test-log.ts'
import { drawWordCounts, type WordCounts, wordCounts } from '../support/thread-topology.ts'

const partitions = 4
const patience = { timeout: 100_000, interval: 100 }
const group = { sessionMs: 6_000, heartbeatMs: 200, rebalanceMs: 10_000 }
const module = new URL('../support/thread-topology.ts', import.meta.url)
const keys = Array.from({ length: 24 }, (_, n) => `key-${n}`)

async function openWorld() {
  const brokers = await sharedBroker()
  const id = `threads-${randomUUID()}`
  const words: WordCounts = { input: `${id}-in`, output: `${id}-out`, partitions }
  const { log, path } = await openTestLog(id, { brokers })
  await log.prepare([{ name: words.input, role: 'sink', partitions, create: true }])
  const make = (threads: number, more: Partial<StreamAppOptions> = {}): StreamApp => {
    const app = new StreamApp(wordCounts(words), {
      applicationId: id,
      stateDir: join(path, 'state'),
      kafka: { brokers, group },
      threads,
      topologyModule: { url: module, name: 'wordCounts', input: words },
      ...more,
    })
    onTestFinished(() => app.close())
    return app
  }
  return {
    words,
    make,
    async start(threads: number): Promise<StreamApp> {
      const app = make(threads)
      await app.start()
      return app
    },
    async send(value: string, to: readonly string[] = keys): Promise<void> {
      const records = to.map((key) => ({
        partition: partitionForKey(Buffer.from(key), partitions),
        key: Buffer.from(key),
        value: Buffer.from(value),
        timestamp: Date.now(),
      }))
      await log.append(words.input, records)
    },
  }
}

/** Two sub-topologies: one task of each for every partition. */
function untilAllRun(app: StreamApp, threads: number): Promise<void> {
  return vi.waitFor(() => {
    const { tasks, reasons, state } = app.snapshot()
    expect({ reasons, state }).toEqual({ reasons: [], state: 'running' })
    expect(tasks).toHaveLength(2 * partitions)
    expect(new Set(tasks.map(({ thread }) => thread)).size).toBe(threads)
  }, patience)
}

it('shows its tasks, counts and stores as if there were no threads', async () => {
  const world = await openWorld()
  const { byKey, byValue } = drawWordCounts(world.words)
  const app = world.make(2)
  expect(app.snapshot()).toMatchObject({ state: 'created', tasks: [] })
  expect(() => app.store(byKey).places()).toThrow(
    expect.objectContaining({ code: 'MILLRACE_STORE_NOT_STARTED' }) as Error
  )
  await app.start()
  await world.send('word')
  await untilAllRun(app, 2)
  await vi.waitFor(async () => {
    const { recordsIn, tasks } = app.snapshot()
    expect(recordsIn).toBe(2 * keys.length)
    expect(tasks.flatMap((task) => task.partitions.map(({ lag }) => lag))).not.toContain(1)
    expect(await app.store(byValue).get('word')).toEqual({ n: keys.length })
  }, patience)

  const counts = app.store(byKey)
  expect(await Promise.all(keys.map((key) => counts.get(key)))).toEqual(keys.map(() => 1))
  expect(await counts.get('nobody')).toBeUndefined()
  const found: string[] = []
  for await (const { key, value } of counts.all()) found.push(`${key}=${value}`)
  expect(found.sort()).toEqual(keys.map((key) => `${key}=1`).sort())
  const before: string[] = []
  for await (const { key } of counts.range('key-1', 'key-2')) before.push(key)
  expect(before.sort()).toEqual(keys.filter((key) => key >= 'key-1' && key < 'key-2').sort())
  for await (const { key } of counts.all()) {
    // Left early: the thread is told.
    expect(keys).toContain(key)
    break
  }
  expect(counts.places().map(({ partition, state }) => `${partition} ${state}`)).toEqual(
    Array.from({ length: partitions }, (_, partition) => `${partition} here`)
  )
  await app.close()
  expect(app.state).toBe('closed')
  expect(app.snapshot().recordsIn).toBe(2 * keys.length)
  await expect(counts.get('key-1')).rejects.toMatchObject({ code: 'MILLRACE_STORE_CLOSED' })
  await app.done
})

it('finds its state again with another number of threads, and restores nothing', async () => {
  const world = await openWorld()
  const { byKey } = drawWordCounts(world.words)
  let sent = 0
  for (const threads of [2, 1, 3]) {
    const app = await world.start(threads)
    await untilAllRun(app, threads === 1 ? 1 : threads)
    await world.send('word')
    sent++
    await vi.waitFor(async () => {
      const counts = app.store(byKey)
      expect(await Promise.all(keys.map((key) => counts.get(key)))).toEqual(keys.map(() => sent))
    }, patience)
    expect(app.snapshot().restores.records).toBe(0)
    await app.close()
  }
}, 400_000)

it('ends with the error of the first thread that fails, and leaves nothing behind', async () => {
  const world = await openWorld()
  const app = await world.start(2)
  await untilAllRun(app, 2)
  await world.send('throws', ['key-1'])
  const error = await app.done.then(
    () => undefined,
    (error: unknown) => error as FatalError
  )
  expect(error).toMatchObject({ name: 'FatalError', code: 'MILLRACE_PROCESSING_FAILED' })
  expect(error?.message).toContain(world.words.input)
  expect(error?.message).toContain('no such word')
  expect(app.state).toBe('failed')
  // The directory is free again, and the record still there.
  const again = world.make(2)
  await again.start().catch(() => {})
  await expect(again.done).rejects.toMatchObject({ code: 'MILLRACE_PROCESSING_FAILED' })
})

it('ends when a thread does, without a word', async () => {
  const world = await openWorld()
  const app = await world.start(2)
  await untilAllRun(app, 2)
  await world.send('ends the thread', ['key-1'])
  await expect(app.done).rejects.toMatchObject({
    code: 'MILLRACE_THREAD_ENDED',
    message: expect.stringMatching(/^Thread [12] ended by itself: exit 3; /) as string,
  })
  expect(app.state).toBe('failed')
})

it('refuses a module that does not build what the application was given', async () => {
  const world = await openWorld()
  const input = world.words
  const wrong = [
    [{ url: new URL('missing.ts', module), name: 'x' }, 'MILLRACE_TOPOLOGY_MODULE_UNUSABLE'],
    [{ url: module, name: 'notAFunction' }, 'MILLRACE_TOPOLOGY_MODULE_UNUSABLE'],
    [{ url: module, name: 'nothing' }, 'MILLRACE_TOPOLOGY_MODULE_UNUSABLE'],
    [
      { url: module, name: 'wordCounts', input: { ...input, output: 'elsewhere' } },
      'MILLRACE_TOPOLOGY_MODULE_DIFFERS',
    ],
  ] as const
  for (const [topologyModule, code] of wrong) {
    const app = world.make(2, { topologyModule })
    await expect(app.start()).rejects.toMatchObject({ code })
    expect(app.state).toBe('failed')
  }
})
