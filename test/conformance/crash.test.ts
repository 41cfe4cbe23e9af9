/** The same cases with commits after every third record, and a death at every point in between. */
import { expect, test } from 'vitest'
import { isFull } from '../support/lengths.ts'
import { Random, seedOfRun } from '../support/random.ts'
import type { Case } from './case.ts'
import { canCrash, deathsOf, live } from './crash.ts'
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

test('most families have cases that can be run again', () => {
  expect(dying.length).toBeGreaterThan(families.length / 2)
})

test.each(dying)(
  '%s: a crash changes nothing of what is committed',
  async (family) => {
    const random = new Random(seed)
    const cases = casesOf(family)
    const sample = isFull ? cases : [cases[random.below(cases.length)] as Case]
    for (const one of sample) {
      const wanted = await live(one)
      const deaths = [...deathsOf(one)]
      for (let n = 0; n < deathsMax && deaths.length > 0; n++) {
        const [death] = deaths.splice(random.below(deaths.length), 1)
        const message = `SEED=${seed} ${one.name} ${JSON.stringify(death)}`
        expect(await live(one, death), message).toEqual(wanted)
      }
    }
  },
  timeout
)
