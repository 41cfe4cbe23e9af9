/** `npm run chaos -- --seed N --minutes M --threads T`: the command around a run. */
import { parseArgs } from 'node:util'
import { seedOfRun } from '../../support/random.ts'
import { faultsOf } from './report.ts'
import { runChaos } from './run.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '10' },
    threads: { type: 'string', default: '1' },
  },
})
const seed = values.seed === undefined ? seedOfRun() : Number(values.seed)
const minutes = Number(values.minutes)
const threads = Number(values.threads)
const isUsable = seed >= 0 && minutes > 0 && threads > 0
if (![seed, threads].every(Number.isSafeInteger) || !isUsable) {
  console.error('usage: npm run chaos -- --seed N --minutes M --threads T')
  process.exit(78)
}
// Children are killed when this process exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

console.log(`chaos: seed ${seed}, ${minutes} minutes, ${threads} threads`)
const report = await runChaos({ seed, minutes, threads, print: (line) => console.log(line) })
process.exit(faultsOf(report).length === 0 ? 0 : 1)
