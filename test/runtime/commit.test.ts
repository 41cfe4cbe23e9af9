import { describe, expect, it } from 'vitest'
import type { CrashPoint } from '../../src/testing/index.ts'
import { openDriver } from './open-driver.ts'
import { countTopic, countTopology, textTopic } from './small-topology.ts'

const input = textTopic('in')
const counts = countTopic('out')

const points: readonly CrashPoint[] = [
  'step 1',
  'step 2',
  'step 3',
  'step 3, unanswered',
  'step 4',
  'step 5',
]

const happened = new Set<CrashPoint>(['step 3, unanswered', 'step 4', 'step 5'])

describe.each(['exactly_once', 'at_least_once'] as const)('a commit, %s', (guarantee) => {
  it.each(points)('that dies in %s counts every record once', async (during) => {
    const driver = await openDriver(countTopology(), { commit: 'manual', guarantee })
    await driver.input(input).pipe('a', 'x', 1)
    await driver.commit()
    await driver.input(input).pipe('a', 'x', 2)
    await driver.input(input).pipe('b', 'x', 3)
    await driver.crash({ during })

    const before = driver.output(counts).readPairs()
    expect(before).toEqual(
      happened.has(during)
        ? [
            ['a', 1n],
            ['a', 2n],
            ['b', 1n],
          ]
        : [['a', 1n]]
    )

    await driver.restart()
    await driver.commit()
    await driver.input(input).pipe('a', 'x', 4)
    await driver.commit()
    const all = [...before, ...driver.output(counts).readPairs()]
    expect(all).toEqual([
      ['a', 1n],
      ['a', 2n],
      ['b', 1n],
      ['a', 3n],
    ])
    expect(await driver.store('counts').entries()).toEqual([
      ['a', { n: 3 }],
      ['b', { n: 1 }],
    ])
  })

  it.each(points)('that dies in %s needs nothing of the disk', async (during) => {
    const driver = await openDriver(countTopology(), { commit: 'manual', guarantee })
    await driver.input(input).pipe('a', 'x', 1)
    await driver.commit()
    await driver.input(input).pipe('a', 'x', 2)
    await driver.crash({ during })
    await driver.restart({ wipe: true })
    await driver.input(input).pipe('a', 'x', 3)
    await driver.commit()
    expect(driver.output(counts).readPairs()).toEqual([
      ['a', 1n],
      ['a', 2n],
      ['a', 3n],
    ])
  })
})

describe('a commit', () => {
  it('that is aborted is made again from the last one', async () => {
    const driver = await openDriver(countTopology(), { commit: 'manual' })
    await driver.input(input).pipe('a', 'x', 1)
    await driver.commit()
    await driver.input(input).pipe('a', 'x', 2)
    driver.log.faults.failCommit('abort')
    await driver.commit()
    expect(driver.output(counts).readPairs()).toEqual([['a', 1n]])
    expect(await driver.store('counts').entries()).toEqual([['a', { n: 2 }]])

    await driver.commit()
    expect(driver.output(counts).readPairs()).toEqual([['a', 2n]])
    expect(driver.snapshots()[0]?.commits.aborted).toBe(1)
  })

  it('that is fenced drops the tasks, which come back when the group hands them out', async () => {
    const driver = await openDriver(countTopology(), { commit: 'manual', instances: 2 })
    await driver.input(input).pipe('a', 'x', 1)
    await driver.commit()
    await driver.input(input).pipe('a', 'x', 2)
    const owner = driver.snapshots().findIndex(({ tasks }) => tasks.length > 0)
    driver.freeze(owner)
    await driver.settle()
    await driver.commit()
    expect(driver.output(counts).readPairs()).toEqual([
      ['a', 1n],
      ['a', 2n],
    ])
    await driver.thaw(owner)
    await driver.input(input).pipe('a', 'x', 3)
    await driver.commit()
    expect(driver.output(counts).readPairs()).toEqual([['a', 3n]])
  })

  it('writes only the last of a key with the cache on', async () => {
    const driver = await openDriver(countTopology(), { commit: 'manual', caching: true })
    await driver.input(input).pipeAll([
      { key: 'a', value: 'x', timestamp: 1 },
      { key: 'b', value: 'x', timestamp: 2 },
      { key: 'a', value: 'x', timestamp: 3 },
    ])
    await driver.commit()
    expect(driver.output(counts).readPairs()).toEqual([
      ['a', 2n],
      ['b', 1n],
    ])
  })

  it('writes each key once to the changelog, whatever happened in between', async () => {
    const driver = await openDriver(countTopology(), { commit: 'manual' })
    await driver.input(input).pipe('a', 'x', 1)
    await driver.input(input).pipe('a', 'x', 2)
    await driver.commit()
    const changelog = driver.output(textTopic('test-counts-changelog')).readPairs()
    expect(changelog).toEqual([['a', '2']])
  })

  it('commits nothing when nothing has changed', async () => {
    const driver = await openDriver(countTopology(), { commit: 'manual' })
    await driver.input(input).pipe('a', 'x', 1)
    await driver.commit()
    const before = driver.snapshots()[0]?.commits.count
    await driver.commit()
    expect(driver.snapshots()[0]?.commits.count).toBe(before)
  })
})
