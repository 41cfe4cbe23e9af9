/**
 * Claim: whatever happens to network, brokers and instances for a while, nothing is lost, doubled
 * or reordered, nobody is stuck for longer than the session timeout and ten seconds, and no state
 * is thrown away. `npm run chaos` runs it for longer.
 */
import { describe, expect, it } from 'vitest'
import { isFull, isLong } from '../support/lengths.ts'
import { seedOfRun } from '../support/random.ts'
import { faultsOf } from './chaos/report.ts'
import { runChaos } from './chaos/run.ts'

const minutes = isFull ? 10 : isLong ? 3 : 1

describe('chaos', () => {
  it('leaves no trace in what comes out', { timeout: (minutes + 9) * 60_000 }, async () => {
    const seed = seedOfRun()
    const lines = [`chaos: seed ${seed}, ${minutes} minutes`]
    try {
      const report = await runChaos({ seed, minutes, print: (line) => lines.push(line) })
      expect(faultsOf(report)).toEqual([])
      expect(report.rounds.length).toBeGreaterThan(0)
    } finally {
      console.log(lines.join('\n'))
    }
  })
})
