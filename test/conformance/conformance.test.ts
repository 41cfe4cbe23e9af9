/** The engine does what Kafka Streams does, family by family, through the public DSL alone. */
import { expect, test } from 'vitest'
import { families } from './families.ts'
import { readCases } from './files.ts'
import { judge } from './judge.ts'
import { reportOf } from './report.ts'

test.each(families)('%s: every case has an expected result', async (family) => {
  const file = new URL(`cases/${family}.json`, import.meta.url).pathname
  const { cases, faults, notJudged } = readCases([file])
  expect(faults).toEqual([])
  const judged = cases.filter(({ name }) => !notJudged.has(name))
  const outcomes = []
  for (const one of judged) outcomes.push(await judge(one))
  const { failures, passed } = reportOf(outcomes)
  expect(failures).toEqual([])
  expect(passed).toBe(judged.length)
  expect(passed).toBeGreaterThan(0)
})
