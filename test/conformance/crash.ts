/**
 * A case in another life: a commit after every third record, and a death after one of the records
 * or in the middle of one of the commits. What is committed in the end must be the same.
 *
 *     record record ✗ restart record ─▶ commit ─▶ record record record ─▶ ✗ step 3 ─▶ restart …
 */
import { type CrashPoint, TopologyTestDriver } from '../../src/testing/index.ts'
import { build } from './adapter/build.ts'
import type { Case, CaseRecord } from './case.ts'
import { Outputs, take } from './run-case.ts'

/** Where an instance dies: after a record, or at a step of the commit after a record. */
export interface Death {
  readonly record: number
  readonly during: CrashPoint | undefined
}

const recordsPerCommit = 3
const points: readonly CrashPoint[] = [
  'step 1',
  'step 2',
  'step 3',
  'step 3, unanswered',
  'step 4',
  'step 5',
]

/** What reads a topic; of a global table, ahead of everything else after a restart. */
const readers: readonly string[] = ['stream', 'table', 'globalTable']

/**
 * Whether the order of everything is in the log: one topic, and no clock on the wall. Records of
 * several topics are taken by their timestamps, and which of them are there is a matter of speed;
 * a schedule begins anew with every life.
 */
export function canCrash({ topology, steps, config, expected }: Case): boolean {
  const sources = new Set(
    topology.flatMap(({ op, topic }) => (readers.includes(op) ? [topic] : []))
  )
  const isClocked =
    (config?.emitIntervalMs ?? 0) > 0 ||
    steps.some((step) => 'advanceWallClockMs' in step) ||
    topology.some(({ processor }) => processor === 'countPunctuator')
  return sources.size === 1 && !isClocked && expected.error === undefined
}

/** Every death that a case can die. */
export function deathsOf({ steps }: Case): readonly Death[] {
  return steps.flatMap((_, record): readonly Death[] => {
    const after = { record, during: undefined }
    const isCommitted = (record + 1) % recordsPerCommit === 0
    return isCommitted ? [after, ...points.map((during) => ({ record, during }))] : [after]
  })
}

/** What is committed in the end, by topic, in order. */
export async function live(
  one: Case,
  death?: Death
): Promise<Readonly<Record<string, readonly Omit<CaseRecord, 'step'>[]>>> {
  const { topology, world } = build(one)
  const driver = await TopologyTestDriver.open(topology, { commit: 'manual' })
  try {
    for (const [record, step] of one.steps.entries()) {
      await take(driver, step)
      const dies = death?.record === record
      if (dies && death.during === undefined) {
        await driver.crash()
        await driver.restart()
      }
      if ((record + 1) % recordsPerCommit !== 0) continue
      if (dies && death.during !== undefined) {
        await driver.crash({ during: death.during })
        await driver.restart()
      }
      await driver.commit()
    }
    // A sub-topology sees what the one before it has committed.
    for (const _ of topology.subtopologies) await driver.commit()
    const outputs = new Outputs(world, driver)
    outputs.collect(0)
    return Object.fromEntries(
      [...world.outputs].map((topic) => [
        topic,
        (outputs.records[topic] ?? []).map(({ step: _step, ...record }) => record),
      ])
    )
  } finally {
    await driver.close()
  }
}
