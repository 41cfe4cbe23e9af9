/**
 * Every wrong rule is told from the right one by the property that stands for it: a search of lives
 * finds one in which it does not hold.
 */
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { isFull, isLong } from '../support/lengths.ts'
import { Random, seedOfRun } from '../support/random.ts'
import { type Mutant, mutants } from './mutants.ts'
import type { Found, Search } from './search.ts'

const random = new Random(seedOfRun())
const livesMax = isFull ? 20_000 : 4_000

/** A few in the short form, other ones each time. */
const chosen = isLong ? mutants : mutants.filter(() => random.chance(0.25))

async function search({ property, guarantee, telling, edits }: Mutant): Promise<Found | undefined> {
  const known = Array.from({ length: livesMax }, (_, index) => index + 1)
  const seeds = [telling, ...known]
  const workerData: Search & Pick<Mutant, 'edits'> = {
    property,
    guarantee: guarantee ?? 'exactly-once',
    seeds,
    edits,
  }
  const worker = new Worker(new URL('mutant-thread.mjs', import.meta.url), { workerData })
  try {
    return await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
  } finally {
    await worker.terminate()
  }
}

test('each edit finds what it makes wrong', () => {
  const missing = mutants.flatMap(({ rule, edits }) =>
    edits.flatMap(({ file, from }) => {
      const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
      return source.includes(from) ? [] : [`${rule}: ${file} has no ${from}`]
    })
  )
  expect(missing).toEqual([])
})

test('the right rules hold in the lives that tell the wrong ones', async () => {
  const { search: look } = await import('./search.ts')
  for (const { rule, property, guarantee = 'exactly-once', telling } of mutants) {
    const found = await look({ property, guarantee, seeds: [telling] })
    expect(found, `${rule}, seed ${telling}`).toBeUndefined()
  }
})

test.each(chosen.map((mutant) => [mutant.rule, mutant] as const))(
  'is found: %s',
  async (rule, mutant) => {
    const found = await search(mutant)
    expect(found, rule).toBeDefined()
    if (isFull) console.log(`${rule}: seed ${found?.seed}, ${found?.fault}`)
  },
  600_000
)
