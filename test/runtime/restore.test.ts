import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../src/log.ts'
import type { Log } from '../../src/runtime/ports.ts'
import { commitNumberHeader, Restore } from '../../src/runtime/restore.ts'
import type { Checkpoint, TaskState } from '../../state/contract.ts'
import { HeldRecord } from '../support/held-record.ts'
import { openDriver } from './open-driver.ts'
import { countTopic, countTopology, textTopic } from './small-topology.ts'

const input = textTopic('in')
const counts = countTopic('out')
const changelog = 'test-counts-changelog'

describe('at least once, a restore', () => {
  /** A commit numbered 2 that got no further than its changelog. */
  async function withHalfCommit() {
    const driver = await openDriver(countTopology(), {
      guarantee: 'at_least_once',
      commit: 'manual',
    })
    await driver.input(input).pipe('a', 'x')
    await driver.commit()
    await driver.crash()
    const headers = [[commitNumberHeader, Buffer.from('2')] as const]
    await driver.log.append(changelog, [
      { key: Buffer.from('a'), value: Buffer.from('77'), timestamp: 1, headers },
      { key: Buffer.from('ghost'), value: Buffer.from('1'), timestamp: 1, headers },
    ])
    return driver
  }

  it('skips what a commit wrote that never happened, and writes those keys again', async () => {
    const driver = await withHalfCommit()
    await driver.restart()
    expect(await driver.store('counts').entries()).toEqual([['a', { n: 1 }]])
    await driver.commit()
    const written = driver.log.inspect().recordsInMemory(changelog, [3])
    expect(written.map(({ key, value }) => [`${key}`, value && `${value}`])).toEqual([
      ['ghost', null],
      ['a', '1'],
    ])
    await driver.crash()
    await driver.restart({ wipe: true })
    expect(await driver.store('counts').entries()).toEqual([['a', { n: 1 }]])
  })

  it('finds what was committed although a compaction came between', async () => {
    const driver = await withHalfCommit()
    driver.clock.advance(23 * 3_600_000)
    await driver.log.maintain({ compact: true })
    await driver.restart({ wipe: true })
    expect(await driver.store('counts').entries()).toEqual([['a', { n: 1 }]])
  })

  it('mends those keys even if it dies before its first commit', async () => {
    const driver = await withHalfCommit()
    await driver.restart()
    await driver.crash()
    await driver.restart()
    await driver.input(input).pipe('a', 'x')
    await driver.commit()
    await driver.crash()
    await driver.restart({ wipe: true })
    expect(await driver.store('counts').entries()).toEqual([['a', { n: 2 }]])
    expect(driver.output(counts).readPairs()).toEqual([
      ['a', 1n],
      ['a', 2n],
    ])
  })

  it('counts every record once in the state, although outputs may repeat', async () => {
    const driver = await openDriver(countTopology(), {
      guarantee: 'at_least_once',
      commit: 'manual',
    })
    for (const during of ['step 2', 'step 3', 'step 4', 'step 5'] as const) {
      await driver.input(input).pipe('a', 'x')
      await driver.crash({ during })
      await driver.restart()
      await driver.commit()
    }
    expect(await driver.store('counts').entries()).toEqual([['a', { n: 4 }]])
  })
})

