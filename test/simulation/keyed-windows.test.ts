/** Windows with a key that close by watermark hold what a recount says. `SEED` repeats a run. */
import { expect, test } from 'vitest'
import { Random, seedOfRun } from '../support/random.ts'
import { keyedProperties } from './keyed-windows.ts'

const seed = seedOfRun()

test.each(Object.entries(keyedProperties))('rows are what a recount says: %s', async (_, holds) => {
  for (let life = 0; life < 40; life++) {
    const fault = await holds(new Random((seed + life) * 7_919), 'exactly-once')
    expect(fault, `SEED=${seed + life}`).toBeUndefined()
  }
})
