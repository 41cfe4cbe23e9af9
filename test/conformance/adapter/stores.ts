/** What is in a case's stores in the end, as a reader sees it. */
import type { StoreRow, TopologyTestDriver } from '../../../src/testing/index.ts'
import type { CaseRow, CaseStep, CaseValue } from '../case.ts'
import type { History, World } from './world.ts'

export async function storesOf(
  driver: TopologyTestDriver,
  world: World,
  steps: readonly CaseStep[]
): Promise<Readonly<Record<string, readonly CaseRow[]>>> {
  const stores: Record<string, readonly CaseRow[]> = {}
  for (const name of world.stores) {
    const rows = await driver.rows(name)
    const history = world.histories.get(name)
    const seen = history === undefined ? rows : rows.filter(isSeen(history, steps))
    stores[name] = seen.map(({ key, window, value, timestamp }) => ({
      key: key as string,
      ...(window === undefined
        ? {}
        : { start: window.start, end: Number.isFinite(window.end) ? window.end : null }),
      value: value as CaseValue,
      ...(timestamp === undefined ? {} : { ts: timestamp }),
    }))
  }
  return stores
}

/** Of a versioned table: what a look-up as of the time of some input finds. */
function isSeen(history: History, steps: readonly CaseStep[]): (row: StoreRow) => boolean {
  const inputs = steps.flatMap((step) => ('pipe' in step ? [step.pipe] : []))
  const own = inputs.filter(({ topic, key }) => topic === history.topic && key !== null)
  const horizon = Math.max(...own.map(({ ts }) => ts)) - history.ms
  const times = inputs.map(({ ts }) => ts).filter((time) => time >= horizon)
  return ({ timestamp = 0, validTo }) =>
    validTo === undefined || times.some((time) => timestamp <= time && time < validTo)
}