describe('a restore of several stores', () => {
  it('never leaves a checkpoint that is ahead of what was written', async () => {
    const flushed: Checkpoint[] = []
    const applied: string[] = []
    const steps: string[] = []
    const state = fakeState({
      restore: (store, { key }) => void applied.push(`${store}:${key}`),
      flushRestored: async (checkpoint) => {
        flushed.push(checkpoint)
        await Promise.resolve()
        steps.push(`written ${flushed.length}`)
      },
    })
    const log = fakeLog(async (topic, from, { apply, flush }) => {
      expect(from).toBe(topic.includes('one') ? 5 : 'earliest')
      for (let offset = 5; offset < 8; offset++) {
        apply(record(offset, `k${offset}`))
        await flush(offset + 1)
      }
      return 8
    })
    const restore = new Restore({
      ...requestOf(log, state),
      stores: ['one', 'two'],
      checkpoint: { commitNumber: 3, changelogs: { one: 5 } },
    })
    const { checkpoint } = await restore.run()
    expect(checkpoint).toEqual({ commitNumber: 7, changelogs: { one: 8, two: 8 } })
    expect(applied).toHaveLength(6)
    expect(flushed.slice(0, -1).every(({ commitNumber }) => commitNumber === 3)).toBe(true)
    const offsets = flushed.map(({ changelogs }) => changelogs.one ?? 0)
    expect([...offsets].sort((a, b) => a - b)).toEqual(offsets)
    expect(flushed.at(-1)).toEqual(checkpoint)
    expect(restore.progress()).toEqual([])
  })

  it('is refused where a changelog has parted from what the state has of it', async () => {
    const asked: unknown[] = []
    const log = {
      ...fakeLog(async () => 9),
      divergence: async (place: object, offset: number, epoch: number) => {
        asked.push([place, offset, epoch])
        return 4
      },
    }
    const checkpoint = { commitNumber: 7, changelogs: { one: 5 }, epochs: { one: 2 } }
    const restore = new Restore({ ...requestOf(log, fakeState({})), checkpoint })
    await expect(restore.run()).rejects.toMatchObject({
      code: 'MILLRACE_CHANGELOG_TRUNCATED',
      message: expect.stringMatching(/stands at 5 of app-one-changelog-0, .* only up to 4/),
    })
    expect(asked).toEqual([[{ topic: 'app-one-changelog', partition: 0 }, 5, 2]])
  })

  it('takes offsets set by hand for input that is not what was read', async () => {
    const place = { topic: 'in', partition: 0, metadata: '' }
    const sources = { 'in-0': { offset: 20, leaderEpoch: 3 } }
    const checkpoint = { commitNumber: 7, changelogs: { one: 5 }, sources }
    const log = { ...fakeLog(async () => 5), divergence: async () => 10 }
    const outcome = (offset: number): Promise<unknown> => {
      const request = {
        ...requestOf(log, fakeState({})),
        checkpoint,
        committed: 'unknown' as const,
      }
      return new Restore({ ...request, offsets: [{ ...place, offset }] }).run().catch(codeOf)
    }
    expect(await outcome(9)).toBe('MILLRACE_OFFSETS_BEHIND_STATE')
    expect(await outcome(10)).toMatchObject({ checkpoint: { sources: { 'in-0': { offset: 10 } } } })
    expect(await outcome(20)).toMatchObject({ checkpoint: { commitNumber: 7 } })
  })

  it('writes nothing when the checkpoint is up to date', async () => {
    const flushed: Checkpoint[] = []
    const state = fakeState({ flushRestored: async (checkpoint) => void flushed.push(checkpoint) })
    const restore = new Restore({
      ...requestOf(
        fakeLog(async () => 5),
        state
      ),
      checkpoint: { commitNumber: 7, changelogs: { one: 5 } },
    })
    await restore.run()
    expect(flushed).toEqual([])
  })

  it('stops the others when one fails, and passes that failure on', async () => {
    const aborted: string[] = []
    const log = fakeLog(async (topic, _from, { signal }) => {
      if (topic.includes('one')) throw new Error('one is gone')
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      aborted.push(topic)
      signal.throwIfAborted()
      return 0
    })
    const restore = new Restore({ ...requestOf(log, fakeState({})), stores: ['one', 'two'] })
    await expect(restore.run()).rejects.toThrow('one is gone')
    expect(aborted).toEqual(['app-two-changelog'])
  })

  it('may be of many stores: no warning calls those that wait a leak', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning)
    process.on('warning', onWarning)
    const log = fakeLog(async (_topic, _from, { signal }) => {
      const onAbort = (): void => {}
      signal.addEventListener('abort', onAbort)
      await nextTurn()
      signal.removeEventListener('abort', onAbort)
      return 0
    })
    const stores = Array.from({ length: 20 }, (_, i) => `store-${i}`)
    await new Restore({ ...requestOf(log, fakeState({})), stores }).run()
    await nextTurn()
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
  })

  it('shows how far it is, and says so once a second at most', async () => {
    const lines: unknown[] = []
    const logger = {
      ...silentLogger,
      info: (_: string, fields: unknown) => void lines.push(fields),
    }
    let now = 0
    const log = fakeLog(async (_topic, _from, { onProgress }) => {
      for (let position = 1; position <= 5; position++) {
        now += 400
        onProgress?.(position, 5)
      }
      expect(restore.progress()).toEqual([{ store: 'one', position: 5, end: 5 }])
      return 5
    })
    const restore = new Restore({ ...requestOf(log, fakeState({})), logger, ticks: () => now })
    await restore.run()
    expect(lines).toEqual([{ task: '0_0', store: 'one', position: 3, end: 5 }])
  })
})

describe('a state of long ago', () => {
  const hour = 3_600_000

  async function restored(ageMs: number, end: number) {
    const starts: (number | 'earliest')[] = []
    const flushed: Checkpoint[] = []
    let wiped = 0
    const state = fakeState({
      wipe: async () => void wiped++,
      flushRestored: async (checkpoint) => void flushed.push(checkpoint),
    })
    const log = fakeLog(async (_topic, from, { onBounds, apply, flush }) => {
      onBounds?.(0, end)
      starts.push(from)
      if (from === end) return end
      apply(record(end - 1, 'k'))
      await flush(end)
      return end
    })
    const checkpoint = { commitNumber: 3, changelogs: { one: 5 }, writtenAt: 1_000 }
    const now = (): number => 1_000 + ageMs
    await new Restore({ ...requestOf(log, state), checkpoint, now }).run()
    return { starts, wiped, known: flushed.map(({ writtenAt }) => writtenAt) }
  }

  it('is brought up to date while tombstones are kept, and is old until then', async () => {
    expect(await restored(22 * hour, 8)).toEqual({
      starts: [5],
      wiped: 0,
      known: [1_000, undefined],
    })
  })

  it('is rebuilt when deletions may have been compacted away', async () => {
    const { starts, wiped } = await restored(24 * hour, 8)
    expect({ starts, wiped }).toEqual({ starts: ['earliest'], wiped: 1 })
  })

  it('is as good as new when nothing has happened since', async () => {
    expect(await restored(500 * hour, 5)).toMatchObject({ starts: [5], wiped: 0 })
  })
})

function record(offset: number, key: string): HeldRecord {
  return new HeldRecord({ offset, key: Buffer.from(key), value: Buffer.from('v') })
}

type RestoreOne = (
  topic: string,
  from: number | 'earliest',
  options: Parameters<Log['restore']>[2]
) => Promise<number>

function fakeLog(restore: RestoreOne): Log {
  const log = {
    restore: (place: { topic: string }, ...rest: [number | 'earliest', never]) =>
      restore(place.topic, ...rest),
  }
  return log as unknown as Log
}

function fakeState(members: Partial<TaskState>): TaskState {
  const state: Partial<TaskState> = { restore: () => {}, flushRestored: async () => {}, ...members }
  return state as TaskState
}

function requestOf(log: Log, state: TaskState) {
  return {
    log,
    applicationId: 'app',
    task: '0_0',
    partition: 0,
    stores: ['one'],
    state,
    checkpoint: undefined,
    committed: 7,
    signal: new AbortController().signal,
    logger: silentLogger,
    ticks: () => 0,
    now: () => 0,
  }
}

function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown }).code
}
