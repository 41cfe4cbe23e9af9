import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { isLong } from '../support/lengths.ts'
import { sharedBroker } from '../support/shared-broker.ts'

const run = promisify(execFile)
const launcher = fileURLToPath(new URL('../../src/launch/bench.mjs', import.meta.url))

describe('a comparison with Kafka Streams', () => {
  // In the short form ours alone: the other side's jars are large.
  it('fills, runs both sides, recounts the rows of both and shows them', async () => {
    const brokers = (await sharedBroker()).join(',')
    const peers = isLong ? 'millrace,kafka-streams' : 'millrace'
    const flags = ['--case', 'wcount', '--records', '2000', '--repeat', '1', '--peers', peers]
    const args = [launcher, 'compare', ...flags, '--brokers', brokers]
    const { stdout } = await run(process.execPath, args)
    expect(stdout).toMatch(isLong ? /\| all \/ all \|\n$/ : /\| – \/ all \|\n$/)
    const lines = stdout.split('\n').filter((line) => line.startsWith('{'))
    const rows = lines.map((line) => JSON.parse(line) as Record<string, number>)
    for (const { rows_due: due = 0, rows_right: right } of rows) {
      expect(due).toBeGreaterThan(1_000)
      expect(right).toBe(due)
    }
    expect(rows).toHaveLength(isLong ? 2 : 1)
  }, 300_000)
})
