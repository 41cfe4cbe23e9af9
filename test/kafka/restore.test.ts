/** Restores on a real broker: side by side, after kills, and from topics that lost something. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, rmSync } from 'node:fs'
;/batchOf/d

import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Offset } from '../../src/ids.ts'
import type { Log } from '../../src/runtime/ports.ts'
import type { Guarantee } from '../../src/runtime/task-environment.ts'
import type { StreamApp } from '../../src/stream-app.ts'
import { changelogConfig, windowedChangelogConfig } from '../../src/topology/internal-topics.ts'
import { openStateDirectory } from '../../state/index.ts'
import { countHandle } from '../runtime/small-topology.ts'
import { compileRooms } from '../support/compiled.ts'
import { CountingApp, patience } from '../support/counting-app.ts'
import {
  boundsOf,
  configure,
  makeTopic,
  removeGroup,
  removeRecords,
  removeTopic,
  resetOffset,
} from '../support/kafka-admin.ts'
import { sharedBroker } from '../support/shared-broker.ts'

let brokers: readonly string[]

beforeAll(async () => {
  brokers = await sharedBroker()
})

/** Runs an application until these keys are counted, and closes it. */
async function counted(
  world: CountingApp,
  keys: readonly string[],
  guarantee: Guarantee = 'exactly_once'
): Promise<void> {
  const app = await world.start('one', { guarantee })
  await world.sendKeys(keys)
  await world.untilCounts(app, tally(keys))
  await app.close()
}

function tally(keys: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1
  return counts
}

/** How an application ends that must not run. */
async function endOf(app: StreamApp): Promise<string> {
  return await app.start().then(() => app.done.then(() => 'closed', textOf), textOf)
}

function textOf(error: Error & { readonly code?: string }): string {
  return `${error.code}: ${error.message}`
}

const abaca = ['a', 'b', 'a', 'c', 'a']

describe('a changelog that begins behind the state', () => {
  it('is refused when nothing may go by age; a state that is whole runs on', async () => {
    const world = await CountingApp.open(brokers)
    await counted(world, abaca)
    const { end } = await boundsOf(world.cluster, world.changelog, 0)
    // A broker deletes nothing of a topic that is compacted only.
    await configure(world.cluster, world.changelog, { 'cleanup.policy': 'compact,delete' })
    await removeRecords(world.cluster, world.changelog, 0, 2)
    await configure(world.cluster, world.changelog, { 'cleanup.policy': 'compact' })
    const again = await world.start()
    await world.untilCounts(again, { a: 3, b: 1, c: 1 })
    await again.close()
    expect((await boundsOf(world.cluster, world.changelog, 0)).end).toBe(end)

    expect(await endOf(world.make('elsewhere'))).toMatch(
      /^MILLRACE_CHANGELOG_TRUNCATED: .*task 0_0.*counts-changelog-0 begins at 2.*no state here/
    )
  })

  it('is what there is when its records go by age', async () => {
    const config = windowedChangelogConfig(60_000)
    const world = await CountingApp.open(brokers, { store: { config } })
    await counted(world, ['old', 'new'])
    cpSync(world.stateDir('one'), world.stateDir('behind'), { recursive: true })
    const first = await world.start()
    await world.sendKeys(['newer'])
    await world.untilCounts(first, { old: 1, new: 1, newer: 1 })
    await world.sendKeys(['newest'])
    await world.untilCounts(first, { old: 1, new: 1, newer: 1, newest: 1 })
    await first.close()
    const { end } = await boundsOf(world.cluster, world.changelog, 0)
    // The newest record, and the marker of its transaction.
    await removeRecords(world.cluster, world.changelog, 0, end - 2)
    const again = await world.start('behind')
    expect(await world.counts(await running(again))).toEqual({ newest: 1 })
    expect(world.lines).toContainEqual(
      expect.objectContaining({ msg: 'The state does not fit its changelog and is rebuilt' })
    )
  })
})

describe('a changelog that ends before the state', () => {
  it('is refused, and goes on with what it has once the state is removed', async () => {
    const world = await CountingApp.open(brokers)
    await counted(world, abaca)
    await removeTopic(world.cluster, world.changelog)
    await makeTopic(world.cluster, world.changelog, 1, changelogConfig)
    expect(await endOf(world.make())).toMatch(
      /^MILLRACE_CHANGELOG_TRUNCATED: .* stands at \d+ of .* only up to 0: .*remove tasks\/0_0/
    )
    rmSync(world.taskDir(), { recursive: true })
    const app = await world.start()
    await world.sendKeys(['a'])
    await world.untilCounts(app, { a: 1 })
  })
})

