/** What is in a case's stores in the end, as a reader sees it. */
import type { TopologyTestDriver } from '../../../src/testing/index.ts'
import type { CaseRow, CaseValue } from '../case.ts'

export async function storesOf(
  driver: TopologyTestDriver,
  names: ReadonlySet<string>
): Promise<Readonly<Record<string, readonly CaseRow[]>>> {
  const stores: Record<string, readonly CaseRow[]> = {}
  for (const name of names) {
    const rows = await driver.rows(name)
    stores[name] = rows.map(({ key, window, value, timestamp, validTo }) => ({
      key: key as string,
      ...(window === undefined
        ? {}
        : { start: window.start, end: Number.isFinite(window.end) ? window.end : null }),
      value: value as CaseValue,
      ...(timestamp === undefined ? {} : { ts: timestamp }),
      ...(validTo === undefined ? {} : { validTo }),
    }))
  }
  return stores
}
