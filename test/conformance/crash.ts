/**
 * A case in another life: a commit after every third record, and a death after one of the records
 * or in the middle of one of the commits. What is committed in the end must be the same.
 *
 *     record record ✗ restart record ─▶ commit ─▶ record record record ─▶ ✗ step 3 ─▶ restart …
 */
import { type CrashPoint, TopologyTestDriver } from '../../src/testing/index.ts'
import { build } from './adapter/build.ts'
import type { Case, CaseNode, CaseRecord, CaseStep } from './case.ts'
import { Outputs, take } from './run-case.ts'

/** Where an instance dies: after a record, or at a step of the commit after a record. */
export interface Death {
  readonly record: number
  readonly during: CrashPoint | undefined
}

const recordsPerCommit = 3
const readers: readonly string[] = ['stream', 'table']
const points: readonly CrashPoint[] = [
  'step 1',
  'step 2',
  'step 3',
  'step 3, unanswered',
  'step 4',
  'step 5',
]

/**
 * Whether the log alone says what happens: no clock on the wall, for a schedule begins anew with
 * every life; no global table, which is read ahead of everything else after a restart; and nothing
 * that meets records of another topic behind a repartition, where they come a commit later.
 */
export function canCrash({ topology, steps, config, expected }: Case): boolean {
  const isAhead = topology.some(({ op }) => op === 'globalTable')
  const isClocked =
    (config?.emitIntervalMs ?? 0) > 0 ||
    steps.some((step) => 'advanceWallClockMs' in step) ||
    topology.some(({ processor }) => processor === 'countPunctuator')
  return !isAhead && !isClocked && !meetsLate(topology) && expected.error === undefined
}

const rekeying: readonly string[] = ['flatMap', 'groupBy', 'map', 'process', 'selectKey']

/** Whether one of several topics takes the way through another one to where they meet. */
function meetsLate(topology: readonly CaseNode[]): boolean {
  const inputsOf = ({ from, left, right, groups }: CaseNode): readonly CaseNode[] => {
    const grouped = Array.isArray(groups) ? groups.map((group: CaseNode) => group['from']) : []
    const named = [from, left, right, ...grouped].flat()
    return topology.filter(({ id }) => id !== undefined && named.includes(id))
  }
  const passes = (node: CaseNode, ops: readonly string[]): boolean =>
    ops.includes(node.op) || inputsOf(node).some((input) => passes(input, ops))
  const sourcesOf = (node: CaseNode): readonly unknown[] =>
    readers.includes(node.op) ? [node['topic']] : inputsOf(node).flatMap(sourcesOf)
  return topology.some((node) => {
    const inputs = inputsOf(node)
    const isMeeting = inputs.length > 1 && new Set(inputs.flatMap(sourcesOf)).size > 1
    return isMeeting && inputs.some((input) => passes(input, rekeying))
  })
}

/**
 * The case with the records between two commits in the order of their timestamps, and of equal
 * ones in that of the sources: so an instance takes them that finds all of them waiting.
 */
export function inOrder(one: Case): Case {
  const sources = one.topology.flatMap(({ op, topic }) => (readers.includes(op) ? [topic] : []))
  const time = (step: CaseStep): number => ('pipe' in step ? step.pipe.ts : 0)
  const rank = (step: CaseStep): number => ('pipe' in step ? sources.indexOf(step.pipe.topic) : 0)
  const groups = Math.ceil(one.steps.length / recordsPerCommit)
  const steps = Array.from({ length: groups }, (_, group) =>
    one.steps
      .slice(group * recordsPerCommit, (group + 1) * recordsPerCommit)
      .sort((a, b) => time(a) - time(b) || rank(a) - rank(b))
  )
  return { ...one, steps: steps.flat() }
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
export type Committed = Readonly<Record<string, readonly Omit<CaseRecord, 'step'>[]>>

/**
 * What of it must not hang on when an instance died. A foreign-key join answers over topics of its
 * own: what it says in between depends on what was asked meanwhile, the last word on a key does
 * not. And what comes to an operator on several ways has an order per key.
 */
export function lasting({ topology }: Case, committed: Committed): unknown {
  const isAnswered = topology.some(({ op }) => op === 'fkJoin')
  const isManifold = topology.filter(({ op }) => readers.includes(op)).length > 1
  if (!isManifold) return committed
  return Object.entries(committed).map(([topic, records]) => {
    const byKey = new Map<string, unknown[]>()
    for (const { headers, ...record } of records) {
      const key = JSON.stringify(record.key)
      if (isAnswered) byKey.set(key, [record.value])
      else byKey.set(key, [...(byKey.get(key) ?? []), { ...record, headers }])
    }
    return [topic, byKey]
  })
}

export async function live(one: Case, death?: Death): Promise<Committed> {
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
    // A sub-topology sees what the one before has committed; foreign-key joins are answered back.
    const commits = 2 * topology.subtopologies.length + 1
    for (let n = 0; n < commits; n++) await driver.commit()
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
