/** The same cases with commits after every third record, and a death at every point in between. */
import { expect, test } from 'vitest'
import { isFull } from '../support/lengths.ts'
import { Random, seedOfRun } from '../support/random.ts'
import type { Case } from './case.ts'
import { canCrash } from './crash.ts'
import { judgeDeaths } from './deaths.ts'
import { families } from './families.ts'
import { readCases } from './files.ts'

const deathsMax = isFull ? 8 : 4
const timeout = isFull ? 600_000 : 120_000
const seed = seedOfRun()

function casesOf(family: string) {
  const { cases } = readCases([new URL(`cases/${family}.json`, import.meta.url).pathname])
  return cases.filter(canCrash)
}

const dying = families.filter((family) => casesOf(family).length > 0)

test('nearly all families have cases that can be run again', () => {
  expect(dying.length).toBeGreaterThan(families.length - 5)
})

test.each(dying)(
  '%s: a crash changes nothing of what is committed',
  async (family) => {
    const random = new Random(seed)
    const cases = casesOf(family)
    const sample = isFull ? cases : [cases[random.below(cases.length)] as Case]
    for (const one of sample) {
      const { verdict, difference } = await judgeDeaths(one, (all) => {
        const left = [...all]
        const count = Math.min(deathsMax, left.length)
        return Array.from({ length: count }, () => left.splice(random.below(left.length), 1)).flat()
      })
      expect({ verdict, difference }, `SEED=${seed} ${one.name}`).toEqual({ verdict: 'passed' })
    }
  },
  timeout
)
