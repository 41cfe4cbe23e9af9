/** Lives with crashes: whatever happens between records and in commits, the outcome is the same. */
import { expect } from 'vitest'
import {
  type CrashPoint,
  type TestDriverOptions,
  TopologyTestDriver,
} from '../../src/testing/index.ts'
import type { TestTopic } from '../../src/testing/test-topics.ts'
import type { Topology } from '../../src/topology/topology.ts'
import { isFull } from '../support/lengths.ts'

const points: readonly [CrashPoint, ...CrashPoint[]] = [
  'step 1',
  'step 2',
  'step 3',
  'step 3, unanswered',
  'step 4',
  'step 5',
]

/** Does something to the topology, usually one record. */
export type Step = (driver: TopologyTestDriver) => Promise<void>

export type Outcome = readonly [key: unknown, value: unknown, timestamp: number]

export interface Life {
  readonly topology: () => Topology
  readonly steps: readonly Step[]
  readonly output: TestTopic<unknown, unknown>
  readonly options?: TestDriverOptions
  /** Of several tasks that write, which one comes first is open: only the order by key counts. */
  readonly isOrderedByKey?: boolean
}

/** Where a life is broken off. */
interface Deaths {
  readonly afterRecords: boolean
  /** At which step of a commit, by its number; undefined: at none. */
  inCommit(number: number): CrashPoint | undefined
}

const calmly: Deaths = { afterRecords: false, inCommit: () => undefined }

/** What is committed in the end, in its order, with a commit after every third step. */
async function outcome(
  { topology, steps, output, options, isOrderedByKey = false }: Life,
  { afterRecords, inCommit }: Deaths
): Promise<readonly Outcome[]> {
  const built = topology()
  const driver = await TopologyTestDriver.open(built, { ...options, commit: 'manual' })
  const die = async (during?: CrashPoint): Promise<void> => {
    await driver.crash(during && { during })
    await driver.restart()
  }
  try {
    for (const [index, step] of steps.entries()) {
      await step(driver)
      if (index % 3 === 2) {
        const during = inCommit((index - 2) / 3)
        if (during !== undefined) await die(during)
        await driver.commit()
      }
      if (afterRecords) await die()
    }
    // What comes through a repartition topic is committed one commit later.
    for (const _ of built.subtopologies) await driver.commit()
    const found = driver
      .output(output)
      .readAll()
      .map(({ key, value, timestamp }): Outcome => [key, value, timestamp])
    return isOrderedByKey ? found.sort(compareKeys) : found
  } finally {
    await driver.close()
  }
}

function compareKeys([one]: Outcome, [other]: Outcome): number {
  const [a, b] = [JSON.stringify(one), JSON.stringify(other)]
  return a < b ? -1 : Number(a > b)
}

/**
 * Commits after every third step; then also crashes after every step and in every commit, at
 * another place in each; in the full form then at one place after the other.
 */
export async function expectSameAfterCrashes(life: Life): Promise<readonly Outcome[]> {
  const calm = await outcome(life, calmly)
  const pointOf = (number: number) => points[number % points.length]
  const torn = await outcome(life, { afterRecords: true, inCommit: pointOf })
  expect(torn, 'killed after each record, and in each commit').toEqual(calm)
  if (!isFull) return calm
  for (const during of points) {
    const found = await outcome(life, { afterRecords: false, inCommit: () => during })
    expect(found, `killed in each commit, at ${during}`).toEqual(calm)
  }
  return calm
}
