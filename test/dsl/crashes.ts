/** Lives with crashes: whatever happens between records and in commits, the outcome is the same. */
import { expect } from 'vitest'
import {
  type CrashPoint,
  type TestDriverOptions,
  TopologyTestDriver,
} from '../../src/testing/index.ts'
import type { TestTopic } from '../../src/testing/test-topics.ts'
import type { Topology } from '../../src/topology/topology.ts'

const points: readonly CrashPoint[] = [
  'step 1',
  'step 2',
  'step 3',
  'step 3, unanswered',
  'step 4',
  'step 5',
]

/** Does something to the topology, usually one record. */
export type Step = (driver: TopologyTestDriver) => Promise<void>

type Outcome = readonly [key: unknown, value: unknown, timestamp: number]

interface Life {
  readonly topology: () => Topology
  readonly steps: readonly Step[]
  readonly output: TestTopic<unknown, unknown>
  readonly options?: TestDriverOptions
}

/** What is committed in the end, in its order; `crash` may break off the run after a step. */
async function outcome(
  { topology, steps, output, options }: Life,
  after: (driver: TopologyTestDriver, step: number) => Promise<void>
): Promise<readonly Outcome[]> {
  const driver = await TopologyTestDriver.open(topology(), { commit: 'manual', ...options })
  try {
    for (const [index, step] of steps.entries()) {
      await step(driver)
      await after(driver, index)
    }
    // What comes through a repartition topic is committed one commit later.
    for (let stage = 0; stage < 3; stage++) await driver.commit()
    return driver
      .output(output)
      .readAll()
      .map(({ key, value, timestamp }) => [key, value, timestamp])
  } finally {
    await driver.close()
  }
}

/** Commits after every third step; then crashes after every step, or in every step of commits. */
export async function expectSameAfterCrashes(life: Life): Promise<readonly Outcome[]> {
  const isThird = (step: number): boolean => step % 3 === 2
  const calm = await outcome(life, async (driver, step) => {
    if (isThird(step)) await driver.commit()
  })
  const killed = await outcome(life, async (driver, step) => {
    if (isThird(step)) await driver.commit()
    await driver.crash()
    await driver.restart()
  })
  expect(killed, 'killed after each record').toEqual(calm)
  for (const during of points) {
    const torn = await outcome(life, async (driver, step) => {
      if (!isThird(step)) return
      await driver.crash({ during })
      await driver.restart()
    })
    expect(torn, `killed in each commit, at ${during}`).toEqual(calm)
  }
  return calm
}
