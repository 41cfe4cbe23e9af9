/** Random lives of an application: whatever happens to it, every record counts exactly once. */
import { describe, expect, it } from 'vitest'
import { type CrashPoint, TopologyTestDriver } from '../../src/testing/index.ts'
import type { Topology } from '../../src/topology/topology.ts'
import { Random } from '../support/random.ts'
import {
  CountOperator,
  countStore,
  countTopic,
  FunctionOperator,
  node,
  sink,
  source,
  textTopic,
  topologyOf,
} from './small-topology.ts'

const input = textTopic('in')
const counts = countTopic('out')
const partitions = 3
/** `SEED=100 LIVES=50` looks further than every change has to. */
const firstSeed = Number(process.env['SEED'] ?? 1)
const lives = Number(process.env['LIVES'] ?? 6)
const deeds = 30

const points: readonly [CrashPoint, ...CrashPoint[]] = [
  'step 1',
  'step 2',
  'step 3',
  'step 3, unanswered',
  'step 4',
  'step 5',
]

/** `in` → by value through a repartition topic → count → `out`; a count on the way, too. */
function twoStages(): Topology {
  const firstStore = { ...countStore, name: 'first' }
  return topologyOf({
    nodes: [
      source('source', input),
      node('first', 'source', () => new CountOperator(firstStore), { stores: [firstStore] }),
      node('rekey', 'source', () => new FunctionOperator(sendOn), { topic: 'by-value' }),
      source('again', textTopic('by-value'), { internal: true }),
      node('count', 'again', () => new CountOperator(), { stores: [countStore] }),
      sink('sink', 'count', counts),
    ],
    repartitions: ['by-value'],
  })
}

function sendOn({ context }: FunctionOperator, _key: unknown, value: unknown, time: number): void {
  const bytes = Buffer.from(String(value))
  const partition = (bytes[0] ?? 0) % context.partitionCount('by-value')
  context.send(context.topicName('by-value'), partition, time, bytes, bytes)
}

/** What was sent, by value. */
type Sent = Map<string, number>

async function deed(driver: TopologyTestDriver, random: Random, sent: Sent): Promise<void> {
  const choice = random.next()
  if (choice < 0.5) {
    const records = Array.from({ length: 1 + random.below(4) }, () => random.pick(['a', 'b', 'c']))
    for (const value of records) sent.set(value, (sent.get(value) ?? 0) + 1)
    await driver.input(input).pipeAll(
      records.map((value) => ({
        key: random.pick(['k', 'l', 'm']),
        value,
        partition: random.below(partitions),
      }))
    )
  } else if (choice < 0.65) {
    await driver.commit()
  } else if (choice < 0.75) {
    driver.log.faults.failCommit('abort')
    await driver.commit()
  } else if (choice < 0.9) {
    const alive = driver.snapshots().length
    if (random.chance(0.3)) await driver.crash()
    else if (alive > 0) await driver.crash({ during: random.pick(points) })
    await driver.restart({ wipe: random.chance(0.2) })
  } else {
    await driver.rebalance(1 + random.below(3))
  }
}

async function live(seed: number, guarantee: 'exactly_once' | 'at_least_once') {
  const driver = await TopologyTestDriver.open(twoStages(), {
    partitions,
    commit: 'manual',
    caching: seed % 2 === 0,
    guarantee,
  })
  const random = new Random(seed)
  const sent: Sent = new Map()
  try {
    for (let i = 0; i < deeds; i++) await deed(driver, random, sent)
    driver.log.faults.clear()
    // A death that was to come in the middle of a commit may not have found one yet.
    for (let i = 0; i < 4; i++) {
      await driver.restart()
      await driver.commit()
    }
    await driver.restart()
    const out = driver.output(counts).readAll()
    const kept = await driver.store<{ n: number }>('counts').entries()
    const first = await driver.store<{ n: number }>('first').entries()
    return { sent, out, kept, first, seed }
  } finally {
    await driver.close()
  }
}

describe.each(['exactly_once', 'at_least_once'] as const)('an application, %s', (guarantee) => {
  it('counts every record once, whatever happens to it', async () => {
    for (let seed = firstSeed; seed < firstSeed + lives; seed++) {
      const { sent, out, kept, first } = await live(seed, guarantee)
      const found = new Map(kept.map(([key, { n }]) => [key, n]))
      expect(new Map([...found].sort()), `seed ${seed}`).toEqual(new Map([...sent].sort()))
      const all = [...sent.values()].reduce((sum, n) => sum + n, 0)
      expect(
        first.reduce((sum, [, { n }]) => sum + n, 0),
        `seed ${seed}`
      ).toBe(all)
      for (const [value, total] of sent) {
        const seen = out.filter(({ key }) => key === value).map(({ value }) => Number(value))
        const steps = [...seen].sort((a, b) => a - b)
        // Each count at most once, in order, and the last one is the total.
        expect(seen, `seed ${seed}, ${value}`).toEqual([...new Set(steps)])
        expect(seen.at(-1), `seed ${seed}, ${value}`).toBe(total)
      }
    }
  }, 600_000)
})