describe.each(['exactly_once', 'at_least_once'] as const)('input and offsets, %s', (guarantee) => {
  it('that were deleted before they were read end the application; a reset goes on', async () => {
    const world = await CountingApp.open(brokers)
    await counted(world, abaca, guarantee)
    await world.sendKeys(['lost', 'lost', 'a'])
    await removeRecords(world.cluster, world.input, 0, 7)
    expect(await endOf(world.make('one', { guarantee }))).toMatch(
      /^MILLRACE_OFFSET_OUT_OF_RANGE: Offset 5 of app-.*-in-0 is not in the log.*reset-offsets/
    )
    await resetOffset(world.cluster, world.id, world.input, 7)
    const app = await world.start('one', { guarantee })
    await world.untilCounts(app, { a: 4, b: 1, c: 1 })
    await app.close()
    expect(world.lines.map(({ msg }) => msg)).toContain(
      'The offsets of a task were set by hand; its state stays as it is'
    )
    const elsewhere = await world.start('elsewhere', { guarantee })
    await world.untilCounts(elsewhere, { a: 4, b: 1, c: 1 })
  })

  it('that are gone are refused, rather than everything counted twice', async () => {
    const world = await CountingApp.open(brokers)
    await counted(world, abaca, guarantee)
    const again = await world.start('one', { guarantee })
    await world.sendKeys(['a'])
    await world.untilCounts(again, { a: 4, b: 1, c: 1 })
    await again.close()
    await removeGroup(world.cluster, world.id)
    expect(await endOf(world.make('one', { guarantee }))).toMatch(
      /^MILLRACE_OFFSETS_LOST: The group app-.* has no offsets for the input of task 0_0/
    )
    // Nothing was thrown away: what it says still holds at the next start.
    expect(await endOf(world.make('one', { guarantee }))).toMatch(
      /--reset-offsets --to-offset 6 --topic app-\S+-in:0 --execute/
    )
    await resetOffset(world.cluster, world.id, world.input, 6)
    await world.sendKeys(['b'])
    await world.untilCounts(await world.start('one', { guarantee }), { a: 4, b: 2, c: 1 })
  })

  it('that were set back behind the state are refused; without the state they count', async () => {
    const world = await CountingApp.open(brokers)
    await counted(world, abaca, guarantee)
    await resetOffset(world.cluster, world.id, world.input, 3)
    expect(await endOf(world.make('one', { guarantee }))).toMatch(
      /^MILLRACE_OFFSETS_BEHIND_STATE: .*0_0 holds \S+-in-0 up to 5, .* was set to 3.*-offset 5 /
    )
    await resetOffset(world.cluster, world.id, world.input, 5)
    const app = await world.start('one', { guarantee })
    await world.sendKeys(['c'])
    await world.untilCounts(app, { a: 3, b: 1, c: 2 })
    await app.close()
    await resetOffset(world.cluster, world.id, world.input, 5)
    rmSync(world.taskDir(), { recursive: true })
    await world.untilCounts(await world.start('one', { guarantee }), { a: 3, b: 1, c: 3 })
  })

  it('of an earlier commit count nothing twice', async () => {
    const world = await CountingApp.open(brokers)
    await counted(world, abaca, guarantee)
    const log = await world.connect(world.id, { guarantee })
    const [before] = await log.committed([{ topic: world.input, partition: 0 }])
    expect.assert(before)
    await log.close()
    const again = await world.start('one', { guarantee })
    await world.sendKeys(['b', 'c'])
    await world.untilCounts(again, { a: 3, b: 2, c: 2 })
    await again.close()
    // As an election may leave them that lost what was committed last.
    await resetOffset(world.cluster, world.id, world.input, 5, before)
    if (guarantee === 'exactly_once') {
      expect(await endOf(world.make())).toMatch(
        /^MILLRACE_OFFSETS_BEHIND_STATE: .*is that of commit \d+, and the offsets are of \d+: /
      )
      await resetOffset(world.cluster, world.id, world.input, 7)
    }
    const app = await world.start('one', { guarantee })
    await world.sendKeys(['a'])
    await world.untilCounts(app, { a: 4, b: 2, c: 2 })
  })
})

describe('a state on disk', () => {
  it('knows the leaders under whom its changelog was written, and its input read', async () => {
    const world = await CountingApp.open(brokers)
    await counted(world, abaca)
    const directory = await openStateDirectory(join(world.stateDir(), world.id))
    const state = await directory.open('0_0')
    expect(state.checkpoint).toMatchObject({
      epochs: { counts: 0 },
      sources: { [`${world.input}-0`]: { offset: 5, leaderEpoch: 0 } },
    })
    await state.close()
    await directory.close()
    const log = await world.connect()
    expect(await log.committed([{ topic: world.input, partition: 0 }])).toMatchObject([
      { offset: 5, leaderEpoch: 0 },
    ])
    await log.close()
  })
})

async function running(app: StreamApp): Promise<StreamApp> {
  await vi.waitFor(() => {
    const { tasks } = app.snapshot()
    expect(tasks.map(({ state }) => state)).toEqual(tasks.map(() => 'running'))
    expect(tasks).not.toEqual([])
  }, patience)
  return app
}

