import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { benchTopology } from '../../bench/cases.ts'
import { checkRows, type Verdict } from '../../bench/check.ts'
import { fill } from '../../bench/events.ts'
import { openLog, withLog } from '../../bench/log.ts'
import { measureRun } from '../../bench/measure.ts'
import { parseOptions } from '../../bench/options.ts'
import { StreamApp } from '../../src/index.ts'
import { silentLogger } from '../../src/log.ts'

const encoder = new TextEncoder()
const start = Date.UTC(2026, 0, 1)

/** Runs a case on an embedded log; `disturb` has a hand in what it put out. */
async function run(
  flags: readonly string[],
  disturb?: { readonly key: string; readonly value: string }
): Promise<Verdict | undefined> {
  const options = parseOptions([...flags, '--log', 'embedded'])
  const directory = await mkdtemp(join(tmpdir(), 'millrace-recount-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const { shape, records, partitions } = options
  const topic = { role: 'sink', partitions, create: true } as const
  await withLog(options, directory, 'fill', async (log) => {
    await log.prepare([{ name: 'in', ...topic }])
    await fill(log, 'in', shape)
  })
  const app = new StreamApp(benchTopology(options, 'in', 'out'), {
    applicationId: 'recounted',
    stateDir: join(directory, 'state'),
    log: () => openLog(options, directory, 'recounted'),
    logger: silentLogger,
  })
  await measureRun(app, 'in', records)
  return await withLog(options, directory, 'check', async (log) => {
    if (disturb !== undefined) {
      const key = encoder.encode(disturb.key)
      const value = encoder.encode(disturb.value)
      await log.append('out', [{ partition: 0, timestamp: start, key, value }])
    }
    return await checkRows(log, options, { input: 'in', output: 'out' })
  })
}

describe('the recount of a bench', () => {
  it.each([
    'pass',
    'count',
    'wcount',
    'wcount-final',
    'wcount-suppress',
    'hop',
    'hop-final',
    'hop-all',
    'hop-all-final',
    'hop-shard-final',
    'shop',
    'shop-app',
  ])('agrees with the engine, late records and all: %s', async (name) => {
    const partitions = name === 'hop-shard-final' ? '1' : '2'
    const shape = ['--records', '1500', '--disorder', '0.1:2h', '--keys', '50']
    const verdict = await run(['--case', name, '--partitions', partitions, ...shape])
    expect(verdict).toMatchObject({ faults: [] })
    expect(verdict?.right).toBe(verdict?.due)
    expect(verdict?.due).toBeGreaterThan(20)
  })

  it.each([
    ['count', { key: 's00000001', value: '3' }, /^s00000001: expected \d+, found 3$/],
    ['wcount-final', { key: 'nobody@0', value: '1' }, /^nobody@0: not expected$/],
    ['pass', { key: 'nobody', value: '{}' }, /^nobody@\d+: not expected$/],
  ])('finds what is wrong in %s', async (name, disturb, fault) => {
    const verdict = await run(['--case', name, '--records', '500', '--keys', '20'], disturb)
    expect(verdict?.faults).toEqual([expect.stringMatching(fault)])
  })

  it('says nothing where the order behind a repartition topic decides', async () => {
    const flags = ['--case', 'hop-shard-final', '--partitions', '2', '--records', '200']
    expect(await run(flags)).toBeUndefined()
  })
})
