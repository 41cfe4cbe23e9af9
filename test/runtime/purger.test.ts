import { expect, it } from 'vitest'
import { silentLogger } from '../../src/log.ts'
import { Purger } from '../../src/runtime/purger.ts'
import type { FrozenTask } from '../../src/runtime/stream-task.ts'
import type { SharedEnvironment } from '../../src/runtime/task-environment.ts'

interface Purged {
  readonly topic: string
  readonly partition: number
  readonly before: number
}

/** A purger whose log refuses the first calls, and a time that moves by hand. */
function open(failures: number) {
  const purged: (readonly Purged[])[] = []
  const warnings: string[] = []
  const world = { now: 0 }
  const log = {
    purge: async (partitions: readonly Purged[]) => {
      purged.push(partitions)
      if (purged.length <= failures) throw new Error('not now')
    },
  }
  const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) }
  const environment = { log, logger, ticks: () => world.now }
  const purger = new Purger(environment as unknown as SharedEnvironment, 1_000)
  const turnAt = async (now: number): Promise<void> => {
    world.now = now
    purger.turn()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { purger, purged, warnings, turnAt }
}

function committed(...offsets: readonly (readonly [string, number])[]): FrozenTask {
  const places = offsets.map(([topic, offset]) => ({ topic, partition: 0, offset }))
  const sources = places.map(({ topic, partition }) => {
    return { topic, partition, spec: { internal: topic !== 'in' } }
  })
  return { task: { planned: { sources } }, offsets: places } as unknown as FrozenTask
}

it('purges what was committed last, once an interval, and the topics of others never', async () => {
  const { purger, purged, turnAt } = open(0)
  purger.note([committed(['in', 9], ['again', 3])])
  await turnAt(500)
  purger.note([committed(['again', 5])])
  await turnAt(999)
  expect(purged).toEqual([])
  await turnAt(1_000)
  await turnAt(5_000)
  expect(purged).toEqual([[{ topic: 'again', partition: 0, before: 5 }]])
})

it('tries again what failed, unless something newer has come', async () => {
  const { purger, purged, warnings, turnAt } = open(2)
  purger.note([committed(['one', 3], ['two', 4])])
  await turnAt(1_000)
  expect(warnings).toHaveLength(1)
  purger.note([committed(['one', 7])])
  await turnAt(1_999)
  for (const now of [2_000, 3_000, 4_000]) await turnAt(now)
  expect(purged.map((partitions) => partitions.map(({ before }) => before).sort())).toEqual([
    [3, 4],
    [4, 7],
    [4, 7],
  ])
})