describe('tasks', () => {
  it('run as soon as they are restored, while others still are', async () => {
    const world = await CountingApp.open(brokers, { partitions: 3 })
    let release: () => void = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const restored: number[] = []
    const log = await world.through((behind) => ({
      restore: async (...args: Parameters<Log['restore']>) => {
        restored.push(args[0].partition)
        if (args[0].partition === 2) await held
        return await behind.restore(...args)
      },
    }))
    const app = world.make('one', { log })
    await app.start()
    for (const partition of [0, 1, 2]) await world.sendKeys([`key-${partition}`], partition)
    const counts = app.store(countHandle)
    await vi.waitFor(async () => {
      expect([await counts.get('key-0'), await counts.get('key-1')]).toEqual([1, 1])
    }, patience)
    expect(counts.places().map(({ state }) => state)).toEqual(['here', 'here', 'restoring'])
    expect(restored.sort()).toEqual([0, 1, 2])
    expect(app.snapshot()).toMatchObject({ state: 'rebalancing' })
    expect(app.snapshot().reasons).toEqual(['Task 0_2 is restoring.'])
    release()
    await world.untilCounts(app, { 'key-0': 1, 'key-1': 1, 'key-2': 1 })
  })
})

describe('a process that is killed in the middle of a restore', () => {
  it('leaves what it has restored, and the next one reads the rest', async () => {
    const world = await CountingApp.open(brokers)
    await counted(world, ['k-0'])
    const records = 40_000
    await fillChangelog(world, records)
    rmSync(world.taskDir(), { recursive: true })
    await killedAtFlush(world, 3)

    const started: (Offset | 'earliest')[] = []
    const progress: Offset[] = []
    const log = await world.through((behind) => ({
      restore: (partition, from, options) => {
        started.push(from)
        const onProgress = (position: Offset, end: Offset): void => {
          progress.push(position)
          options.onProgress?.(position, end)
        }
        return behind.restore(partition, from, { ...options, onProgress })
      },
    }))
    const app = world.make('one', { log })
    await app.start()
    const counts = await world.counts(await running(app))
    expect(Object.keys(counts)).toHaveLength(records)
    expect(started).toHaveLength(1)
    expect(Number(started[0])).toBeGreaterThan(0)
    expect(progress[0]).toBe(started[0])
    expect(app.snapshot().restores.count).toBe(1)
  })

  /** Written beside the application, under its last commit: only a restore sees it. */
  async function fillChangelog(world: CountingApp, count: number): Promise<void> {
    const log = await world.connect(`${world.id}-filler`, { guarantee: 'at_least_once' })
    onTestFinished(() => log.close())
    for (let from = 0; from < count; from += 10_000) {
      const records = Array.from({ length: 10_000 }, (_, i) => ({
        partition: 0,
        timestamp: 1,
        key: Buffer.from(`k-${from + i}`),
        value: Buffer.from('1'),
      }))
      await log.append(world.changelog, records)
    }
  }

  const rooms = ['kafka', 'runtime', 'serde', 'topology', 'processor', 'windows', 'aggregators']
    .map((room) => `src/${room}`)
    .concat('state')

  async function killedAtFlush(world: CountingApp, flush: number): Promise<void> {
    const compiled = compileRooms(rooms)
    onTestFinished(() => rmSync(compiled, { recursive: true, force: true }))
    const from = (file: string): string => JSON.stringify(join(compiled, file))
    const script = `
      import { KafkaLog } from ${from('src/kafka/kafka-log.js')}
      import { Restore } from ${from('src/runtime/restore.js')}
      import { openStateDirectory } from ${from('state/index.js')}
      const logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => logger }
      const [id, stateDir, brokers] = process.argv.slice(1)
      const log = await KafkaLog.connect({
        brokers: [brokers], clientId: 'child', applicationId: id, instance: 'child', logger,
        guarantee: 'at_least_once',
      })
      const directory = await openStateDirectory(stateDir + '/' + id)
      const state = await directory.open('0_0')
      const flushRestored = state.flushRestored.bind(state)
      let flushes = 0
      state.flushRestored = async (checkpoint) => {
        await flushRestored(checkpoint)
        if (++flushes === ${flush}) process.kill(process.pid, 'SIGKILL')
      }
      await new Restore({
        log, applicationId: id, task: '0_0', partition: 0, stores: ['counts'], state,
        checkpoint: state.checkpoint, committed: 1, signal: new AbortController().signal, logger,
        ticks: () => performance.now(), now: () => Date.now(),
      }).run()
      console.log('restored wholly')`
    const args = ['--input-type=module', '-e', script, world.id, world.stateDir(), brokers.join()]
    const child: ChildProcess = spawn(process.execPath, args, { cwd: compiled, stdio: 'inherit' })
    const [status, signal] = await once(child, 'exit')
    expect({ status, signal }).toEqual({ status: null, signal: 'SIGKILL' })
  }
})
