/**
 * Claim: a record that blocks its process for longer than a rebalance lasts costs neither the
 * membership nor a record, whoever joins or leaves meanwhile; and those get to work at once.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import type { StreamApp } from '../../src/stream-app.ts'
import { CountingApp, patience } from '../support/counting-app.ts'
import type { HeldThreadData } from '../support/held-thread.ts'
import { sharedBroker } from '../support/shared-broker.ts'

const group = { sessionMs: 6_000, heartbeatMs: 200, rebalanceMs: 4_000 }
const partitions = [0, 1, 2, 3]

let brokers: readonly string[] = []

beforeAll(async () => {
  brokers = await sharedBroker()
})

/** An instance that one record holds until it is let go. */
class HeldInstance {
  readonly lines: Readonly<Record<string, unknown>>[] = []
  readonly #cells = new Int32Array(new SharedArrayBuffer(8))
  readonly #worker: Worker

  constructor(app: CountingApp, kafka: HeldThreadData['kafka']) {
    const { id: applicationId, input, output } = app
    const stateDir = app.stateDir('held')
    const hold = this.#cells.buffer
    const workerData: HeldThreadData = { applicationId, input, output, stateDir, kafka, hold }
    this.#worker = new Worker(new URL('../support/held-thread.ts', import.meta.url), { workerData })
    this.#worker.on('message', (line: string) => this.lines.push(JSON.parse(line)))
    onTestFinished(async () => {
      this.letGo()
      await this.#worker.terminate()
    })
  }

  /** What the group gave it last. */
  get tasks(): readonly string[] {
    const told = this.lines.filter(({ msg }) => msg === 'Assigned').at(-1)?.['tasks'] ?? ''
    return told === '' ? [] : String(told).split(' ')
  }

  get isHeld(): boolean {
    return Atomics.load(this.#cells, 0) === 1
  }

  letGo(): void {
    Atomics.store(this.#cells, 1, 1)
    Atomics.notify(this.#cells, 1)
  }

  async close(): Promise<void> {
    const gone = once(this.#worker, 'exit')
    this.#worker.postMessage('close')
    await gone
  }
}

function tasksOf(app: StreamApp): string[] {
  return app.snapshot().tasks.map(({ id }) => id)
}

it('that another joins and one leaves beside costs neither membership nor records', async () => {
  const app = await CountingApp.open(brokers, { partitions: partitions.length })
  const kafka = { brokers, group }
  const sendToAll = async (): Promise<void> => {
    for (const partition of partitions) await app.sendKeys([`key-${partition}`], partition)
  }
  const held = new HeldInstance(app, kafka)
  await vi.waitFor(() => expect(held.tasks).toHaveLength(4), patience)
  const second = await app.start('second', { kafka })
  await vi.waitFor(() => {
    expect(held.tasks).toHaveLength(2)
    expect(tasksOf(second)).toHaveLength(2)
  }, patience)
  await sendToAll()

  const [own = ''] = held.tasks
  const [key, value] = [Buffer.from('held'), Buffer.from('hold')]
  await app.send([{ partition: Number(own.split('_')[1]), timestamp: Date.now(), key, value }])
  await vi.waitFor(() => expect(held.isHeld).toBe(true), patience)
  const before = held.tasks
  const from = performance.now()

  const third = await app.start('third', { kafka })
  await vi.waitFor(() => {
    expect(tasksOf(third)).toHaveLength(1)
    expect(tasksOf(second)).toHaveLength(1)
  }, patience)
  await sendToAll()
  await second.close()
  const rest = partitions.map((partition) => `0_${partition}`).filter((id) => !before.includes(id))
  await vi.waitFor(() => expect(tasksOf(third).sort()).toEqual(rest), patience)
  await sendToAll()
  await vi.waitFor(() => {
    expect(performance.now() - from).toBeGreaterThan(1.5 * group.rebalanceMs)
  }, patience)
  expect(tasksOf(third).sort()).toEqual(rest)

  held.letGo()
  await vi.waitFor(() => {
    const message = expect.stringMatching(/rebalanced while the process was busy/)
    expect(held.lines).toContainEqual(expect.objectContaining({ msg: message }))
  }, patience)
  await sendToAll()
  await held.close()
  const counts = partitions.map((partition) => [`key-${partition}`, 4] as const)
  await app.untilCounts(third, { ...Object.fromEntries(counts), held: 1 })
  const all = [...held.lines, ...app.lines].map(({ msg }) => String(msg))
  expect(all.filter((line) => /did without this member|lost to others/.test(line))).toEqual([])
})
